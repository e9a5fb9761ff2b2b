"""Batches that take long: nobody else waits for them, and they are answered in order."""

import concurrent.futures
import itertools
import os
import queue
import time
from pathlib import Path

import pytest

from net import item, pb, refused, sha256, until

# Past 47 bits every lookup is compared with everything: as dear as it gets.
POLICY = """
policy:
  - set: "*"
    near: 64
"""
COUNT = 8000
MOST = 10000


@pytest.fixture(scope="module")
def busy(shared):
    hotline = shared.organisation("hotline", ["ncii"], conf=POLICY)
    hotline.partner = shared.organisation("partner")
    shared.enrol(hotline, hotline.partner)
    hotline.start()
    hotline.append("ncii", [item(0)])
    for begin in range(0, COUNT, 4000):
        hotline.append("ncii", [pb.Item(content_class=pb.CONTENT_CLASS_NCII, hashes=[
            pb.Hash(algorithm=pb.ALGORITHM_PDQ, digest=os.urandom(32))]).SerializeToString() for _ in range(4000)])
    until(lambda: hotline.admin.GetStatus(pb.GetStatusRequest(), timeout=120).indexed >= COUNT, 60)
    # What takes half a second or so, whatever machine this is: a call may take thirty.
    began = time.monotonic()
    hotline.scanner.Match(near(500), timeout=120)
    hotline.large = int(min(MOST, max(100, 500 * 0.5 / (time.monotonic() - began))))
    return hotline


def near(count):
    return pb.MatchRequest(batches=[pb.DigestBatch(algorithm=pb.ALGORITHM_PDQ, digests=os.urandom(32 * count))])


def exact(count):
    return pb.MatchRequest(batches=[pb.DigestBatch(
        algorithm=pb.ALGORITHM_SHA256, digests=b"".join(sha256(n) for n in range(count)))])


def looked_up(node):
    """What the threads that look dear batches up have used of a core, in ticks."""
    ticks = 0
    for task in Path(f"/proc/{node.process.pid}/task").iterdir():
        name, rest = (task / "stat").read_text().rsplit(")", 1)
        if name.endswith("(match"):
            ticks += int(rest.split()[11])
    return ticks


def begin(node, call):
    """Make the call and wait until its batch is being looked up."""
    before = looked_up(node)
    made = call()
    until(lambda: looked_up(node) > before, 60)
    return made


def test_small_calls_are_answered_while_large_near_batches_are_looked_up(busy):
    federation = busy.federation(busy.partner)
    federation.Hello(pb.HelloRequest(version_min=1, version_max=1, format_min=1, format_max=1), timeout=120)  # connected from here on

    def is_answered_meanwhile():
        large = begin(busy, lambda: [busy.scanner.Match.future(near(busy.large), timeout=120) for _ in range(4)])
        assert [hit.index for hit in busy.match(sha256(0))] == [0]
        hello = pb.HelloRequest(version_min=1, version_max=1, format_min=1, format_max=1)
        assert federation.Hello(hello, timeout=120).format_max
        is_meanwhile = not any(call.done() for call in large)
        for call in large:
            answer = call.result()
            assert answer.items == busy.large and not answer.hits
        return is_meanwhile
    # Who had to wait for them would never be; we may be late to look.
    until(is_answered_meanwhile, 60, "the small calls are answered first")


def test_the_batches_of_a_stream_are_answered_in_order_whatever_they_take(busy):
    sent = [near(2000), exact(1), near(100), exact(3), near(1), pb.MatchRequest(), exact(2)]
    answers = list(busy.scanner.MatchStream((pb.MatchStreamRequest(batch=batch) for batch in sent), timeout=120))
    assert [answer.batch.items for answer in answers] == [2000, 1, 100, 3, 1, 0, 2]
    assert [len(answer.batch.hits) for answer in answers] == [0, 1, 0, 1, 0, 0, 1]


def test_who_leaves_while_his_batch_is_looked_up_takes_nobody_along(busy):
    call = begin(busy, lambda: busy.scanner.Match.future(near(busy.large), timeout=120))
    requests = queue.Queue()
    requests.put(pb.MatchStreamRequest(batch=near(busy.large)))
    stream = begin(busy, lambda: busy.scanner.MatchStream(iter(requests.get, None)))
    call.cancel()
    stream.cancel()
    requests.put(None)
    assert busy.match(sha256(0))
    assert busy.scanner.Match(near(100), timeout=120).items == 100


def test_a_stop_answers_the_batch_that_was_read_and_no_other(busy):
    """There is always one more, so that answering them all would never end."""
    requests = itertools.repeat(pb.MatchStreamRequest(batch=near(busy.large)))
    stream = begin(busy, lambda: busy.scanner.MatchStream(requests))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        stopping = pool.submit(busy.stop)
        assert next(stream).batch.items == busy.large
        with refused("UNAVAILABLE") as problem:
            for answer in stream:
                assert answer.batch.items == busy.large
        assert problem.text != "Cancelling all calls", "it ended by itself, before it was made to"
        stopping.result()
