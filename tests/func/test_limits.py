"""Limits that an operator sets."""

import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
from net import item, pb, refused, sha256, until


def test_below_the_disk_reserve_only_retractions_are_taken(net):
    hotline = net.node("hotline", ["ncii"])
    hotline.append("ncii", [item(1), item(2)])
    hotline.stop()
    if shutil.disk_usage(hotline.home).free >= 1 << 40:
        pytest.skip("the largest reserve is 1 TiB, and more is free here")
    hotline.configure("disk-reserve: 1TiB\n")
    hotline.start()
    with refused("RESOURCE_EXHAUSTED", "FULL") as problem:
        hotline.append("ncii", [item(3)])
    assert "disk-reserve" in problem.text
    hotline.publish.Retract(pb.RetractRequest(
        hash=pb.Hash(algorithm=pb.ALGORITHM_SHA256, digest=sha256(1)),
        reason=pb.RETRACT_REASON_WRONG), timeout=60)
    assert not hotline.match(sha256(1))
    until(lambda: hotline.match(sha256(2)), 60)


def test_a_peer_has_as_many_calls_open_as_the_configuration_says(net):
    hotline = net.organisation("hotline", ["ncii"], conf="calls-per-peer: 2\n")
    partner = net.organisation("partner")
    net.enrol(hotline, partner)
    hotline.start()
    federation = hotline.federation(partner)
    tails = [federation.Tail(pb.TailRequest(), timeout=60) for _ in range(2)]
    with ThreadPoolExecutor() as pool:
        assert all(news.caught_up for news in pool.map(next, tails))
    with refused("UNAVAILABLE", "BUSY"):
        next(federation.Tail(pb.TailRequest(), timeout=60))
    tails[0].cancel()

    def is_free():
        try:
            return next(federation.Tail(pb.TailRequest(), timeout=60)).caught_up
        except Exception:
            return False

    until(is_free, 60)
    tails[1].cancel()
