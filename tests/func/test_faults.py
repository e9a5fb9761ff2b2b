"""A disk that is full."""

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


@pytest.fixture
def small(net):
    """A publisher whose state is on a small disk; the last 8 MiB are kept."""
    node = net.organisation("hotline", ["ncii"], conf="disk-reserve: 8MiB\n")
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


def fill(node, left):
    """Leave so many bytes of the disk."""
    room = os.statvfs(node.lib)
    path = node.lib / "filler"
    with open(path, "ab") as file:
        file.write(bytes(max(0, room.f_bavail * room.f_frsize - left)))
    return path


def batch(n, size=500):
    return [item(i) for i in range(n * size, (n + 1) * size)]


def append_until_full(node):
    """Batches until one is refused; how many were acknowledged."""
    for n in range(1000):
        try:
            node.append("ncii", batch(n), batch_id=b"%016d" % n)
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
