"""A publisher that comes back from an old copy of the whole machine, its
signer's record included: what peers hold is asked before anything is signed."""

import os
import re
import shutil
import signal

import grpc
import pytest
from forks import copied, swapped
from liar import Relay
from net import item, pb, refused, sha256, until

ASKS_PARTNER = "checkpoint-peers: [partner.example]\n"


def pair(net, follows):
    """A hotline that wants its partner's word, and the partner."""
    hotline = net.organisation("hotline", ["ncii", "own"], conf=ASKS_PARTNER)
    partner = net.organisation("partner")
    net.enrol(hotline, partner)
    hotline.start()
    partner.start()
    hotline.share("ncii", partner)
    if follows:
        partner.follow(hotline.origin("ncii"))
    return hotline, partner


def refusal(hotline, n):
    """What an append is refused with; None when it is not."""
    try:
        hotline.append("ncii", [item(n)], batch_id=bytes([n]) * 16)
    except grpc.RpcError as error:
        return error.details()
    return None


def append(hotline, n):
    """Append, again for as long as the signer waits."""
    def is_done():
        text = refusal(hotline, n)
        assert text is None or "waits since its start" in text, text
        return text is None
    until(is_done, 30, "the signer signs")


def holds(partner, hotline, count):
    until(lambda: partner.applied(hotline.origin("ncii")) == count, 30, f"{count} entries at the partner")


def test_an_old_copy_of_the_machine_signs_no_second_tree(net):
    hotline, partner = pair(net, follows=True)
    append(hotline, 1)
    holds(partner, hotline, 1)
    hotline.stop()
    shutil.copytree(hotline.home, net.folder / "old")
    hotline.start()
    append(hotline, 2)
    append(hotline, 3)
    holds(partner, hotline, 3)
    hotline.stop()
    shutil.rmtree(hotline.home)
    shutil.copytree(net.folder / "old", hotline.home)

    hotline.start()

    def is_told():
        text = refusal(hotline, 4)
        assert text is not None, "signed what contradicts the partner's copy"
        return "old copy" in text
    until(is_told, 30, "it learns that it is an old copy")
    assert refusal(hotline, 4) is not None
    assert partner.applied(hotline.origin("ncii")) == 3
    assert partner.match(sha256(3)) and not partner.match(sha256(4))


def test_without_the_peer_nothing_is_signed_until_it_is_back(net):
    hotline, partner = pair(net, follows=True)
    append(hotline, 1)
    holds(partner, hotline, 1)
    partner.stop()
    hotline.restart()
    with refused("UNAVAILABLE") as problem:
        hotline.append("ncii", [item(2)])
    assert "checkpoint-peers" in problem.text
    # What no such peer may have is signed on the record's word, with a warning.
    until(lambda: re.search(r"warning signer: .*own/1.*own record", hotline.log()), 30, "a warning")
    hotline.append("own", [item(1)])
    partner.start()
    append(hotline, 2)
    holds(partner, hotline, 2)


def test_a_signer_that_is_started_again_asks_again(net):
    hotline, partner = pair(net, follows=True)
    append(hotline, 1)
    holds(partner, hotline, 1)
    pid = hotline.process.pid
    with open(f"/proc/{pid}/task/{pid}/children") as children:
        signers = children.read().split()
    assert len(signers) == 1
    os.kill(int(signers[0]), signal.SIGKILL)
    append(hotline, 2)
    holds(partner, hotline, 2)


def test_a_peer_that_holds_nothing_keeps_nobody_from_publishing(net):
    hotline, _ = pair(net, follows=False)
    append(hotline, 1)
    hotline.restart()
    append(hotline, 2)
    assert hotline.applied(hotline.origin("ncii")) == 2


def test_a_note_that_we_never_signed_is_no_report(net):
    hotline = net.organisation("hotline", ["ncii"], conf=ASKS_PARTNER)
    partner = net.organisation("partner")
    net.enrol(hotline, partner)
    hotline.start()
    hotline.share("ncii", partner)
    hotline.append("ncii", [item(1)])
    hotline.stop()
    relay = Relay(partner, hotline)
    try:
        # More than there is: believed, it would keep us from signing for good.
        relay.lie("GetCheckpoint", lambda honest: pb.GetCheckpointResponse(
            note=honest.note.replace(b"\n1\n", b"\n9\n", 1)))
        hotline.start()
        hotline.expect_error("report of a peer refused")
        until(lambda: re.search("report of a peer refused .*peer=partner.example err=SIGNATURE", hotline.log()),
              30, "the report is refused")
        assert relay.told["GetCheckpoint"]
        assert "waits since its start" in refusal(hotline, 2)
        relay.honest()
        append(hotline, 2)
    finally:
        relay.stop()


@pytest.mark.parametrize("text, says", [
    ("checkpoint-peers: partner.example\n", "must be a list of domains"),
    ("checkpoint-peers: [partner.example, partner.example]\n", "is there twice"),
    ("checkpoint-peers: [not a domain]\n", "must be a peer's domain"),
])
def test_a_wrong_list_of_peers_is_said_with_its_line(net, text, says):
    hotline = net.organisation("hotline", ["ncii"], conf=text)
    hotline.spawn("-n")
    assert hotline.process.wait(20) == 2
    hotline.process = None
    assert re.search(r"hashfedd\.conf:\d+: checkpoint-peers: .*" + says, hotline.log()), hotline.log()


@pytest.mark.parametrize("is_shown_first", [False, True], ids=["asks_the_publisher", "is_asked_first"])
def test_case_18_a_subscriber_from_a_backup_catches_up_and_sees_no_fork(net, is_shown_first):
    hotline, partner, provider = (net.organisation(n, s) for n, s in (
        ("hotline", ["ncii"]), ("partner", []), ("provider", [])))
    for node in (partner, provider):
        hotline.enrol(node, "--silent")
        node.enrol(hotline)
    net.enrol(partner, provider)
    for node in net.nodes:
        node.start()
    origin = hotline.origin("ncii")
    for node in (partner, provider):
        hotline.share("ncii", node)
        node.follow(origin)

    def grow(first, count):
        hotline.append("ncii", [item(n) for n in range(first, first + count)])
        holds(partner, hotline, first + count)
    grow(0, 300)
    holds(provider, hotline, 300)
    provider.stop()
    copy = copied(net, provider)
    provider.start()
    grow(300, 200)
    # What the backup lacks: a retraction, too.
    hotline.publish.Retract(pb.RetractRequest(hash=pb.Hash(algorithm=pb.ALGORITHM_SHA256, digest=sha256(7)), reason=1),
                            timeout=20)
    holds(provider, hotline, 501)
    provider.stop()
    swapped(net, provider, copy)
    if is_shown_first:
        # Others hold more than it does, and only they are there.
        hotline.stop()
    provider.start()
    if is_shown_first:
        until(lambda: provider.peers()["partner.example"].is_connected, 20)
        assert provider.applied(origin) == 300 and provider.match(sha256(7))
        hotline.start()
    holds(provider, hotline, 501)
    until(lambda: not provider.match(sha256(7)) and provider.match(sha256(450)), 20)
    done = provider.admin.VerifySet(pb.VerifySetRequest(set=origin), timeout=30)
    assert (done.size, done.missing) == (501, 0)
    for node in (partner, provider):
        info = node.sets()[origin]
        assert (info.state, info.has_evidence, info.frozen_reason) == (pb.SET_STATE_COMPLETE, False, "")
