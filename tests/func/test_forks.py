"""Split views: a publisher that shows different trees to different readers is
found out, what proves it verifies anywhere, and nothing false does."""

import base64
import hashlib
import json

import pytest
from forks import (FORK, ORIGIN, Evidence, checked, copied, evidence_of, frozen, grow, is_frozen, made, size_of, stopped,
                   swapped, verify)
from net import Net, pb, refused, sha256, until


def start_pair(net):
    hotline = net.organisation("hotline", ["ncii"])
    provider = net.organisation("provider")
    hotline.enrol(provider, "--silent")
    provider.enrol(hotline)
    hotline.start()
    hotline.share("ncii", provider)
    provider.start()
    provider.follow(ORIGIN)
    grow(hotline, 0, 300)
    until(lambda: provider.applied(ORIGIN) == 300, 20)
    return hotline, provider


def fork(net, hotline, provider, more):
    """The provider follows one branch to 310, then meets the other one."""
    hotline.stop()
    copy = copied(net, hotline)
    hotline.start()
    grow(hotline, 300, 10)
    until(lambda: provider.applied(ORIGIN) == 310, 20)
    provider.expect_error("set frozen")
    hotline.expect_error("set frozen")
    # Away, or it would tell the publisher before that has signed the other one.
    with stopped(provider):
        hotline.stop()
        swapped(net, hotline, copy)
        hotline.start()
        grow(hotline, 1000, more)


def check_frozen(net, provider):
    frozen(provider)
    info = provider.sets()[ORIGIN]
    assert info.applied == 310 and info.has_evidence and "two trees" in info.frozen_reason
    until(lambda: "set frozen" in provider.log(), 30)
    assert provider.log().count("set frozen") == 1
    done = provider.admin.VerifySet(pb.VerifySetRequest(set=ORIGIN), timeout=120)
    assert done.size == 310
    # Nothing of the other branch came in; what was there no longer blocks.
    assert not provider.match(sha256(1000))
    until(lambda: {hit.verdict for hit in provider.match(sha256(305))} == {pb.VERDICT_REVIEW}, 10)
    warnings = provider.admin.GetStatus(pb.GetStatusRequest(), timeout=120).warnings
    assert any(ORIGIN in text and "two trees" in text for text in warnings)
    evidence = evidence_of(provider)
    assert checked(net.folder, evidence) == (FORK, 0)
    return evidence


def test_case_07_two_roots_at_one_size_are_evidence_and_the_set_is_frozen(net):
    hotline, provider = start_pair(net)
    fork(net, hotline, provider, 10)
    evidence = check_frozen(net, provider)
    assert Evidence(evidence).sizes == [310, 310] and not Evidence(evidence).proof
    said = verify(net.folder, evidence)
    assert "fork" in said.stdout and ORIGIN in said.stdout and Evidence(evidence).vkeys[0] in said.stdout
    said = verify(net.folder, evidence, "--json")
    assert [tree["size"] for tree in json.loads(said.stdout)["trees"]] == [310, 310]
    # It survives: a restart finds it frozen, with the same evidence.
    provider.restart()
    assert is_frozen(provider) and evidence_of(provider) == evidence


@pytest.mark.parametrize("more, sizes", [(5, [305, 310]), (20, [310, 320])], ids=["smaller", "larger"])
def test_case_08_inconsistent_sizes_are_refused_and_with_the_other_root_are_evidence(net, more, sizes):
    hotline, provider = start_pair(net)
    fork(net, hotline, provider, more)
    evidence = check_frozen(net, provider)
    assert Evidence(evidence).sizes == sizes and Evidence(evidence).proof


def split_view(net):
    """Two subscribers, each on its branch; they know each other."""
    hotline = net.organisation("hotline", ["ncii"])
    one, two = net.organisation("one"), net.organisation("two")
    for node in (one, two):
        hotline.enrol(node, "--silent")
        node.enrol(hotline)
    hotline.start()
    for node in (one, two):
        hotline.share("ncii", node)
        node.start()
        node.follow(ORIGIN)
    grow(hotline, 0, 20)
    for node in (one, two):
        until(lambda node=node: node.applied(ORIGIN) == 20, 20)
    two.stop()
    hotline.stop()
    copy = copied(net, hotline)
    hotline.start()
    grow(hotline, 20, 10)
    until(lambda: one.applied(ORIGIN) == 30, 20)
    one.stop()
    hotline.stop()
    swapped(net, hotline, copy)
    hotline.start()
    two.start()
    grow(hotline, 1000, 7)
    until(lambda: two.applied(ORIGIN) == 27, 20)
    hotline.stop()
    return hotline, one, two


def test_case_09_a_split_view_is_found_by_members_that_gossip(net):
    hotline, one, two = split_view(net)
    for node in (one, two):
        node.expect_error("set frozen")
    two.stop()
    net.enrol(one, two)
    one.start()
    two.start()
    # The publisher is away, and neither may pass the set on: they compare
    # what they have seen, no more.
    frozen(one)
    frozen(two)
    for node, size in ((one, 30), (two, 27)):
        assert node.applied(ORIGIN) == size
        assert checked(net.folder, evidence_of(node)) == (FORK, 0)
        assert Evidence(evidence_of(node)).sizes == [27, 30]


def test_evidence_reaches_a_member_who_saw_neither_branch(net):
    hotline, provider = start_pair(net)
    third = net.organisation("third")
    with stopped(provider):
        net.enrol(provider, third)
    with stopped(hotline):
        hotline.enrol(third, "--silent")
        third.enrol(hotline)
    hotline.share("ncii", third)
    third.expect_error("set frozen")
    third.start()
    third.follow(ORIGIN)
    until(lambda: third.applied(ORIGIN) == 300, 20)
    third.stop()
    fork(net, hotline, provider, 10)
    evidence = check_frozen(net, provider)
    hotline.stop()
    third.start()
    frozen(third)
    assert evidence_of(third) == evidence and third.applied(ORIGIN) == 300


class Court:
    """A member, what truly proves a fork, and a peer that brings it things."""

    def __init__(self, net):
        self.net = net
        self.hotline, self.one, self.two = split_view(net)
        self.one.start()
        self.vkey = self.one.admin.GetNote(pb.GetNoteRequest(set=ORIGIN), timeout=120).log_vkey
        self.notes = [node.admin.GetNote(pb.GetNoteRequest(set=ORIGIN), timeout=120).note for node in (self.two, self.one)]
        assert [size_of(note) for note in self.notes] == [27, 30]

    def tell(self, evidence=(), notes=()):
        stub = self.one.federation(self.hotline)
        return stub.Gossip(pb.GossipRequest(evidence=list(evidence), notes=list(notes)), timeout=120)


@pytest.fixture(scope="module")
def court():
    net = Net()
    try:
        yield Court(net)
    finally:
        net.close()


def signed_by(seed, text):
    """A note's line by a key of this seed: (vkey, line)."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    name = text.split(b"\n")[0].decode()
    digest = hashlib.sha256(name.encode() + b"\n\x01" + public).digest()[:4]
    line = f"— {name} ".encode() + base64.b64encode(digest + key.sign(text)) + b"\n"
    return f"{name}+{digest.hex()}+{base64.b64encode(bytes([1]) + public).decode()}", line


def note_of(seed, origin, size, root):
    text = b"%s\n%d\n%s\n" % (origin.encode(), size, base64.b64encode(bytes([root]) * 32))
    vkey, line = signed_by(seed, text)
    return vkey, text + b"\n" + line


def false_evidence(court):
    vkey, notes = court.vkey, court.notes
    other_key, a = note_of(7, ORIGIN, 30, 1)
    b = note_of(7, ORIGIN, 30, 2)[1]
    nowhere_key, x = note_of(7, "hotline.example/other/1", 30, 1)
    y = note_of(7, "hotline.example/other/1", 30, 2)[1]
    bad = bytearray(notes[1])
    bad[-20] = ord("A") if bad[-20] != ord("A") else ord("B")
    hashes = base64.b64encode(bytes(32)) + b"\n"
    return {
        "not_evidence": (b"hello\n", "MALFORMED"),
        "same_note_twice": (made(vkey, [notes[1]] * 2), "PROOF"),
        "no_proof": (made(vkey, notes), "PROOF"),
        "a_proof_of_nothing": (made(vkey, notes, hashes), "PROOF"),
        "64_hashes": (made(vkey, notes, hashes * 65), "LIMIT"),
        "other_order": (made(vkey, notes[::-1]), "MALFORMED"),
        "bad_signature": (made(vkey, [notes[0], bytes(bad)]), None),
        "another_key": (made(other_key, [a, b]), "SIGNATURE"),
        "another_key_under_the_true_one": (made(vkey, [a, b]), "SIGNATURE"),
        "one_note_of_another_set": (made(vkey, [notes[0], x]), "SIGNATURE"),
        "unknown_set": (made(nowhere_key, [x, y]), "NOTFOUND"),
        "too_large": (made(vkey, notes) + b"\n" * (140 << 10), "LIMIT"),
        "more_behind_it": (made(vkey, notes) + b"more\n", "MALFORMED"),
    }


NAMES = ["not_evidence", "same_note_twice", "no_proof", "a_proof_of_nothing", "64_hashes", "other_order", "bad_signature",
         "another_key", "another_key_under_the_true_one", "one_note_of_another_set", "unknown_set", "too_large",
         "more_behind_it"]


@pytest.mark.parametrize("name", NAMES)
def test_case_10_false_evidence_is_refused_and_costs_who_brings_it(court, name):
    data, reason = false_evidence(court)[name]
    court.one.restart()  # so that nobody waits for what he did before
    with refused("NOT_FOUND" if reason == "NOTFOUND" else "INVALID_ARGUMENT", reason):
        court.tell([data])
    assert not is_frozen(court.one) and not court.one.sets()[ORIGIN].has_evidence
    if name == "unknown_set":
        # Somebody who follows more than we do is no liar.
        assert court.tell(notes=[court.notes[1]]).notes == [court.notes[1]]
        return
    until(lambda: "gossip: refused peer=hotline.example" in court.one.log(), 30)
    assert court.one.log().count("gossip: refused peer=hotline.example") == 1
    with refused("RESOURCE_EXHAUSTED", "QUOTA"):
        court.tell(notes=[court.notes[1]])
    # Offline nothing says whose key it is; the file does, and it is shown.
    offline = verify(court.net.folder, data)
    assert (offline.returncode == 0) == (name == "another_key")
    if name == "another_key":
        assert court.vkey not in offline.stdout


def test_true_evidence_of_a_stranger_to_the_set_says_nothing_about_it(court):
    court.one.restart()
    stranger = court.net.organisation("stranger")
    with stopped(court.one):
        court.one.enrol(stranger, "--silent")
    stub = court.one.federation(stranger)
    told = []
    for data in (made(court.vkey, court.notes), false_evidence(court)["unknown_set"][0]):
        with refused("NOT_FOUND", "NOTFOUND") as problem:
            stub.Gossip(pb.GossipRequest(evidence=[data]), timeout=120)
        told.append(problem.all())
    assert told[0] == told[1]
    assert stub.Gossip(pb.GossipRequest(notes=[court.notes[1]]), timeout=120).notes == []


def test_true_notes_end_in_evidence_once_and_an_operator_may_go_on(court):
    court.one.restart()
    court.one.expect_error("set frozen")
    # What the other branch signed at 27 and what is held here are proof.
    answer = court.tell(notes=[court.notes[0]])
    evidence = evidence_of(court.one)
    assert answer.notes == [court.notes[1]] and answer.evidence == [evidence]
    frozen(court.one)
    assert checked(court.net.folder, evidence) == (FORK, 0)
    # A replay changes nothing.
    court.tell([evidence])
    assert court.one.log().count("set frozen") == 1 and evidence_of(court.one) == evidence
    # Nothing resolves itself; an operator may say that what is held goes on.
    court.one.restart()
    frozen(court.one)
    shown = court.one.hashfed("sets", "show", ORIGIN)
    assert "frozen" in shown and "hashfed sets evidence" in shown
    assert court.one.hashfed("sets", "evidence", ORIGIN).encode() == evidence
    court.one.hashfed("sets", "thaw", ORIGIN)
    assert not is_frozen(court.one) and not court.one.sets()[ORIGIN].has_evidence
    # What the other branch had by then is settled, also after a restart.
    for _ in range(2):
        court.tell([evidence], [court.notes[0]])
        assert not is_frozen(court.one)
        court.one.restart()
    with refused("INVALID_ARGUMENT"):
        court.one.admin.ThawSet(pb.ThawSetRequest(set=ORIGIN), timeout=120)
