"""A publisher that is set back over a change-over: it has its entries again
from its peers, and carries nothing over twice."""

import shutil

import grpc
from net import item, pb, sha256, until
from test_epochs import COMPLETE, NEW, OLD, carried, goes_by, next_epoch
from test_restore import ASKS_PARTNER


def pair(net, count):
    hotline = net.node("hotline", ["ncii"], conf=ASKS_PARTNER)
    partner = net.node("partner")
    net.enrol(hotline, partner)
    hotline.reader = partner
    hotline.share("ncii", partner)
    partner.follow(OLD)
    for first in range(0, count, 1000):
        hotline.append("ncii", [item(n) for n in range(first, first + 1000)])
    until(lambda: partner.applied(OLD) == count and partner.match(sha256(count - 1)), 60)
    return hotline, partner


def lose_ledger(hotline):
    """Keys, ring and the signer's record stay."""
    hotline.kill()
    for name in ("ledger", "index", "views"):
        shutil.rmtree(hotline.lib / name, True)
    (hotline.lib / "ledger.notes").unlink(missing_ok=True)
    hotline.start()


def retract(node, **what):
    """As soon as it may."""
    def is_done():
        try:
            return node.publish.Retract(pb.RetractRequest(reason=1, **what), timeout=30).retracted
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.UNAVAILABLE, error
            return None
    return [(e.origin, e.index) for e in until(is_done, 60)]


def test_what_was_carried_over_before_the_ledger_was_lost_is_known_again(net):
    hotline, partner = pair(net, 3000)
    next_epoch(hotline)
    until(lambda: NEW in partner.sets() and partner.sets()[NEW].state == COMPLETE, 60)
    goes_by(partner, NEW)
    assert retract(hotline, hash=pb.Hash(algorithm=pb.ALGORITHM_SHA256, digest=sha256(5))) == [(NEW, 5)]
    until(lambda: partner.applied(NEW) == 3001, 30)
    lose_ledger(hotline)
    until(lambda: hotline.applied(NEW) == 3001, 60, "it was fetched back")
    # By its place in the old epoch, which stands for the one in the new.
    assert retract(hotline, entry=pb.EntryRef(origin=OLD, index=7)) == [(NEW, 7)]
    for node in (hotline, partner):
        until(lambda node=node: node.match(sha256(8)) and not node.match(sha256(7)), 30)
        assert not node.match(sha256(5)), "what was taken back before stays so"
    assert [i.predecessor.index for i in carried(hotline)] == list(range(3000))
