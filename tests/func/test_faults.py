"""A disk that is full."""

import contextlib
import ctypes
import os
import shutil

import grpc
import pytest
from net import hashes, item, pb, refused, sha256, until

DISK_BYTES = 48 << 20
ORIGIN = "hotline.example/ncii/1"

libc = ctypes.CDLL(None, use_errno=True)


def mount(path):
    """A small disk of its own at path, or a skip with the reason."""
    if libc.mount(b"hashfed-test", os.fsencode(path), b"tmpfs", 0, b"size=%d" % DISK_BYTES) != 0:
        pytest.skip("cannot mount a small disk here: " + os.strerror(ctypes.get_errno()))


@contextlib.contextmanager
def small_disk(node):
    """The node's state is on a small disk."""
    saved = node.home / "saved"
    node.lib.rename(saved)
    node.lib.mkdir(mode=0o700)
    mount(node.lib)
    try:
        shutil.copytree(saved, node.lib, dirs_exist_ok=True, symlinks=True)
        yield node.start()
        node.stop()
    finally:
        if node.process is not None:
            node.kill()
        libc.umount2(os.fsencode(node.lib), 0)


@pytest.fixture
def small(net):
    """A publisher whose state is on a small disk; the last 8 MiB are kept."""
    with small_disk(net.organisation("hotline", ["ncii"], conf="disk-reserve: 8MiB\n")) as node:
        yield node


@pytest.fixture
def follower(net):
    """A publisher, and a provider that follows it on a small disk."""
    hotline = net.node("hotline", ["ncii"])
    provider = net.organisation("provider", conf="disk-reserve: 8MiB\n")
    net.enrol(hotline, provider)
    with small_disk(provider):
        hotline.share("ncii", provider)
        provider.follow(ORIGIN)
        hotline.append("ncii", [item(n) for n in range(500)])
        until(lambda: provider.applied(ORIGIN) == 500 and provider.match(sha256(499)), 30)
        yield hotline, provider


def fill(node, left):
    """Leave so many bytes of the disk."""
    room = os.statvfs(node.lib)
    path = node.lib / "filler"
    with open(path, "ab") as file:
        file.write(bytes(max(0, room.f_bavail * room.f_frsize - left)))
    return path


def batch(n, size=500, **fields):
    return [item(i, **fields) for i in range(n * size, (n + 1) * size)]


def append_until_full(node, **fields):
    """Batches until one is refused; how many were acknowledged."""
    for n in range(1000):
        try:
            node.append("ncii", batch(n, **fields), batch_id=b"%016d" % n)
        except grpc.RpcError as error:
            with refused("RESOURCE_EXHAUSTED", "FULL"):
                raise error
            return n
    raise AssertionError("the disk never became full")


def everything_is_there(node, batches):
    for n in range(batches):
        wanted = range(500 * n, 500 * (n + 1))
        digests = [sha256(i) for i in wanted]
        until(lambda: {hit.index for hit in node.match(*digests)} == set(wanted), 20)
    done = node.admin.VerifySet(pb.VerifySetRequest(set=ORIGIN), timeout=30)
    assert (done.payloads, done.missing) == (done.size, 0) and done.size >= 500 * batches


def test_the_last_of_the_disk_is_kept_for_retractions(small):
    filler = fill(small, 11 << 20)
    count = append_until_full(small)
    assert 1 <= count < 100
    everything_is_there(small, count)

    answer = small.publish.Retract(pb.RetractRequest(hash=hashes(3)[0], reason=pb.RETRACT_REASON_WRONG), timeout=30)
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


def works_again(node, n):
    try:
        return node.append("ncii", batch(n), batch_id=b"%016d" % n).ranges[0].first == 500 * n
    except grpc.RpcError as error:
        assert error.code() in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE), error
        return False


# --- retractions that cannot be written ---------------------------------------------------


def retract(node, n):
    return node.publish.Retract(pb.RetractRequest(entry=pb.EntryRef(origin="ncii", index=n),
                                                  reason=pb.RETRACT_REASON_WRONG), timeout=30)


def retract_batch(node, n):
    """With a note, so that it takes half a megabyte."""
    return node.publish.Retract(pb.RetractRequest(batch_id=b"%016d" % n, reason=pb.RETRACT_REASON_WRONG, note="x" * 1000),
                                timeout=30)


def fill_all(node):
    """As many batches as it takes, and then not a page more on the disk, nor a
    file.  A new start, so that no file of the index goes away meanwhile."""
    count = append_until_full(node)
    node.restart()
    until(lambda: len(node.match(*digests(count - 1))) == 500, 20)
    node.expect_error("")
    (node.lib / "intents").touch()
    return count, fill(node, 0)


def digests(n):
    return [sha256(i) for i in range(500 * n, 500 * (n + 1))]


def retract_until_full(node, count):
    """Take back one batch after the other until there is no room for it, not
    even in the files that are there; how many went in."""
    for n in range(count - 1):
        try:
            retract_batch(node, n)
        except grpc.RpcError as error:
            with refused("RESOURCE_EXHAUSTED", "FULL"):
                raise error
            return n
    raise AssertionError("every retraction was written")


def warnings(node, word):
    return [w for w in node.admin.GetStatus(pb.GetStatusRequest(), timeout=30).warnings if word in w]


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
    assert warnings(small, "nothing can be written") and warnings(small, "only retractions and case events")
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
    assert not small.match(*digests(done - 1))
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
    assert not hotline.match(*digests(done)) and len(hotline.match(*digests(done + 1))) == 500
    hotline.stop()
    hotline.conf.write_text(hotline.conf.read_text().replace("store-max: 64MiB", "store-max: 256MiB"))
    hotline.start()
    until(lambda: os.listdir(hotline.lib / "intents") == [], 20, "written, and the intent gone")
    assert not hotline.match(*digests(done)) and len(hotline.match(*digests(done + 1))) == 500


def verdicts(node, n):
    return {hit.verdict for hit in node.match(sha256(n))}


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
    assert provider.match(sha256(1000)) and not warnings(provider, "only retractions")


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
