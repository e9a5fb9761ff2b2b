"""Hubs: they propose, and nobody depends on what they say or that they are there."""

import json

import pytest

from net import item, pb, refused, sha256, until
from test_client import hashfed


def proposals(node):
    """What hashfed hub lists, by (what is proposed, hub)."""
    rows = json.loads(hashfed(node, "hub", "--json").stdout)["proposals"]
    return {(row["proposed"], row["hub"]): row for row in rows}


def propose(hub, **fields):
    return hub.admin.Propose(pb.ProposeRequest(listing=pb.Listing(**fields)), timeout=60)


def organisation_id(node):
    return node.admin.GetStatus(pb.GetStatusRequest(), timeout=60).organisation_id


class Hub:
    """A hotline with a set, a hub that follows it and passes it on, and a
    provider of the hub; the provider has the hub's catalogue."""

    def __init__(self, net):
        self.net = net
        self.hotline = net.node("hotline", ["ncii"])
        self.hub = net.node("hub")
        self.provider = net.node("provider")
        net.enrol(self.hotline, self.hub)
        net.enrol(self.hub, self.provider)
        self.origin = self.hotline.origin("ncii")
        self.hotline.share("ncii", self.hub, may_relay=True)
        self.hub.follow(self.origin)
        self.hotline.append("ncii", [item(1)])
        until(lambda: self.hub.match(sha256(1)), 60)

    def give_catalogue(self):
        hashfed(self.hub, "sets", "share", "catalogue", "provider.example")
        hashfed(self.provider, "sets", "follow", "hub.example/catalogue/1")


@pytest.fixture
def world(net):
    return Hub(net)


def test_a_proposal_is_seen_and_takes_an_invite_and_a_fingerprint_to_be_taken(world):
    said = json.loads(hashfed(world.hub, "hub", "propose", world.origin, "--note", "reviewed by two", "--json").stdout)
    assert said == {"origin": "hub.example/catalogue/1", "index": 0}
    assert "hotline.example is proposed" in hashfed(world.hub, "hub", "propose", "hotline.example").stdout
    assert proposals(world.hub)[world.origin, "hub.example"]["taken"]
    world.give_catalogue()

    rows = until(lambda: len(proposals(world.provider)) == 2 and proposals(world.provider), 60)
    row = rows[world.origin, "hub.example"]
    assert not row["taken"] and row["problem"] == "hotline.example is not enrolled: ask it for its invite"
    assert row["note"] == "reviewed by two" and row["endpoints"] == [world.hotline.address]
    assert row["organisation_id"] == organisation_id(world.hotline).hex()
    assert not rows["hotline.example", "hub.example"]["taken"]
    # Nothing came of it by itself.
    assert set(world.provider.peers()) == {"hub.example"}
    assert set(world.provider.sets()) == {"hub.example/catalogue/1"}
    assert "add its invite" in hashfed(world.provider, "sets", "follow", world.origin, status=2).stderr

    world.net.enrol(world.hotline, world.provider, "--silent")
    world.hotline.share("ncii", world.provider)
    rows = until(lambda: proposals(world.provider)["hotline.example", "hub.example"]["taken"] and proposals(world.provider), 60)
    assert rows[world.origin, "hub.example"]["problem"] is None and not rows[world.origin, "hub.example"]["taken"]
    hashfed(world.provider, "sets", "follow", world.origin)
    assert proposals(world.provider)[world.origin, "hub.example"]["taken"]
    until(lambda: world.provider.match(sha256(1)), 60)


def test_when_the_hub_is_killed_sets_go_on_over_other_links(world):
    hashfed(world.hub, "hub", "propose", world.origin)
    world.give_catalogue()
    world.net.enrol(world.hotline, world.provider)
    world.hotline.share("ncii", world.provider)
    world.provider.follow(world.origin)
    until(lambda: world.provider.match(sha256(1)) and proposals(world.provider), 60)
    world.hub.kill()
    world.hotline.append("ncii", [item(2)])
    until(lambda: world.provider.match(sha256(2)), 60)
    # What the hub said is still known, also after a restart.
    world.provider.restart()
    assert proposals(world.provider)[world.origin, "hub.example"]["taken"]
    assert world.provider.match(sha256(1), sha256(2))


def test_a_wrong_listing_is_refused_with_words_and_changes_nothing(world):
    world.net.enrol(world.hotline, world.provider)
    world.hotline.share("ncii", world.provider)
    world.provider.follow(world.origin)
    until(lambda: world.provider.match(sha256(1)), 60)
    # A hub that lies, of those that it is not enrolled with itself.
    liar = world.net.node("liar")
    world.net.enrol(liar, world.provider)
    propose(liar, name="hotline.example", organisation_id=bytes(32), origin=world.origin,
            endpoints=["evil.example:7443"])
    propose(liar, name="hotline.example", organisation_id=organisation_id(world.hotline),
            origin="hotline.example/csam/1", log_key=bytes(31) + b"\1")
    propose(liar, name="other.example", organisation_id=organisation_id(world.hotline))
    hashfed(liar, "sets", "share", "catalogue", "provider.example")
    sets, peers = world.provider.sets(), world.provider.peers()
    before = (sets[world.origin].applied, sets[world.origin].agreement_version, peers["hotline.example"].endpoint)
    hashfed(world.provider, "sets", "follow", "liar.example/catalogue/1")
    rows = until(lambda: len(proposals(world.provider)) == 3 and proposals(world.provider), 60)
    assert rows[world.origin, "liar.example"]["problem"] == \
        "hotline.example has another id here, by the fingerprint that was compared"
    assert rows["other.example", "liar.example"]["problem"] == "this id is that of hotline.example here"
    sets, peers = world.provider.sets(), world.provider.peers()
    assert before == (sets[world.origin].applied, sets[world.origin].agreement_version, peers["hotline.example"].endpoint)
    assert set(sets) == {world.origin, "liar.example/catalogue/1"}
    world.hotline.append("ncii", [item(2)])
    until(lambda: world.provider.match(sha256(2)), 60)

    # Other keys of a set that is followed, and the right id.
    propose(liar, name="hotline.example", organisation_id=organisation_id(world.hotline), origin=world.origin,
            log_key=bytes(31) + b"\1")
    row = until(lambda: (r := proposals(world.provider)[world.origin, "liar.example"])["problem"].startswith("the publisher")
                and r, 60)
    assert row["problem"] == "the publisher's agreement names another log key" and row["taken"]

    # What is no listing is not even said.
    for fields, words in (
            ({"origin": "hub.example/ncii/1"}, "no set of hotline.example"),
            ({"origin": "hotline.example/" + "0123456789abcdef" * 2 + "/1"}, "a restricted set is never listed"),
            ({"log_key": bytes(32)}, "classes and log_key are a set's"),
            ({"organisation_id": b""}, "its id has to be given"),
            ({"organisation_id": b"short"}, "organisation_id"),
            ({"endpoints": ["nowhere"]}, "endpoints"),
            ({"note": "x" * 1025}, "note")):
        fields = {"name": "hotline.example", "organisation_id": bytes(32), **fields}
        with pytest.raises(Exception) as refusal:
            propose(liar, **fields)
        assert words in str(refusal.value), refusal.value
    with refused("FAILED_PRECONDITION"):
        propose(world.hub, name="hotline.example", organisation_id=bytes(32))


def test_what_is_followed_stays_when_it_is_listed_no_longer(world):
    hashfed(world.hub, "hub", "propose", world.origin)
    hashfed(world.hub, "hub", "propose", "hotline.example")
    world.give_catalogue()
    world.net.enrol(world.hotline, world.provider)
    world.hotline.share("ncii", world.provider)
    world.provider.follow(world.origin)
    until(lambda: world.provider.match(sha256(1)) and len(proposals(world.provider)) == 2, 60)
    assert "is proposed no longer" in hashfed(world.hub, "hub", "end", world.origin).stdout
    hashfed(world.hub, "hub", "end", "hotline.example")
    until(lambda: proposals(world.provider) == {}, 60)
    assert "we do not propose" in hashfed(world.hub, "hub", "end", world.origin, status=2).stderr
    world.hotline.append("ncii", [item(2)])
    until(lambda: world.provider.match(sha256(2)), 60)
    assert "hotline.example" in world.provider.peers() and world.origin in world.provider.sets()
    # And when the hub takes its catalogue back.
    hashfed(world.hub, "sets", "unshare", "catalogue", "provider.example")
    hashfed(world.provider, "sets", "unfollow", "hub.example/catalogue/1")
    world.hotline.append("ncii", [item(3)])
    until(lambda: world.provider.match(sha256(3)), 60)
    # Listed again, it stands again.
    hashfed(world.hub, "hub", "propose", world.origin)
    assert set(proposals(world.hub)) == {(world.origin, "hub.example")}


def test_a_proposal_of_an_earlier_epoch_is_ended_in_the_next(world):
    names = ["first.example", "second.example", "third.example"]
    for name in names:
        propose(world.hub, name=name, organisation_id=sha256(1))
    world.give_catalogue()
    until(lambda: len(proposals(world.provider)) == 3, 60)
    hashfed(world.hub, "sets", "next-epoch", "catalogue")
    until(lambda: "hub.example/catalogue/2" in world.provider.sets(), 60)
    # What was said goes on to count, until the next epoch says otherwise.
    assert {name for name, _ in proposals(world.hub)} == set(names)
    hashfed(world.hub, "hub", "end", names[0])
    propose(world.hub, name=names[1], organisation_id=sha256(1), note="again")
    for node in (world.hub, world.provider):
        rows = until(lambda node=node: len(rows := proposals(node)) == 2 and
                     rows[names[1], "hub.example"]["note"] == "again" and rows, 60, node.name)
        assert {name for name, _ in rows} == set(names[1:])
    assert "we do not propose" in hashfed(world.hub, "hub", "end", names[0], status=2).stderr


def test_a_restricted_set_of_ones_own_is_never_listed(world):
    origin = world.hotline.admin.OpenSet(pb.OpenSetRequest(is_restricted=True), timeout=60).origin
    assert "a restricted set is never listed" in hashfed(world.hotline, "hub", "propose", origin, status=2).stderr
    assert proposals(world.hotline) == {} and "hotline.example/catalogue/1" not in world.hotline.sets()
    hashfed(world.hub, "hub", "propose", "provider.example")
    refusal = hashfed(world.hub, "hub", "propose", "hub.example/catalogue/1", status=2).stderr
    assert "is a set of catalogue, these are not listed" in refusal


def test_proposals_come_in_pages_in_the_order_in_which_they_were_made(world):
    names = [f"n{n}.example" for n in range(7)]
    for name in names:
        propose(world.hub, name=name, organisation_id=sha256(1))
    propose(world.hub, name=names[0], organisation_id=sha256(2), note="again")
    seen, token = [], ""
    while True:
        page = world.hub.admin.ListProposals(pb.ListProposalsRequest(page_size=3, page_token=token), timeout=60)
        seen += [p.listing.name for p in page.proposals]
        token = page.next_page_token
        if not token:
            break
        assert len(page.proposals) == 3
    assert seen == [*names[1:], names[0]]
    with refused("INVALID_ARGUMENT"):
        world.hub.admin.ListProposals(pb.ListProposalsRequest(page_token="1.no"), timeout=60)
