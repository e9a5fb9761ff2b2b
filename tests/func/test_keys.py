"""Keys that follow one another: of logs and of cosigners, with an overlap and
without one, and what a thief of the old ones comes to."""

import base64
import hashlib
import re

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from forks import made
from net import pb, refused, sha256, until
from test_freshness import BLOCK, ORIGIN, REVIEW, Relayed, grow, holds, set_of, status, verdicts
from test_thief import Thief, keys_of, note_of, stolen


def note(node):
    return node.admin.GetNote(pb.GetNoteRequest(set=ORIGIN), timeout=10)


def lines(node):
    """Who signed the latest checkpoint, each as often as it did."""
    return [line.split()[1].decode() for line in note(node).note.split(b"\n\n")[1].splitlines()]


def agreement(node):
    return set_of(node).agreement_version


def taken(node, version):
    until(lambda: agreement(node) >= version, 30, f"{node.name} has the agreement {version}")


def root_of(node):
    return base64.b64decode(note(node).note.split(b"\n")[2])


def secret(node, name):
    return stolen(node, name).private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())


def replace_at_once(hotline):
    """As after a theft: both keys, without an overlap."""
    for kind in ("log", "cosigner"):
        hotline.key(kind, "new")
        hotline.key(kind, "retire")
    version = agreement(hotline)
    hotline.restart()
    taken(hotline, version + 1)


def test_log_and_cosigner_keys_follow_one_another_and_members_go_on(net):
    hotline = net.organisation("hotline", ["ncii", "other"])
    provider, away = net.organisation("provider"), net.organisation("away")
    for member in (provider, away):
        hotline.enrol(member, "--silent")
        member.enrol(hotline)
    for node in net.nodes:
        node.start()
    for member in (provider, away):
        hotline.share("ncii", member)
        member.follow(ORIGIN)
    grow(hotline, 0, 10)
    for member in (provider, away):
        holds(member, 10)
    away.stop()
    assert "no log key follows" in hotline.key("log", "retire", ok=False).stderr
    old = note(hotline)
    secrets = [secret(hotline, name) for name in ("log.key", "cosigner.key")]

    # Both sign, and members are told from which size on.
    hotline.key("log", "new")
    hotline.key("cosigner", "new")
    assert "exists" in hotline.key("log", "new", ok=False).stderr
    version = agreement(hotline)
    hotline.restart()
    taken(provider, version + 1)
    shown = hotline.key("agreement", "show", "ncii").stdout
    assert len(re.findall(r"^(?:log|cosigner) key +\w+ from 10 entries on$", shown, re.M)) == 2, shown
    assert f"two log keys sign {ORIGIN}: hashfed-key log retire ends the old one" in status(hotline).warnings
    grow(hotline, 10, 10)
    holds(provider, 20)
    assert sorted(lines(provider)) == sorted(2 * [ORIGIN, "hotline.example/cosigner"])
    assert note(provider).log_vkey == old.log_vkey, "the old one is in force until it is retired"

    # The old ones are gone, and what they signed is not.
    hotline.key("log", "retire")
    hotline.key("cosigner", "retire")
    hotline.restart()
    taken(provider, version + 2)
    for path in (hotline.lib / "signer").iterdir():
        if path.suffix == ".key" and path.stem in ("log", "cosigner"):
            assert secret(hotline, path.name) not in secrets
    shown = hotline.key("agreement", "show", "ncii").stdout
    assert len(re.findall(r"^(?:log|cosigner) key +\w+ from 0 to 20 entries, void above$", shown, re.M)) == 2, shown
    grow(hotline, 20, 10)
    holds(provider, 30)
    assert sorted(lines(provider)) == sorted([ORIGIN, "hotline.example/cosigner"])
    assert note(provider).log_vkey != old.log_vkey
    assert note(provider).cosigner_vkey != old.cosigner_vkey

    # Who was away during all of it goes on, and the second set was served too.
    away.start()
    holds(away, 30)
    for member in (provider, away):
        info = set_of(member)
        assert (info.state, info.freshness) == (pb.SET_STATE_COMPLETE, pb.FRESHNESS_FRESH)
        until(lambda node=member: node.match(sha256(29)), 20)
        assert verdicts(member)[0] == BLOCK
    assert re.search(r"^log key +\w+ from 0 to 0 entries, void above$",
                     hotline.key("agreement", "show", "other").stdout, re.M)
    # Nothing more is signed again and again.
    version = agreement(hotline)
    hotline.restart()
    grow(hotline, 30, 1)
    holds(provider, 31)
    assert agreement(hotline) == version


def lie_with(field, forged):
    def alter(news):
        news.note = forged
        yield news
    field.relay.lie("Tail", alter)


def told(field):
    """The relay is heard once more: a set's time moves on."""
    field.clock.move(minutes=10)
    field.clock.look(field.hotline)


def test_case_11_a_checkpoint_by_a_revoked_key_is_refused_and_what_it_signed_before_stays(net):
    field = Relayed(net, is_direct=True)
    hotline, provider = field.hotline, field.provider
    try:
        until(lambda: field.relay.open > 0, 20)
        before, thief = note(hotline), keys_of(hotline)
        replace_at_once(hotline)
        partner = next(node for node in net.nodes if node.name == "partner")
        field.relay.upstream = hotline.federation(partner)
        grow(hotline, 10, 2)
        holds(provider, 12)
        forged = [note_of(hotline, 13, bytes([n]) * 32, keys=thief) for n in (1, 2)]
        lie_with(field, forged[0])
        grow(hotline, 12, 1)
        problem = f"signed by a key of '{ORIGIN}' that its publisher declared void above 10"
        until(lambda: problem in provider.peers()["partner.example"].problem, 20)
        holds(provider, 13)
        partner = provider.federation(partner)
        # What the key signed before is as good as it was: old, and no more.
        partner.Gossip(pb.GossipRequest(notes=[before.note]), timeout=20)
        # Two by which it contradicts itself are no evidence either.
        evidence = made(before.log_vkey, sorted(forged, key=lambda one: base64.b64decode(one.split(b"\n")[2])))
        with refused("INVALID_ARGUMENT", "SIGNATURE"):
            partner.Gossip(pb.GossipRequest(evidence=[evidence]), timeout=20)
        info = set_of(provider)
        assert (info.state, info.applied, info.seen) == (pb.SET_STATE_COMPLETE, 13, 13)
        assert verdicts(provider)[0] == BLOCK
        # Nor is it believed after a restart.
        provider.restart()
        until(lambda: field.relay.open > 0, 20)
        assert set_of(provider).seen == 13
        field.relay.honest()
        grow(hotline, 13, 1)
        holds(provider, 14)
    finally:
        field.relay.stop()


def test_case_11_who_holds_a_checkpoint_by_a_revoked_key_stops_and_says_why(net):
    field = Relayed(net, is_direct=True)
    hotline, provider = field.hotline, field.provider
    try:
        grow(hotline, 10, 6)
        holds(provider, 16)
        until(lambda: field.relay.open > 0, 20)
        # It continues what is held, so it is believed; its entries never come.
        root = hashlib.sha256(b"\1" + root_of(hotline) + 32 * b"x").digest()
        field.relay.upstream = Thief(field.relay.upstream, 32 * b"x", size=32)
        lie_with(field, note_of(hotline, 32, root))
        told(field)
        until(lambda: set_of(provider).seen == 32, 20)
        field.relay.honest()
        provider.expect_error("set frozen")
        replace_at_once(hotline)
        until(lambda: set_of(provider).state == pb.SET_STATE_FROZEN, 20)
        info = set_of(provider)
        assert (info.applied, info.seen) == (16, 32)
        assert "declared void above 16" in info.frozen_reason, info.frozen_reason
        assert verdicts(provider) == (REVIEW, REVIEW)
        grow(hotline, 16, 1)
        provider.restart()
        assert set_of(provider).state == pb.SET_STATE_FROZEN and provider.applied(ORIGIN) == 16
    finally:
        field.relay.stop()
