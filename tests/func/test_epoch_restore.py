"""A publisher that is set back over a change-over: it has its entries again
from its peers, and carries nothing over twice."""

import shutil

import grpc
from forks import copied, swapped
from net import item, pb, refused, sha256, until
from test_epochs import COMPLETE, NEW, OLD, SUCCEEDED, carried, goes_by, next_epoch
from test_restore import ASKS_PARTNER

INCOMPLETE = pb.SET_STATE_INCOMPLETE


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


def lose_all_since(net, hotline, copy):
    """The whole machine, signer and ring included, is as it was."""
    hotline.kill()
    swapped(net, hotline, copy)
    hotline.start()


def soon(call):
    """What it answers, once the signer has heard its peers."""
    def answer():
        try:
            return call()
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.UNAVAILABLE, error
            return None
    return until(answer, 60)


def retract(node, **what):
    answer = soon(lambda: node.publish.Retract(pb.RetractRequest(reason=1, **what), timeout=120))
    return [(e.origin, e.index) for e in answer.retracted]


def test_a_machine_set_back_to_before_a_change_over_learns_of_it_from_its_members(net):
    hotline, partner = pair(net, 1000)
    third = net.node("third")
    net.enrol(hotline, third)
    hotline.stop()
    copy = copied(net, hotline)
    hotline.start()
    hotline.share("ncii", third)
    soon(lambda: next_epoch(hotline))
    for node in (hotline, partner):
        until(lambda: NEW in node.sets() and node.sets()[NEW].state == COMPLETE, 60)
    soon(lambda: next_epoch(hotline))
    third_epoch = hotline.origin("ncii", 3)
    until(lambda: third_epoch in partner.sets() and partner.sets()[third_epoch].state == COMPLETE, 60)
    for node in (hotline, partner):
        goes_by(node, third_epoch)
    assert retract(hotline, hash=pb.Hash(algorithm=pb.ALGORITHM_SHA256, digest=sha256(5))) == [(third_epoch, 5)]
    until(lambda: partner.applied(third_epoch) == 1001, 30)
    lose_all_since(net, hotline, copy)
    for origin in (NEW, third_epoch):
        until(lambda origin=origin: origin in hotline.sets() and hotline.sets()[origin].state != INCOMPLETE and
              hotline.applied(origin) == partner.applied(origin), 60, f"{origin} was fetched back")
    until(lambda: hotline.log().count("agreement of ours taken back") == 3, 30, "with the one that the third is in")
    assert "third.example" in hotline.sets()[OLD].members
    # The signer knew of them before it was asked to begin them.
    assert "wants a proof" not in hotline.log() and "without knowing what was signed" not in hotline.log()
    for old in (OLD, NEW):
        until(lambda old=old: hotline.sets()[old].frozen_reason.startswith("it goes on in"), 60, f"{old} is closed")
    # What is published now goes where members look for it, and nowhere else.
    until(lambda: hotline.sets()[OLD].state == hotline.sets()[NEW].state == SUCCEEDED, 30)
    for old in (OLD, NEW):
        with refused("FAILED_PRECONDITION", "FROZEN"):
            hotline.append(old, [item(5000)])
    assert retract(hotline, entry=pb.EntryRef(origin=OLD, index=7)) == [(third_epoch, 7)]
    soon(lambda: hotline.append("ncii", [item(5000)]))
    until(lambda: partner.match(sha256(5000)) and not partner.match(sha256(7)), 30)
    assert [h.origin for h in partner.match(sha256(5000))] == [third_epoch]
    assert not partner.match(sha256(5))
    until(lambda: hotline.match(sha256(5000)) and not hotline.match(sha256(5)), 30)


def test_what_was_carried_over_before_the_ledger_was_lost_is_known_again(net):
    hotline, partner = pair(net, 3000)
    next_epoch(hotline)
    until(lambda: NEW in partner.sets() and partner.sets()[NEW].state == COMPLETE, 60)
    for node in (hotline, partner):
        goes_by(node, NEW)
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
