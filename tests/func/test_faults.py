"""A disk that is full."""

import os

import pytest
from disk import (ORIGIN, append_until_full, batch, digests, everything_is_there, fill, fill_all, retract, retract_batch,
                  retract_until_full, verdicts, warnings, works_again)
from net import hashes, item, pb, refused, sha256, until


def test_the_last_of_the_disk_is_kept_for_retractions(small):
    filler = fill(small, 11 << 20)
    count = append_until_full(small)
    assert 1 <= count < 100
    everything_is_there(small, count)

    answer = small.publish.Retract(pb.RetractRequest(hash=hashes(3)[0], reason=pb.RETRACT_REASON_WRONG), timeout=120)
    assert answer.count == 1
    until(lambda: not small.match(sha256(3)), 10)

    filler.unlink()
    size = small.append("ncii", batch(count), batch_id=b"%016d" % count).size
    assert size == 500 * (count + 1) + 1


def test_nothing_acknowledged_is_lost_when_the_disk_is_full(small):
    # Below the reserve from the beginning: so that the disk itself is full.
    small.stop()
    small.conf.write_text(small.conf.read_text().replace("disk-reserve: 8MiB", "disk-reserve: 0B"))
    small.start()
    filler = fill(small, 6 << 20)
    small.expect_error("")
    count = append_until_full(small)
    assert count >= 1
    filler.unlink()

    # The refused batch again: it was not stored, and is now, once.
    until(lambda: works_again(small, count), 20, "appends work again")
    everything_is_there(small, count + 1)
    small.restart()
    everything_is_there(small, count + 1)
    assert small.sets()[ORIGIN].applied == 500 * (count + 1)


# --- retractions that cannot be written ---------------------------------------------------


def test_a_retraction_that_cannot_be_written_acts_at_once_and_is_written_when_there_is_room(small):
    count, filler = fill_all(small)
    done = retract_until_full(small, count)
    for n in range(done + 1):
        assert not small.match(*digests(n)), "taken back, on the disk or not"
    assert len(small.match(*digests(done + 1))) == 500, "lookups go on"

    # Not acknowledged, and everybody is told how it stands.
    with refused("RESOURCE_EXHAUSTED", "FULL") as problem:
        retract_batch(small, done)
    assert "acts on this node in memory alone" in problem.text and "must be said again" in problem.text
    told, = warnings(small, "not written yet")
    assert told.startswith("500 retractions act here and are not written yet, 500 of them in memory alone")
    # Whether nothing at all can be written is another matter: what is small enough may find room.
    assert warnings(small, "only retractions and case events")
    assert "in memory alone" in small.hashfed("status")

    filler.unlink()
    until(lambda: not warnings(small, "not written yet"), 40, "it was written by itself")
    assert not warnings(small, "nothing can be written")
    assert small.sets()[ORIGIN].applied == 500 * (count + done + 1)
    small.restart()
    until(lambda: len(small.match(*digests(done + 1))) == 500, 20)
    assert not small.match(*digests(done))


def test_a_daemon_that_ends_before_it_could_write_a_retraction_says_so_and_matches_again(small):
    count, filler = fill_all(small)
    done = retract_until_full(small, count)
    small.stop()
    assert "never written, matches again after the next start" in small.log()
    filler.unlink()
    small.start()
    until(lambda: len(small.match(*digests(done))) == 500, 20, "what was not acknowledged is not there")
    until(lambda: not small.match(*digests(done - 1)), 20, "what was is read again")
    retract_batch(small, done)
    assert not small.match(*digests(done))


def test_a_retraction_that_the_store_has_no_room_for_is_kept_over_a_restart(net):
    """The ledger is at its largest, and the disk is not full: a file keeps it."""
    hotline = net.organisation("hotline", ["ncii"], conf="store-max: 64MiB\n").start()
    hotline.expect_error("")
    wide = [pb.Label(scheme="local", value="%0250d" % n) for n in range(16)]
    count = append_until_full(hotline, labels=wide)
    done = retract_until_full(hotline, count)
    with refused("RESOURCE_EXHAUSTED", "FULL") as problem:
        retract_batch(hotline, done)
    assert "acts on this node, is kept" in problem.text
    assert warnings(hotline, " 0 of them in memory alone") and not hotline.match(*digests(done))
    hotline.restart()
    until(lambda: warnings(hotline, " 0 of them in memory alone"), 20, "the intent is taken up again")
    until(lambda: len(hotline.match(*digests(done + 1))) == 500, 20)
    assert not hotline.match(*digests(done))
    hotline.stop()
    hotline.conf.write_text(hotline.conf.read_text().replace("store-max: 64MiB", "store-max: 256MiB"))
    hotline.start()
    until(lambda: os.listdir(hotline.lib / "intents") == [], 20, "written, and the intent gone")
    until(lambda: len(hotline.match(*digests(done + 1))) == 500, 20)
    assert not hotline.match(*digests(done))


def test_below_the_reserve_a_followed_set_takes_retractions_and_nothing_else(follower):
    hotline, provider = follower
    filler = fill(provider, 4 << 20)
    retract(hotline, 1)
    until(lambda: provider.applied(ORIGIN) == 501 and not provider.match(sha256(1)), 30, "a retraction goes in")
    hotline.append("ncii", [item(1000)])
    retract(hotline, 2)
    # Behind an entry that is not taken in, its header acts.
    until(lambda: verdicts(provider, 2) == {pb.VERDICT_REVIEW}, 30, "what is taken back is for review")
    assert provider.applied(ORIGIN) == 501 and verdicts(provider, 3) == {pb.VERDICT_BLOCK}
    assert warnings(provider, "only retractions and case events")
    filler.unlink()
    until(lambda: provider.applied(ORIGIN) == 503 and not provider.match(sha256(2)), 90, "and goes when there is room")
    until(lambda: provider.match(sha256(1000)) and not warnings(provider, "only retractions"), 30)


def test_with_nothing_left_at_all_a_followed_sets_retraction_acts_by_its_header(follower):
    hotline, provider = follower
    filler = fill(provider, 0)
    provider.expect_error("")
    hotline.append("ncii", [item(n) for n in range(1000, 1500)])
    for n in range(200):
        retract(hotline, n)
    until(lambda: all(verdicts(provider, n) in (set(), {pb.VERDICT_REVIEW}) for n in range(200)), 60)
    assert verdicts(provider, 300) == {pb.VERDICT_BLOCK}, "lookups go on"
    filler.unlink()
    until(lambda: provider.applied(ORIGIN) == 1200 and not provider.match(*[sha256(n) for n in range(200)]), 120)
