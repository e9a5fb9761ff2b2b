"""How far members are, by their own signed word."""

import hashlib
import json

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from net import item, pb, refused, sha256, until
from test_chain import follow_both
from test_client import hashfed


def receipts(node, name="ncii"):
    answer = node.admin.ListReceipts(pb.ListReceiptsRequest(set=name), timeout=60)
    return {row.member: row for row in answer.members}


def at(node, member):
    """(applied, retractions missing) of a member, by its receipt."""
    row = receipts(node)[member.domain]
    return row.receipt.size, row.retractions


def retract(node, n):
    node.publish.Retract(pb.RetractRequest(
        hash=pb.Hash(algorithm=pb.ALGORITHM_SHA256, digest=sha256(n)), reason=1), timeout=60)


def signed_text(receipt):
    return (b"hashfed/applied/v1\0" + receipt.organisation_id + receipt.size.to_bytes(8, "big") + receipt.root
            + receipt.at_ms.to_bytes(8, "big") + receipt.origin.encode())


def notice_key(node, member, receipt):
    """The key that this peer of the node signs notices with, by its manifest."""
    manifest = node.federation(member).GetManifest(
        pb.GetManifestRequest(organisation_id=receipt.organisation_id), timeout=60).manifest
    return pb.Manifest.FromString(pb.SignedDocument.FromString(manifest).body).notice_key


def test_the_publisher_sees_through_a_relay_who_still_matches_what_it_took_back(net):
    hotline, partner, provider = net.chain()
    origin = follow_both(hotline, partner, provider)
    assert at(hotline, provider) == (0, 0), "nothing was said yet"
    hotline.append("ncii", [item(n) for n in range(300)])
    for member in (partner, provider):
        until(lambda: at(hotline, member) == (300, 0), 60, f"{member.name} says that it has applied all")

    # Who is away does not hear of the retraction, and it shows.
    provider.stop()
    retract(hotline, 7)
    until(lambda: at(hotline, partner) == (301, 0), 60)
    assert at(hotline, provider) == (300, 1)
    table = {row["member"]: (row["applied"], row["of"], row["retractions_missing"]) for row in
             json.loads(hashfed(hotline, "sets", "receipts", "--json", "ncii").stdout)["receipts"]}
    assert table == {partner.domain: (301, 301, 0), provider.domain: (300, 301, 1)}
    assert provider.domain in hashfed(hotline, "sets", "receipts", "ncii").stdout

    # What they said is known after a restart, when nobody can say it again.
    partner.stop()
    said = {name: row.receipt for name, row in receipts(hotline).items()}
    hotline.restart()
    assert {name: row.receipt for name, row in receipts(hotline).items()} == said

    # The other tool's verdict on the signature: it is the member's.
    for member in (partner, provider):
        receipt = said[member.domain]
        assert receipt.origin == origin
        key = Ed25519PublicKey.from_public_bytes(notice_key(hotline, member, receipt))
        key.verify(receipt.signature, signed_text(receipt))
        receipt.size += 1
        try:
            key.verify(receipt.signature, signed_text(receipt))
            raise AssertionError("a signature for another size verifies")
        except InvalidSignature:
            pass

    partner.start()
    provider.start()
    until(lambda: at(hotline, provider) == (301, 0), 60)
    assert not provider.match(sha256(7))


def test_nobody_can_say_for_a_member_that_it_is_further(net):
    hotline = net.node("hotline", ["ncii"])
    partner = net.node("partner")
    other = net.node("other")
    for member in (partner, other):
        net.enrol(hotline, member)
        hotline.share("ncii", member)
        member.follow(hotline.origin("ncii"))
    hotline.append("ncii", [item(n) for n in range(10)])
    for member in (partner, other):
        until(lambda: at(hotline, member) == (10, 0), 60)
    older = receipts(hotline)[partner.domain].receipt
    partner.stop()
    retract(hotline, 1)
    until(lambda: at(hotline, other) == (11, 0), 60)
    true = receipts(hotline)[other.domain].receipt

    def changed(receipt, **fields):
        copy = pb.AppliedReceipt()
        copy.CopyFrom(receipt)
        for name, value in fields.items():
            setattr(copy, name, value)
        return copy

    lies = {
        "another size": changed(older, size=11, at_ms=older.at_ms + 60000),
        "another's words": changed(true, organisation_id=older.organisation_id),
        "a signature of nothing": changed(true, organisation_id=older.organisation_id, signature=bytes(64)),
        "no member": changed(true, organisation_id=bytes(32)),
        "no such set": changed(older, origin="hotline.example/none/1"),
        "the same once more": older,
    }
    for what, receipt in lies.items():
        hotline.federation(other).Gossip(pb.GossipRequest(receipts=[receipt]), timeout=60)
        assert receipts(hotline)[partner.domain].receipt == older, what
        assert at(hotline, partner) == (10, 1), what
    partner.start()
    until(lambda: at(hotline, partner) == (11, 0), 60)


def test_of_sets_of_others_no_receipts_are_told(net):
    hotline, partner, provider = net.chain()
    origin = follow_both(hotline, partner, provider)
    hotline.append("ncii", [item(1)])
    until(lambda: at(hotline, provider) == (1, 0), 60)
    with refused("NOT_FOUND"):
        partner.admin.ListReceipts(pb.ListReceiptsRequest(set=origin), timeout=60)


def test_a_receipt_goes_back_the_way_the_entries_came_and_another_when_that_is_broken(net):
    """Two relays between publisher and member: one carries its receipts."""
    hotline = net.node("hotline", ["ncii"])
    relays = [net.node(name) for name in ("left", "right")]
    member = net.node("member")
    net.enrol(hotline, member, "--silent")
    origin = hotline.origin("ncii")
    for relay in relays:
        net.enrol(hotline, relay)
        net.enrol(relay, member)
        hotline.share("ncii", relay, may_relay=True)
        relay.follow(origin)
    hotline.share("ncii", member)
    member.follow(origin)
    hotline.append("ncii", [item(1)])
    until(lambda: at(hotline, member) == (1, 0), 60)

    # A receipt is kept, by who carries it, under a name made of member and set.
    me = member.admin.GetStatus(pb.GetStatusRequest(), timeout=60).organisation_id
    name = hashlib.sha256(me + origin.encode()).hexdigest()
    carries = [relay for relay in relays if list(relay.lib.rglob(name))]
    assert len(carries) == 1, "not both of them"
    received = {name: peer.entries_received for name, peer in member.peers().items()}
    assert received[carries[0].domain] == 1 and sum(received.values()) == 1, "the one that the entry came from"

    carries[0].kill()
    hotline.append("ncii", [item(2)])
    until(lambda: at(hotline, member) == (2, 0), 60, "the other one carries them now")
