"""SIGTERM: what was acknowledged stays, what was not is said not to be."""

import os
import queue
import threading

import grpc
import pytest

from net import item, pb, refused, sha256, until


def test_a_stop_ends_open_calls_and_keeps_what_it_acknowledged(net):
    hotline, partner = net.organisation("hotline", ["ncii"]), net.organisation("partner")
    hotline.enrol(partner, "--silent")
    hotline.start()
    tail = hotline.federation(partner).Tail(pb.TailRequest())
    assert next(tail).caught_up
    stream_requests = queue.Queue()
    stream = hotline.scanner.MatchStream(iter(stream_requests.get, None))
    stream_requests.put(pb.MatchStreamRequest(batch=pb.MatchRequest()))
    assert next(stream).batch.items == 0
    acknowledged, failed = [], []
    begun = threading.Event()

    def append(number):
        stub = pb.PublishStub(grpc.insecure_channel(f"unix:{hotline.home}/run/analyst.sock"))
        for n in range(100000):
            index = number * 1000000 + n
            try:
                stub.Append(iter([pb.AppendRequest(set="ncii", batch_id=os.urandom(16), items=[item(index)])]), timeout=60)
            except grpc.RpcError as error:
                failed.append(error.code())
                return
            acknowledged.append(index)
            if len(acknowledged) > 50:
                begun.set()

    writers = [threading.Thread(target=append, args=(n,)) for n in range(4)]
    for writer in writers:
        writer.start()
    assert begun.wait(120)
    hotline.stop()
    assert " calls cut off " not in hotline.log()
    for writer in writers:
        writer.join(120)
    assert len(failed) == 4
    assert set(failed) <= {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
    for call in (tail, stream):
        with refused("UNAVAILABLE"):
            next(call)
    stream_requests.put(None)

    hotline.start()
    for at in range(0, len(acknowledged), 5000):
        some = acknowledged[at:at + 5000]
        until(lambda: {hit.item for hit in hotline.match(*[sha256(n) for n in some])} == set(range(len(some))), 60)
    answer = hotline.admin.VerifySet(pb.VerifySetRequest(set="ncii"), timeout=60)
    assert answer.size >= len(acknowledged) and answer.missing == 0


def test_an_append_that_is_half_sent_does_not_hold_up_a_stop_for_longer_than_the_grace(net):
    hotline = net.node("hotline", ["ncii"])
    requests = queue.Queue()
    requests.put(pb.AppendRequest(set="ncii", batch_id=os.urandom(16), items=[item(1)]))
    call = hotline.publish.Append.future(iter(requests.get, None))
    until(lambda: hotline.match(sha256(1)), 60)
    hotline.stop()
    assert " calls cut off " in hotline.log()
    with pytest.raises(grpc.RpcError):
        call.result(timeout=60)
    requests.put(None)


def test_the_signer_that_was_started_with_it_ends_with_it_also_after_kill_9(net):
    hotline = net.node("hotline", ["ncii"])
    hotline.append("ncii", [item(1)])
    # Both look for what is left of the process group.
    hotline.kill()
    hotline.start()
    assert hotline.append("ncii", [item(2)]).size == 2
    hotline.stop()


def test_idle_clients_do_not_hold_up_a_stop(net):
    hotline = net.node("hotline", ["ncii"])
    for duty in ("operator", "analyst", "scanner", "reader"):
        pb.AdminStub(hotline.channel(duty)).GetStatus(pb.GetStatusRequest(), timeout=60)
    hotline.stop()
    assert " calls cut off " not in hotline.log()


def test_sighup_reads_the_ring_again_and_goes_on(net):
    hotline = net.node("hotline", ["ncii"])
    hotline.process.send_signal(1)
    until(lambda: "ring: read again" in hotline.log(), 60)
    assert hotline.append("ncii", [item(1)]).size == 1
