"""What organisations think of entries: who demotes what, what names what."""

import datetime
import hashlib
import json

import pytest

from clock import Clock
from net import hashes, item, pb, pdq, refused, sha256, until
from test_client import hashfed
from test_place import Place

HOTLINE_COUNTS = "attesters:\n  - { by: hotline.example, roles: [hotline] }\n"
BLOCK, REVIEW, IGNORE = pb.VERDICT_BLOCK, pb.VERDICT_REVIEW, pb.VERDICT_IGNORE


def verdicts(node, n):
    """By origin, of the SHA-256 of picture n."""
    return {h.origin: h.verdict for h in node.match(sha256(n))}


def rule(node, n):
    hit, = node.match(sha256(n))
    return hit.rule


def three(net, conf="", clock=None):
    """The hotline publishes; provider and critic match on it and hear what
    both others think."""
    hotline = net.organisation("hotline", ["ncii"])
    critic = net.organisation("critic", conf=conf)
    provider = net.organisation("provider", conf=conf)
    net.enrol(hotline, critic)
    net.enrol(hotline, provider)
    net.enrol(critic, provider)
    for node in (hotline, critic, provider):
        node.env = clock.env if clock else {}
        node.start()
    origin = hotline.origin("ncii")
    hotline.append("ncii", [item(n) for n in range(4)])
    for node in (critic, provider):
        hotline.share("ncii", node)
        node.follow(origin)
    for node in (hotline, critic, provider):
        until(lambda: all(verdicts(node, n) == {origin: BLOCK} for n in range(4)), 60, f"{node.name} matches them")
    return hotline, critic, provider, origin


def opine(node, *args, status=0):
    done = hashfed(node, "opine", *args, "--json", status=status)
    return json.loads(done.stdout) if status == 0 else done.stderr


def tell(one, *others, name="opinions"):
    """Share one's opinions, which are open by now, with others."""
    for other in others:
        one.share(name, other)
        other.follow(one.origin(name))


def test_a_dispute_of_a_hotline_demotes_everywhere_and_may_be_taken_back(net):
    hotline, critic, provider, origin = three(net)
    said = opine(critic, origin, "0", "--dispute", "--reason", "adult", "--note", "p. 4")
    assert said == {"origin": critic.origin("opinions"), "index": 0, "why_hashes": ""}
    tell(critic, hotline, provider)
    for node in (hotline, provider):
        until(lambda: node.applied(critic.origin("opinions")) == 1, 60)
    # Whoever is nobody by an attestation that counts demotes nothing: a
    # second opinion was read behind it.
    opine(critic, origin, "1", "--affirm")
    for node in (hotline, critic, provider):
        assert verdicts(node, 0) == {origin: BLOCK}

    # Each says for itself who is a hotline.
    for node in (hotline, critic, provider):
        hashfed(node, "roles", "attest", "critic.example", "--role", "hotline")
        until(lambda: verdicts(node, 0) == {origin: REVIEW}, 60)
        assert "; entry disputed" in rule(node, 0)
        assert verdicts(node, 1) == {origin: BLOCK}, "others are as they were"
    # And a dispute that comes later demotes at the others.
    opine(critic, origin, "2", "--dispute")
    assert verdicts(critic, 2) == {origin: REVIEW}, "when it is said, it is done here"
    for node in (hotline, provider):
        until(lambda: verdicts(node, 2) == {origin: REVIEW}, 60)
    near, = provider.near(pdq(2))
    assert near.verdict == REVIEW

    for node in (hotline, provider):
        node.restart()
        assert verdicts(node, 2) == {origin: REVIEW}

    opine(critic, origin, "2", "--withdraw")
    for node in (hotline, critic, provider):
        until(lambda: verdicts(node, 2) == {origin: BLOCK}, 60)
        assert verdicts(node, 0) == {origin: REVIEW}
    hashfed(provider, "roles", "end", "critic.example", "--role", "hotline")
    until(lambda: verdicts(provider, 0) == {origin: BLOCK}, 60)
    assert verdicts(hotline, 0) == {origin: REVIEW}


def test_a_dispute_is_seen_by_lookups_in_place(net):
    hotline, critic, provider, origin = three(net)
    hashfed(provider, "roles", "attest", "critic.example", "--role", "hotline")
    place = Place(provider)

    def judged():
        (_, verdict, *_rest), = place.look_up((0, pb.ALGORITHM_SHA256, None, sha256(0)))
        return verdict

    assert judged() == BLOCK
    opine(critic, origin, "0", "--dispute")
    tell(critic, provider)
    until(lambda: verdicts(provider, 0) == {origin: REVIEW}, 60)
    assert judged() == REVIEW, "as soon as the daemon says so"
    hashfed(provider, "override", origin, "0", "--ignore", "--reason", "adult", "--until", "2099-01-01")
    assert judged() == IGNORE
    place.close()


def test_a_hash_is_disputed_for_every_entry_that_has_or_will_have_it(net):
    hotline, critic, provider, origin = three(net)
    hashfed(provider, "roles", "attest", "critic.example", "--role", "authority", "--jurisdiction", "NL")
    opine(critic, sha256(0).hex(), "--dispute", "--reason", "collision")
    opine(critic, "pdq:" + pdq(77).hex(), "--dispute")
    tell(critic, provider)
    until(lambda: verdicts(provider, 0) == {origin: REVIEW}, 60)
    assert verdicts(provider, 1) == {origin: BLOCK}
    hotline.append("ncii", [item(77), item(78)])
    until(lambda: verdicts(provider, 77) == {origin: REVIEW}, 60)
    until(lambda: verdicts(provider, 78) == {origin: BLOCK}, 60)
    provider.restart()
    assert verdicts(provider, 0) == verdicts(provider, 77) == {origin: REVIEW}


def test_an_opinion_never_discloses_a_set_to_another_audience(net):
    hotline, critic, provider, origin = three(net)
    stranger = net.node("stranger")
    net.enrol(critic, stranger)
    hashfed(provider, "roles", "attest", "critic.example", "--role", "hotline")

    # Given to one who is no member of the set, it names the hashes alone.
    opine(critic, origin, "3", "--seen", "--set", "abroad")
    # Its first opinion named the set, so the stranger may not have it.
    with refused("PERMISSION_DENIED") as problem:
        critic.share("abroad", stranger)
    assert origin in problem.text and "stranger.example" in problem.text
    critic.share("abroad", provider)
    # Nor is it named where one who only passes the set on would read it.
    opine(critic, sha256(9).hex(), "--seen", "--set", "carried")
    critic.share("carried", provider)
    critic.key("agreement", "sign", "carried", "--relay", "listed", "--relay-by", "stranger.example")
    assert "member" in opine(critic, origin, "1", "--seen", "--set", "carried")["why_hashes"]

    opine(critic, sha256(9).hex(), "--seen", "--set", "world")
    critic.share("world", stranger)
    critic.share("world", provider)
    said = opine(critic, origin, "0", "--dispute", "--set", "world")
    assert "member" in said["why_hashes"]
    stranger.follow(critic.origin("world"))
    provider.follow(critic.origin("world"))
    until(lambda: stranger.applied(critic.origin("world")) == 2, 60)
    until(lambda: verdicts(provider, 0) == {origin: REVIEW}, 60)
    # At rest, so that no file goes away while it is read.
    stranger.stop()
    for path in stranger.lib.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert b"hotline.example" not in data, path
    assert any(sha256(0) in p.read_bytes() for p in stranger.lib.rglob("*") if p.is_file())


def test_a_set_with_a_random_name_is_named_to_nobody(net):
    hotline, critic, provider, _ = three(net)
    secret = hotline.admin.OpenSet(pb.OpenSetRequest(is_restricted=True), timeout=60).origin
    hotline.append(secret, [item(50)])
    for node in (critic, provider):
        hotline.share(secret, node)
        node.follow(secret)
        until(lambda: verdicts(node, 50) == {secret: BLOCK}, 60)
    hashfed(provider, "roles", "attest", "critic.example", "--role", "hotline")
    said = opine(critic, secret, "0", "--dispute")
    assert "nobody" in said["why_hashes"]
    tell(critic, provider)
    until(lambda: verdicts(provider, 50) == {secret: REVIEW}, 60)


def test_affirming_counts_organisations_where_policy_asks_for_them(net):
    hotline, critic, provider, origin = three(net)
    provider.configure("policy:\n  - { set: '*', organisations: 2 }\n")
    provider.restart()
    assert verdicts(provider, 0) == {origin: REVIEW}
    assert rule(provider, 0).endswith("organisations=2; too few organisations")
    # Its publisher's own word counts once.
    opine(hotline, origin, "0", "--affirm", "--reason", "assessed")
    opine(critic, origin, "1", "--affirm", "--reason", "assessed")
    tell(hotline, provider)
    tell(critic, provider)
    until(lambda: verdicts(provider, 1) == {origin: BLOCK}, 60)
    assert verdicts(provider, 0) == {origin: REVIEW}
    # Another organisation lists it: taken from the first it says nothing new.
    critic.admin.OpenSet(pb.OpenSetRequest(name="own"), timeout=60)
    critic.append("own", [item(2, derived_from=[pb.EntryRef(origin=origin, index=2)]), item(3)])
    critic.share("own", provider)
    provider.follow(critic.origin("own"))
    both = {origin, critic.origin("own")}
    until(lambda: set(verdicts(provider, 3)) == both, 60)
    until(lambda: set(verdicts(provider, 3).values()) == {BLOCK}, 60)
    assert verdicts(provider, 2) == {o: REVIEW for o in both}


def test_what_was_said_of_a_good_entry_speaks_for_no_other(net):
    """A publisher says which entry an item goes on from, and could let what
    others think of that one speak for anything."""
    hotline, critic, provider, origin = three(net)
    provider.configure("policy:\n  - { set: '*', organisations: 2 }\n")
    provider.restart()
    opine(critic, origin, "1", "--affirm", "--reason", "assessed")
    tell(critic, provider)
    until(lambda: verdicts(provider, 1) == {origin: BLOCK}, 60)
    header = hotline.admin.ProveEntry(pb.ProveEntryRequest(set=origin, index=1), timeout=60).header
    good = pb.EntryRef(origin=origin, index=1, leaf_hash=hashlib.sha256(b"\0" + header).digest())
    # In the same epoch nothing goes on from anything.
    hotline.append("ncii", [item(60, predecessor=good)])
    until(lambda: verdicts(provider, 60) == {origin: REVIEW}, 60)
    hotline.hashfed("sets", "next-epoch", "ncii")
    later = hotline.origin("ncii", 2)
    until(lambda: verdicts(provider, 1) == {later: BLOCK}, 60, "what was carried over is affirmed")
    hotline.append("ncii", [item(61, predecessor=good), item(62, predecessor=good, hashes=hashes(62) + hashes(1)[:1]),
                            item(63)])
    until(lambda: verdicts(provider, 63), 60)
    # And of the same picture, in one epoch, one entry is not the other.
    hotline.append("ncii", [item(1, predecessor=pb.EntryRef(origin=later, index=1, leaf_hash=hashlib.sha256(
        b"\0" + hotline.admin.ProveEntry(pb.ProveEntryRequest(set=later, index=1), timeout=60).header).digest()))])
    again = hotline.sets()[later].applied - 1
    # Nor what has another leaf hash than it names.
    hotline.append("ncii", [item(1, predecessor=pb.EntryRef(origin=origin, index=1, leaf_hash=sha256(1)))])
    until(lambda: provider.applied(later) == again + 2, 60)

    def explained():
        entries = json.loads(hashfed(provider, "explain", "--json", later, "1").stdout)["entries"]
        found = {e["index"]: e for e in entries}
        return found if {1, again, again + 1} <= set(found) else None
    told = until(explained, 60, "all three are found by their hashes")
    assert len(told[1]["opinions"]) == 1 and not told[again]["opinions"] and not told[again + 1]["opinions"]
    for n in (60, 61, 62):
        assert verdicts(provider, n) == {later: REVIEW}, n
        assert "too few organisations" in rule(provider, n)


def test_a_benign_list_demotes_and_drops_nothing(net):
    hotline, critic, provider, origin = three(net)
    provider.configure("policy:\n  - { set: 'critic.example/harmless/1', benign: yes }\n  - { set: '*' }\n")
    provider.restart()
    critic.admin.OpenSet(pb.OpenSetRequest(name="harmless"), timeout=60)
    critic.append("harmless", [item(0, content_class=pb.CONTENT_CLASS_OTHER)])
    critic.share("harmless", provider)
    provider.follow(critic.origin("harmless"))
    until(lambda: verdicts(provider, 0) == {origin: REVIEW, critic.origin("harmless"): IGNORE}, 60)
    assert verdicts(provider, 1) == {origin: BLOCK}


def test_an_override_is_local_ends_and_is_nobody_elses(net):
    hotline, critic, provider, origin = three(net)
    for args, words in [
        ((origin, "0", "--ignore", "--until", "2099-01-01"), "--reason"),
        ((origin, "0", "--ignore", "--reason", "adult"), "--until"),
        ((origin, "0", "--ignore", "--reason", "adult", "--until", "2001-01-01"), "over"),
        ((origin, "99", "--ignore", "--reason", "adult", "--until", "2099-01-01"), "99"),
        ((origin, "0"), "--ignore"),
    ]:
        assert words in hashfed(provider, "override", *args, status=2).stderr, args
    hashfed(provider, "override", origin, "0", "--ignore", "--reason", "adult", "--until", "2099-01-01")
    assert verdicts(provider, 0) == {origin: IGNORE} and "; overridden here" in rule(provider, 0)
    assert verdicts(provider, 1) == {origin: BLOCK}
    assert verdicts(critic, 0) == {origin: BLOCK}
    provider.restart()
    assert verdicts(provider, 0) == {origin: IGNORE}
    with refused("PERMISSION_DENIED"):
        provider.share("overrides", critic)
    hashfed(provider, "override", origin, "0", "--withdraw")
    assert verdicts(provider, 0) == {origin: BLOCK}


def test_what_is_said_until_a_time_ends_when_the_clock_passes_it(net):
    clock = Clock(net)
    hotline, critic, provider, origin = three(net, clock=clock)
    hashfed(provider, "roles", "attest", "critic.example", "--role", "hotline")
    soon = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=4)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for n, until_when in (("0", soon), ("1", "2099-01-01")):
        opine(critic, origin, n, "--dispute", "--until", until_when)
    tell(critic, provider)
    for n, until_when in (("2", soon), ("3", "2099-01-01")):
        hashfed(provider, "override", origin, n, "--ignore", "--reason", "adult", "--until", until_when)
    until(lambda: [verdicts(provider, n)[origin] for n in range(4)] == [REVIEW, REVIEW, IGNORE, IGNORE], 60)

    clock.move(hours=2)
    clock.look(provider)
    assert [verdicts(provider, n)[origin] for n in range(4)] == [REVIEW, REVIEW, IGNORE, IGNORE], "not yet"
    clock.move(hours=2, seconds=1)
    clock.look(provider)
    until(lambda: [verdicts(provider, n)[origin] for n in range(4)] == [BLOCK, REVIEW, BLOCK, IGNORE], 60)
    for n in (0, 2):
        said, = json.loads(hashfed(provider, "explain", "--json", origin, str(n)).stdout)["entries"][0]["opinions"]
        assert not said["counts"] and said["why_not"] == "it has ended"
    provider.restart()
    assert [verdicts(provider, n)[origin] for n in range(4)] == [BLOCK, REVIEW, BLOCK, IGNORE]


def test_what_is_said_of_an_entry_is_said_of_the_one_that_follows_it(net):
    hotline, critic, provider, origin = three(net)
    hashfed(provider, "roles", "attest", "critic.example", "--role", "hotline")
    opine(critic, origin, "0", "--dispute")
    tell(critic, provider)
    until(lambda: verdicts(provider, 0) == {origin: REVIEW}, 60)
    hotline.hashfed("sets", "next-epoch", "ncii")
    later = hotline.origin("ncii", 2)
    # The index changes over by itself.
    until(lambda: verdicts(provider, 0) == {later: REVIEW} and verdicts(provider, 1) == {later: BLOCK}, 60)
    assert "; entry disputed" in rule(provider, 0)
    # What is said of the old entry now, too; and as long as it is said.
    opine(critic, origin, "1", "--dispute")
    until(lambda: verdicts(provider, 1) == {later: REVIEW}, 60)
    provider.restart()
    assert verdicts(provider, 0) == verdicts(provider, 1) == {later: REVIEW}
    opine(critic, origin, "0", "--withdraw")
    until(lambda: verdicts(provider, 0) == {later: BLOCK}, 60)


def test_opinions_that_an_epoch_leaves_out_say_nothing(net):
    hotline, critic, provider, origin = three(net)
    hashfed(provider, "roles", "attest", "critic.example", "--role", "hotline")
    for n in ("0", "1"):
        opine(critic, origin, n, "--dispute")
    tell(critic, provider)
    until(lambda: verdicts(provider, 0) == verdicts(provider, 1) == {origin: REVIEW}, 60)
    critic.hashfed("sets", "next-epoch", "opinions", "--from-size", "1")
    for node in (critic, provider):
        until(lambda: verdicts(node, 1) == {origin: BLOCK}, 60, node.name)
    assert verdicts(provider, 0) == {origin: REVIEW}
    provider.restart()
    assert (verdicts(provider, 0), verdicts(provider, 1)) == ({origin: REVIEW}, {origin: BLOCK})
    # It goes on in the next one.
    opine(critic, origin, "2", "--dispute")
    until(lambda: verdicts(provider, 2) == {origin: REVIEW}, 60)


def test_what_cannot_be_said_is_refused_in_words(net):
    hotline, critic, provider, origin = three(net)
    for args, words in [
        ((origin, "0"), "--affirm"),
        ((origin, "0", "--affirm", "--dispute"), "one of"),
        ((origin, "x", "--affirm"), "whole number"),
        ((origin, "99", "--affirm"), "99"),
        (("no.example/such/1", "0", "--affirm"), "no set"),
        ((origin, "0", "--affirm", "--reason", "because"), "assessed"),
        (("zz", "--affirm"), "no hash"),
    ]:
        assert words in opine(critic, *args, status=2), args
    assert critic.origin("opinions") not in critic.sets(), "nothing was said, nothing is open"
    assert "not one of opinions" in opine(hotline, origin, "0", "--affirm", "--set", "ncii", status=2)
    hotline.publish.Retract(pb.RetractRequest(hash=hashes(3)[0], reason=1), timeout=60)
    assert "adds no item" in opine(hotline, origin, "4", "--affirm", status=2)


@pytest.mark.parametrize("limit, is_held", [(5, True), (0, False)])
def test_a_flood_of_disputes_is_held(net, limit, is_held):
    hotline, critic, provider, origin = three(net, conf=f"flood-opinions: {limit}\n")
    hashfed(provider, "roles", "attest", "critic.example", "--role", "hotline")
    opine(critic, origin, "0", "--dispute")
    tell(critic, provider)
    until(lambda: verdicts(provider, 0) == {origin: REVIEW}, 60)
    for _ in range(7):
        opine(critic, sha256(1000).hex(), "--seen")
    until(lambda: provider.applied(critic.origin("opinions")) == 8, 60)
    opine(critic, origin, "1", "--dispute")
    until(lambda: provider.applied(critic.origin("opinions")) == 9, 60)
    if is_held:
        until(lambda: "flood held" in provider.log(), 60)
        assert verdicts(provider, 1) == {origin: BLOCK}
        assert verdicts(provider, 0) == {origin: REVIEW}, "what came before stays"
    else:
        until(lambda: verdicts(provider, 1) == {origin: REVIEW}, 60)
