"""A publisher that signs two texts of one version of its agreement, each with
keys of its own, and shows them to different members: whoever passes on in good
faith what he verified by one of them is not to blame at those who hold the
other, and nothing but this set waits."""

import math
import time

import grpc
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from forks import ORIGIN, copied, grow, made, size_of, swapped
from net import item, pb, refused, sha256, until
from test_byzantine import Field, alter_chunk, payload_byte, withheld
from test_forks import note_of as signed_note
from test_freshness import BLOCK, holds
from test_keys import agreement, note, replace_at_once
from test_thief import note_of

MINE = "partner.example/mine/1"


def said(node, event):
    return [line for line in node.log().splitlines() if event in line]


def blamed(node):
    """Who did what he must not, by what this node logs of its peers."""
    return [line for line in node.log().splitlines() if "err=SIGNATURE" in line]


def two_texts(net):
    """The partner relays the set and holds one text, the provider the other;
    from the same ten entries on, each has another tree.  The publisher is
    away."""
    hotline = net.organisation("hotline", ["ncii"])
    partner, provider = net.organisation("partner", ["mine"]), net.organisation("provider")
    net.enrol(hotline, partner)
    hotline.enrol(provider, "--silent")
    provider.enrol(hotline)
    net.enrol(partner, provider)
    for node in net.nodes:
        node.start()
    hotline.share("ncii", partner, may_relay=True)
    hotline.share("ncii", provider)
    partner.share("mine", provider)
    partner.follow(ORIGIN)
    provider.follow(ORIGIN)
    provider.follow(MINE)
    grow(hotline, 0, 10)
    for node in (partner, provider):
        holds(node, 10)
    provider.stop()
    hotline.stop()
    copy = copied(net, hotline)
    hotline.start()
    replace_at_once(hotline)
    grow(hotline, 10, 5)
    holds(partner, 15)
    version = agreement(partner)
    partner.stop()
    hotline.stop()
    swapped(net, hotline, copy)
    hotline.start()
    provider.start()
    replace_at_once(hotline)
    grow(hotline, 100, 3)
    holds(provider, 13)
    assert agreement(provider) == version
    hotline.stop()
    return hotline, partner, provider


def test_a_relay_that_holds_the_other_text_is_not_to_blame_and_its_other_sets_go_on(net):
    hotline, partner, provider = two_texts(net)
    partner.start()
    [line] = until(lambda: said(provider, "peer: set left alone"), 30, "the set is left alone")
    assert f"peer=partner.example set={ORIGIN}" in line and "signed two texts of version" in line
    # The other set of the relay comes as if nothing were, again and again.
    for n in range(5):
        size = partner.append("mine", [item(1000 + n)]).size
        until(lambda size=size: provider.applied(MINE) == size, 20, "the relay's own set goes on")
    # An operator sees who, which set, and whose fault it is.
    shown = provider.peers()["partner.example"]
    assert shown.is_connected and shown.refused == 0
    assert shown.problem.startswith(f"{ORIGIN}: the publisher signed two texts of version")
    warnings = provider.admin.GetStatus(pb.GetStatusRequest(), timeout=10).warnings
    [warning] = [text for text in warnings if "two texts" in text]
    assert warning.startswith(f"{ORIGIN} is not taken from partner.example: ")
    # What is held is matched on.
    info = provider.sets()[ORIGIN]
    assert (info.state, info.applied, info.seen) == (pb.SET_STATE_COMPLETE, 13, 13)
    for known in (3, 102):
        assert {hit.verdict for hit in provider.match(sha256(known))} == {BLOCK}
    assert not provider.match(sha256(12))
    # It is said once, and neither of the two blames the other.
    for node in (partner, provider):
        assert not blamed(node), blamed(node)
    assert partner.peers()["provider.example"].refused == 0
    assert len(said(provider, "peer: set left alone")) == 1
    # From its publisher the set goes on past what the relay tells of, and who
    # holds the other text blames the publisher as ever.
    hotline.start()
    grow(hotline, 103, 4)
    holds(provider, 17)
    until(lambda: partner.peers()["hotline.example"].refused > 0, 30)
    assert not said(partner, "peer: set left alone peer=hotline.example")
    assert size_of(note(provider).note) == 17


def test_members_that_hold_two_texts_compare_their_other_sets(net):
    """Notes and evidence of the set in dispute are passed over, so that what
    the same call brings of others counts."""
    _, partner, provider = two_texts(net)
    partner.start()
    mine, theirs = note(provider).note, note(partner).note
    for node, peer, one in ((partner, provider, mine), (provider, partner, theirs)):
        stub = node.federation(peer)
        vkey, fork = signed_note(7, ORIGIN, 30, 1)
        evidence = made(vkey, sorted([fork, signed_note(7, ORIGIN, 30, 2)[1]]))
        for _ in range(3):
            assert not stub.Gossip(pb.GossipRequest(notes=[one]), timeout=20).notes
            with refused("PERMISSION_DENIED", "DENIED"):
                stub.Gossip(pb.GossipRequest(evidence=[evidence]), timeout=20)
        assert not said(node, "gossip: refused") and not node.sets()[ORIGIN].has_evidence


def test_only_who_shows_by_what_his_note_is_right_is_left_alone_and_waits_grow(net):
    """He may have verified it by an agreement key of another manifest; a note
    that is right by nothing he shows, or by what we hold, is his doing."""
    field = Field(net)
    relay, provider = field.relay, field.provider
    theirs, nobodys = [[Ed25519PrivateKey.generate() for _ in range(2)] for _ in range(2)]

    def lie(keys, checkpoint, **more):
        def alter(news):
            if news.origin == ORIGIN:
                news.note = note_of(field.hotline, field.size, 32 * b"x", keys=keys)
            yield news
        relay.lie("Tail", alter, GetCheckpoint=checkpoint, **more)

    def shows(answer):
        document = pb.SignedDocument.FromString(answer.agreement)
        body = pb.Agreement.FromString(document.body)
        body.log_key, body.cosigner_key = [
            key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw) for key in theirs]
        del body.keys[:]
        document.body = body.SerializeToString()
        answer.agreement = document.SerializeToString()
        return answer

    def count():
        return provider.peers()["partner.example"].refused
    try:
        index = field.size + 2
        relay.lie("GetChunks", withheld(index))
        field.grow(5)
        until(lambda: provider.applied(ORIGIN) == field.size, 60)
        assert list(provider.sets()[ORIGIN].missing_entries) == [index]
        # His tree may be another, so he is not asked for a payload either.
        lie(theirs, shows, GetChunks=alter_chunk(payload_byte))
        began = time.monotonic()
        for n in range(30):
            field.grow(1)
            until(lambda n=n: relay.told["Tail"] > n, 60, "the note is told")
        until(lambda: said(provider, "peer: set left alone"), 60)
        # After one second, two more, four more, and so on, whatever it tells.
        until(lambda: relay.told["GetCheckpoint"] >= 3, 60, "it is looked at again without any news")
        assert relay.told["GetCheckpoint"] <= 1 + math.log2(time.monotonic() - began + 1)
        assert count() == relay.told["GetChunks"] == 0 and "not signed by the manifest" in field.problem()
        assert relay.open == 1, "its session goes on"
        for number, (keys, checkpoint) in enumerate([
                (nobodys, shows), (theirs, lambda answer: answer), (theirs, lambda _: grpc.StatusCode.NOT_FOUND)]):
            relay.honest()
            field.grow(1)
            until(lambda: provider.sets()[ORIGIN].state == pb.SET_STATE_COMPLETE, 60, "the payload came")
            field.arrived()
            until(lambda: field.problem() == "", 60)
            assert count() == number
            lie(keys, checkpoint)
            field.grow(1)
            until(lambda number=number: count() > number, 60, "it is blamed")
        relay.honest()
        field.arrived()
    finally:
        relay.stop()
