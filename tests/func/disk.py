"""A small disk of its own for a node's state, filled as far as a test wants it."""

import contextlib
import ctypes
import errno
import os
import shutil

import grpc
import pytest
from net import item, pb, refused, sha256, until

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


def fill(node, left):
    """Leave so many bytes of the disk; again, when the node let go of some."""
    room = os.statvfs(node.lib)
    path = node.lib / "filler"
    more = max(0, room.f_bavail * room.f_frsize - left)
    with open(path, "ab", buffering=0) as file:
        try:
            while more > 0:
                more -= file.write(bytes(min(more, 1 << 20)))
        except OSError as error:
            # The node took some meanwhile.
            assert error.errno == errno.ENOSPC and left == 0, error
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
    done = node.admin.VerifySet(pb.VerifySetRequest(set=ORIGIN), timeout=120)
    assert (done.payloads, done.missing) == (done.size, 0) and done.size >= 500 * batches


def works_again(node, n):
    try:
        return node.append("ncii", batch(n), batch_id=b"%016d" % n).ranges[0].first == 500 * n
    except grpc.RpcError as error:
        assert error.code() in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE), error
        return False


def retract(node, n):
    return node.publish.Retract(pb.RetractRequest(entry=pb.EntryRef(origin="ncii", index=n),
                                                  reason=pb.RETRACT_REASON_WRONG), timeout=120)


def retract_batch(node, n):
    """With a note, so that it takes half a megabyte."""
    return node.publish.Retract(pb.RetractRequest(batch_id=b"%016d" % n, reason=pb.RETRACT_REASON_WRONG, note="x" * 1000),
                                timeout=120)


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
    return [w for w in node.admin.GetStatus(pb.GetStatusRequest(), timeout=120).warnings if word in w]


def verdicts(node, n):
    return {hit.verdict for hit in node.match(sha256(n))}
