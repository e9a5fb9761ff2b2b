"""A disk without a byte left: what still goes in, and what acts all the same."""

import pytest
from disk import ORIGIN, batch, digests, fill, fill_all, retract, retract_until_full, small_disk, verdicts, warnings
from net import item, pb, refused, sha256, until
from takedown import case, cases, notice, reaches, say, send, state
from test_place import Place
from test_retract import MARKER, holding, marked

ONE = b"one".ljust(16, b".")


def starve(node):
    """Ends as a machine that lost its power, and starts again without a byte on
    its disk, nor the files of the index that the last run had for others."""
    node.kill()
    for kind in ("memory-*", "table-*", "sets-*"):
        for path in [*(node.lib / "index").glob(kind), *(node.lib / "retracted").glob(kind)]:
            path.unlink()
    filler = fill(node, 0)
    node.expect_error("")
    node.start()
    return filler


def sees_in_place(node):
    place = Place(node)
    try:
        return place.error == 0 and place.match(sha256(999)) and not place.match(sha256(7))
    finally:
        place.close()


# --- a start ------------------------------------------------------------------------------


def test_a_publisher_starts_on_a_disk_with_nothing_left(small):
    small.append("ncii", batch(0), batch_id=b"%016d" % 0)
    until(lambda: len(small.match(*[sha256(n) for n in range(500)])) == 500, 20)
    filler = starve(small)
    until(lambda: len(small.match(*[sha256(n) for n in range(500)])) == 500, 20, "it matches on what it has")
    assert warnings(small, "only retractions and case events")
    until(lambda: warnings(small, "the match index cannot be written"), 20)
    assert "the match index cannot be written" in small.hashfed("status")
    with refused("RESOURCE_EXHAUSTED", "FULL") as problem:
        small.append("ncii", batch(1), batch_id=ONE)
    assert "kept for retractions and cases; make room" in problem.text
    place = Place(small)
    assert place.error != 0, "who looks up in place is told that it cannot see all"
    place.close()

    # A retraction acts, as on a disk that filled up later.
    small.hashfed("retract", sha256(7).hex(), "--reason", "wrong")
    assert not small.match(sha256(7))

    filler.unlink()
    until(lambda: not warnings(small, "cannot be written") and not warnings(small, "not written yet"), 60)
    small.append("ncii", batch(1), batch_id=ONE)
    until(lambda: small.match(sha256(999)), 20)
    until(lambda: sees_in_place(small), 30)
    small.restart()
    until(lambda: small.match(sha256(999)), 20)
    assert not small.match(sha256(7)) and small.match(sha256(8))


def test_a_provider_starts_on_a_disk_with_nothing_left_and_hears_of_retractions(follower):
    hotline, provider = follower
    filler = starve(provider)
    until(lambda: provider.match(sha256(499)), 20, "it matches on what it has")
    retract(hotline, 3)
    hotline.append("ncii", [item(n) for n in range(1000, 1500)])
    until(lambda: verdicts(provider, 3) in (set(), {pb.VERDICT_REVIEW}), 60, "what is taken back does not block")
    assert verdicts(provider, 4) == {pb.VERDICT_BLOCK}
    filler.unlink()
    until(lambda: provider.applied(ORIGIN) == 1001 and not provider.match(sha256(3)), 120)
    until(lambda: provider.match(sha256(1499)), 20)


# --- cases --------------------------------------------------------------------------------


@pytest.fixture
def parties(net):
    """A hotline, and a provider on a small disk; one case is open."""
    hotline = net.organisation("hotline")
    provider = net.organisation("provider", conf="disk-reserve: 8MiB\n")
    net.enrol(hotline, provider)
    hotline.start()
    with small_disk(provider):
        first = send(hotline, notice("provider.example")).case_id
        reaches(hotline, first, "ACKNOWLEDGED")
        reaches(provider, first, "ACKNOWLEDGED")
        yield hotline, provider, first


def test_below_the_reserve_events_of_cases_go_in(parties):
    hotline, provider, first = parties
    filler = fill(provider, 4 << 20)
    assert warnings(provider, "only retractions and case events")
    second = send(hotline, notice("provider.example")).case_id
    reaches(hotline, second, "ACKNOWLEDGED")
    say(provider, second, "REMOVED")
    reaches(hotline, second, "REMOVED")
    say(hotline, first, "WITHDRAW", reason=pb.CASE_REASON_VICTIM_WISH)
    reaches(provider, first, "WITHDRAWN")
    provider.kill()
    provider.start()
    reaches(provider, first, "WITHDRAWN")
    reaches(provider, second, "REMOVED")
    assert cases(provider)[second].in_memory == 0 and not warnings(provider, "in memory alone")
    filler.unlink()


def shown(node, case_id):
    """Each event's kind, and whether it acts in memory alone."""
    return [(pb.CaseEventKind.Name(e.event.kind)[16:], e.is_in_memory) for e in case(node, case_id).events]


def notify_until_full(hotline, provider):
    """Notices until one is not kept: its case."""
    for n in range(100):
        case_id = send(hotline, notice("provider.example", explanation="%05d" % n + "x" * 4000)).case_id
        until(lambda: case_id in cases(provider), 60, "each of them is seen")
        if cases(provider)[case_id].in_memory > 0:
            return case_id
        fill(provider, 0)
    raise AssertionError("every notice was kept")


def test_with_nothing_left_events_of_cases_act_in_memory_and_are_not_acknowledged(parties):
    hotline, provider, first = parties
    filler = fill(provider, 0)
    provider.expect_error("")
    second = notify_until_full(hotline, provider)
    say(hotline, first, "WITHDRAW", reason=pb.CASE_REASON_VICTIM_WISH)
    reaches(provider, first, "WITHDRAWN", 60)
    assert shown(provider, second) == [("NOTICE", True)]
    assert case(provider, second).events[0].event.notice.explanation.endswith("xxx")
    assert shown(provider, first)[-1] == ("WITHDRAW", True) and shown(provider, first)[0] == ("NOTICE", False)
    told, = warnings(provider, "neither kept nor acknowledged")
    assert told.startswith("2 case events act in memory alone")
    assert "in memory alone" in provider.hashfed("cases")
    assert "in memory alone" in provider.hashfed("cases", "show", second)
    assert state(hotline, second) not in ("DELIVERED", "ACKNOWLEDGED"), "nobody is told that it is kept"
    with refused("RESOURCE_EXHAUSTED", "FULL") as problem:
        say(provider, second, "REMOVED")
    assert "the disk is full" in problem.text

    # Killed: of what was never acknowledged nothing is left, and it comes again.
    acknowledged = [i for i, c in cases(hotline).items() if c.acknowledged_ms]
    provider.kill()
    provider.start()
    until(lambda: second in cases(provider) and state(provider, first) == "WITHDRAWN", 60, "it comes again")

    filler.unlink()
    reaches(hotline, second, "ACKNOWLEDGED", 90)
    until(lambda: not warnings(provider, "in memory alone"), 30)
    provider.kill()
    provider.start()
    until(lambda: second in cases(provider) and shown(provider, second) == [("NOTICE", False), ("RECEIPT", False)], 30)
    until(lambda: shown(provider, first)[-1] == ("WITHDRAW", False), 30)
    assert set(acknowledged) <= set(cases(provider))
    say(provider, second, "REMOVED")
    reaches(hotline, second, "REMOVED")


# --- what is brought by who cannot be dialled ---------------------------------------------


@pytest.fixture
def brought(net):
    """A hotline that nobody can dial brings its set, and cases, to a provider on
    a small disk."""
    hotline = net.node("hotline", ["ncii"], endpoint=False)
    provider = net.organisation("provider", conf="disk-reserve: 8MiB\n")
    net.enrol(hotline, provider)
    with small_disk(provider):
        hotline.share("ncii", provider)
        provider.follow(ORIGIN)
        hotline.append("ncii", [item(n) for n in range(500)])
        until(lambda: provider.applied(ORIGIN) == 500 and provider.match(sha256(499)), 30)
        yield hotline, provider


def test_a_retraction_that_is_brought_acts_though_nothing_can_be_stored(brought):
    hotline, provider = brought
    filler = fill(provider, 0)
    provider.expect_error("")
    hotline.expect_error("")
    hotline.append("ncii", [item(n) for n in range(1000, 2500)])
    retract(hotline, 1)
    until(lambda: verdicts(provider, 1) in (set(), {pb.VERDICT_REVIEW}), 60, "behind what does not fit")
    assert provider.applied(ORIGIN) < 2001 and verdicts(provider, 2) == {pb.VERDICT_BLOCK}
    filler.unlink()
    until(lambda: provider.applied(ORIGIN) == 2001 and not provider.match(sha256(1)), 120)


def test_below_the_reserve_a_retraction_that_is_brought_behind_others_acts(brought):
    hotline, provider = brought
    filler = fill(provider, 4 << 20)
    hotline.expect_error("")
    hotline.append("ncii", [item(n) for n in range(1000, 1800)])
    retract(hotline, 1)
    until(lambda: verdicts(provider, 1) == {pb.VERDICT_REVIEW}, 60)
    assert provider.applied(ORIGIN) == 500 and verdicts(provider, 2) == {pb.VERDICT_BLOCK}
    filler.unlink()
    until(lambda: provider.applied(ORIGIN) == 1301 and not provider.match(sha256(1)), 120)


def test_an_event_of_a_case_that_is_brought_acts_in_memory(brought):
    hotline, provider = brought
    first = send(hotline, notice("provider.example")).case_id
    reaches(hotline, first, "ACKNOWLEDGED")
    filler = fill(provider, 0)
    provider.expect_error("")
    hotline.expect_error("")
    second = notify_until_full(hotline, provider)
    assert shown(provider, second) == [("NOTICE", True)]
    filler.unlink()
    reaches(hotline, second, "ACKNOWLEDGED", 120)
    # Who wrote the receipt may read it back later than who got it.
    until(lambda: shown(provider, second) == [("NOTICE", False), ("RECEIPT", False)], 30)


# --- erasure ------------------------------------------------------------------------------


@pytest.fixture
def erasers(net):
    """As `follower`; both erase within a second."""
    hotline = net.organisation("hotline", ["ncii"], conf="erase-within: 1s\n").start()
    provider = net.organisation("provider", conf="disk-reserve: 8MiB\nerase-within: 1s\n")
    net.enrol(hotline, provider)
    with small_disk(provider):
        hotline.share("ncii", provider)
        provider.follow(ORIGIN)
        hotline.append("ncii", [item(n) for n in range(500)] + [marked(500)])
        until(lambda: provider.applied(ORIGIN) == 501 and provider.match(sha256(500)), 30)
        yield hotline, provider


def erase(node, n):
    return node.publish.Retract(pb.RetractRequest(entry=pb.EntryRef(origin="ncii", index=n), erase=True,
                                                  reason=pb.RETRACT_REASON_ORDERED), timeout=120)


def owed(node):
    return warnings(node, "still in the files")


def test_below_the_reserve_what_is_erased_is_gone_at_once_and_leaves_the_files_when_there_is_room(erasers):
    hotline, provider = erasers
    filler = fill(provider, 6 << 20)
    erase(hotline, 500)
    until(lambda: provider.applied(ORIGIN) == hotline.applied(ORIGIN) and not provider.match(sha256(500)), 30)
    done = provider.admin.VerifySet(pb.VerifySetRequest(set=ORIGIN), timeout=120)
    assert (done.payloads, done.missing) == (500, 0), "that of the ADD is not there, and not missing"
    told, = until(lambda: owed(provider), 30, "it is said that it is owed")
    assert "disk-reserve" in told and "still in the files" in provider.hashfed("status")
    assert holding(provider, MARKER.encode())
    # The copy does not take what is kept for such as this.
    retract(hotline, 1)
    until(lambda: not provider.match(sha256(1)), 30)
    filler.unlink()
    until(lambda: not owed(provider) and not holding(provider, MARKER.encode()), 60, "erased from the files")
    assert not provider.match(sha256(500)) and provider.match(sha256(499))


def test_with_nothing_left_what_is_erased_is_for_review_and_erased_when_there_is_room(erasers):
    hotline, provider = erasers
    filler = fill(provider, 0)
    provider.expect_error("")
    hotline.append("ncii", [item(n) for n in range(1000, 1500)])
    erase(hotline, 500)
    until(lambda: verdicts(provider, 500) in (set(), {pb.VERDICT_REVIEW}), 60, "by its header")
    assert verdicts(provider, 499) == {pb.VERDICT_BLOCK}
    filler.unlink()
    until(lambda: provider.applied(ORIGIN) == hotline.applied(ORIGIN) and not provider.match(sha256(500)), 120)
    until(lambda: not holding(provider, MARKER.encode()), 60, "erased from the files")


@pytest.fixture
def eraser(small):
    """A publisher that erases within a second, with two entries to erase."""
    small.stop()
    small.configure("erase-within: 1s\n")
    small.start()
    small.append("ncii", [marked(900000), marked(900001)])
    until(lambda: small.match(sha256(900001)), 20)
    return small


def test_a_publisher_erases_below_the_reserve(eraser):
    filler = fill(eraser, 5 << 20)
    with refused("RESOURCE_EXHAUSTED", "FULL") as problem:
        eraser.append("ncii", batch(1), batch_id=ONE)
    assert "make room, or lower disk-reserve" in problem.text
    assert "retracted" in eraser.hashfed("retract", "ncii", "0", "--erase", "--reason", "ordered")
    assert not eraser.match(sha256(900000)) and eraser.match(sha256(900001))
    told, = until(lambda: owed(eraser), 30)
    assert told.startswith("erasing: 1 payloads are deleted, and still in the files")
    filler.unlink()
    until(lambda: not owed(eraser) and not holding(eraser, sha256(900000)), 60)


def test_a_publisher_with_nothing_left_stops_matching_and_erases_when_there_is_room(eraser):
    fill(eraser, 20 << 20)  # so that a copy fits once that is gone
    count, filler = fill_all(eraser)
    done = retract_until_full(eraser, count)
    with refused("RESOURCE_EXHAUSTED", "FULL") as problem:
        eraser.publish.Retract(pb.RetractRequest(batch_id=b"%016d" % (done + 1), erase=True, note="x" * 1000,
                                                 reason=pb.RETRACT_REASON_ORDERED), timeout=120)
    assert "acts on this node in memory alone" in problem.text
    gone = digests(done + 1)
    assert not eraser.match(*gone) and eraser.match(sha256(900000)), "stopped, though not written"
    assert holding(eraser, gone[0])
    filler.unlink()
    until(lambda: not warnings(eraser, "not written yet"), 60, "it was written by itself")
    until(lambda: not owed(eraser) and not holding(eraser, gone[0]), 90, "and is erased")
    assert eraser.match(sha256(900000)) and not eraser.match(*gone)
