"""Keys that follow one another: of logs and of cosigners, with an overlap and
without one, and what a thief of the old ones comes to."""

import base64
import hashlib
import re

import grpc
from clock import Clock
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from forks import FORK, Evidence, checked, evidence_of, frozen, made, verify
from net import pb, refused, sha256, until
from takedown import case, notice, reaches, say, send
from test_freshness import BLOCK, ORIGIN, REVIEW, Relayed, grow, holds, set_of, status, verdicts
from test_thief import Thief, keys_of, note_of, stolen


def note(node):
    return node.admin.GetNote(pb.GetNoteRequest(set=ORIGIN), timeout=60)


def lines(node):
    """Who signed the latest checkpoint, each as often as it did."""
    return [line.split()[1].decode() for line in note(node).note.split(b"\n\n")[1].splitlines()]


def agreement(node):
    return set_of(node).agreement_version


def taken(node, version):
    until(lambda: agreement(node) >= version, 60, f"{node.name} has the agreement {version}")


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
    vkeys = hotline.key("vkey", "ncii").stdout.split()
    assert len(vkeys) == 4 and vkeys[:2] == [old.log_vkey, old.cosigner_vkey]

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
    assert [note(provider).log_vkey, note(provider).cosigner_vkey] == vkeys[2:]
    assert hotline.key("vkey", "ncii").stdout.split() == vkeys[2:]

    # Who was away during all of it goes on, and the second set was served too.
    away.start()
    holds(away, 30)
    for member in (provider, away):
        info = set_of(member)
        assert (info.state, info.freshness) == (pb.SET_STATE_COMPLETE, pb.FRESHNESS_FRESH)
        until(lambda node=member: node.match(sha256(29)), 60)
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
        until(lambda: field.relay.open > 0, 60)
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
        until(lambda: problem in provider.peers()["partner.example"].problem, 60)
        holds(provider, 13)
        partner = provider.federation(partner)
        # What the key signed before is as good as it was: old, and no more.
        partner.Gossip(pb.GossipRequest(notes=[before.note]), timeout=60)
        # Two by which it contradicts itself are no evidence either.
        evidence = made(before.log_vkey, sorted(forged, key=lambda one: base64.b64decode(one.split(b"\n")[2])))
        with refused("INVALID_ARGUMENT", "SIGNATURE"):
            partner.Gossip(pb.GossipRequest(evidence=[evidence]), timeout=60)
        info = set_of(provider)
        assert (info.state, info.applied, info.seen) == (pb.SET_STATE_COMPLETE, 13, 13)
        assert verdicts(provider)[0] == BLOCK
        # Nor is it believed after a restart.
        provider.restart()
        until(lambda: field.relay.open > 0, 60)
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
        until(lambda: field.relay.open > 0, 60)
        # It continues what is held, so it is believed; its entries never come.
        root = hashlib.sha256(b"\1" + root_of(hotline) + 32 * b"x").digest()
        field.relay.upstream = Thief(field.relay.upstream, 32 * b"x", size=32)
        lie_with(field, note_of(hotline, 32, root))
        told(field)
        until(lambda: set_of(provider).seen == 32, 60)
        field.relay.honest()
        provider.expect_error("set frozen")
        replace_at_once(hotline)
        until(lambda: set_of(provider).state == pb.SET_STATE_FROZEN, 60)
        info = set_of(provider)
        assert (info.applied, info.seen) == (16, 32)
        assert "declared void above 16" in info.frozen_reason, info.frozen_reason
        until(lambda: verdicts(provider) == (REVIEW, REVIEW), 60)
        grow(hotline, 16, 1)
        provider.restart()
        assert set_of(provider).state == pb.SET_STATE_FROZEN and provider.applied(ORIGIN) == 16
    finally:
        field.relay.stop()


def test_a_publisher_that_forks_while_its_key_is_replaced_is_convicted_by_both_keys(net):
    hotline, provider, third = (net.organisation("hotline", ["ncii"]), net.organisation("provider"),
                                net.organisation("third"))
    net.enrol(provider, third)
    for member in (provider, third):
        hotline.enrol(member, "--silent")
        member.enrol(hotline)
    for node in net.nodes:
        node.start()
    for member in (provider, third):
        hotline.share("ncii", member)
        member.follow(ORIGIN)
    grow(hotline, 0, 10)
    holds(provider, 10)
    hotline.key("log", "new")
    version = agreement(hotline)
    hotline.restart()
    taken(provider, version + 1)
    taken(third, version + 1)
    grow(hotline, 10, 10)
    holds(provider, 20)
    holds(third, 20)
    keys = stolen(hotline, "log-next.key"), stolen(hotline, "cosigner.key")
    for member in (hotline, provider, third):
        member.expect_error("set frozen")
    # The tree that everybody has was signed with both, this one with the new one only.
    provider.federation(hotline).Gossip(pb.GossipRequest(notes=[note_of(hotline, 20, 32 * b"x", keys)]), timeout=60)
    frozen(provider)
    frozen(third)
    evidence = evidence_of(third)
    vkeys = hotline.key("vkey", "ncii").stdout.split()
    assert set(Evidence(evidence).vkeys) == {vkeys[0], vkeys[2]}, "the one in force, and the one that follows"
    assert checked(net.folder, evidence) == (FORK, 0)
    said = verify(net.folder, evidence).stdout
    assert all(vkey in said for vkey in Evidence(evidence).vkeys)
    # A key that counts for no tree of that size convicts nobody.
    early = note_of(hotline, 5, 32 * b"x", keys)
    with refused("INVALID_ARGUMENT", "SIGNATURE"):
        third.federation(hotline).Gossip(pb.GossipRequest(notes=[early]), timeout=60)


def test_a_tls_key_follows_another_and_no_peer_is_lost(net):
    hotline, provider = net.organisation("hotline", ["ncii"]), net.organisation("provider")
    net.enrol(hotline, provider)
    for node in net.nodes:
        node.start()
    hotline.share("ncii", provider)
    provider.follow(ORIGIN)
    grow(hotline, 0, 5)
    holds(provider, 5)

    def know(version):
        until(lambda: provider.peers()["hotline.example"].manifest_version == version, 60, f"version {version}")

    def meet():
        until(lambda: provider.peers()["hotline.example"].is_connected and
              hotline.peers()["provider.example"].is_connected, 60, "connected both ways")

    made_in, old = net.folder / "tls", (hotline.key_pem, hotline.cert)
    (net.folder / "old.crt").write_bytes(hotline.cert)
    hotline.key("tls", "new", "--out", made_in)
    hotline.key("manifest", "sign", "--add-pin", made_in / "node.crt")
    know(2)
    # Both pins are there: the node may change its key when it likes.
    for name in ("node.key", "node.crt"):
        (hotline.lib / "tls" / name).write_bytes((made_in / name).read_bytes())
    hotline.restart()
    assert (hotline.key_pem, hotline.cert) != old
    meet()
    grow(hotline, 5, 5)
    holds(provider, 10)
    hello = pb.HelloRequest(version_min=1, version_max=1)
    assert pb.FederationStub(provider.tls(*old)).Hello(hello, timeout=60).manifests
    # Without the old pin its key is nobody's, and the new one's peers stay.
    hotline.key("manifest", "sign", "--remove-pin", net.folder / "old.crt")
    know(3)

    def is_refused():
        try:
            pb.FederationStub(provider.tls(*old)).Hello(hello, timeout=60)
        except grpc.RpcError as error:
            return error.code() == grpc.StatusCode.UNAVAILABLE
        return False
    # What it had open is cut a moment after the manifest is there.
    until(is_refused, 60, "the old key is nobody's")
    meet()
    grow(hotline, 10, 5)
    holds(provider, 15)


def test_a_receive_key_opens_what_was_sealed_for_it_until_its_time_is_over(net):
    clock = Clock(net)
    hotline, provider = net.organisation("hotline"), net.organisation("provider")
    net.enrol(hotline, provider)
    for node in net.nodes:
        node.env = clock.env
        node.expect_error("set: expired")  # months go by
        node.start()

    def keys():
        return sorted(path.name for path in (provider.lib / "signer").glob("receive*.key"))
    first = send(hotline, notice("provider.example")).case_id
    reaches(hotline, first, "ACKNOWLEDGED")
    assert keys() == ["receive.key"]
    # A month later another one follows, which the hotline does not hear of.
    hotline.stop()
    clock.move(days=31)
    clock.look(provider)
    until(lambda: len(keys()) == 2, 60, "a key that follows")
    [later] = [name for name in keys() if name != "receive.key"]
    say(provider, first, "REMOVED")
    provider.stop()
    hotline.start()
    second = send(hotline, notice("provider.example", urls=["https://images.host.example/album/2"])).case_id
    provider.start()
    reaches(hotline, second, "ACKNOWLEDGED")
    reaches(provider, second, "ACKNOWLEDGED")
    opened = case(provider, second).events[0]
    assert opened.event.notice.locators[0].url.endswith("/2"), "the key before still opens"
    reaches(hotline, first, "REMOVED")
    # The manifest may name the new one; three months behind it the old one ends.
    provider.key("manifest", "sign")
    until(lambda: hotline.peers()["provider.example"].manifest_version == 2, 60)
    assert keys() == sorted(["receive.key", later])
    clock.move(days=92)
    clock.look(provider)
    until(lambda: "receive.key" not in keys(), 60, "the first one is destroyed")
    assert later in keys()
    say(provider, second, "REMOVED")
    reaches(hotline, second, "REMOVED")


def test_status_warns_for_sixty_days_of_what_will_end(net):
    clock = Clock(net)
    hotline = net.organisation("hotline", ["ncii"])
    hotline.env = clock.env
    clock.move(days=336, hours=-1)
    hotline.start()

    def said():
        return [line for line in status(hotline).warnings if "manifest" in line or "agreement" in line]
    assert said() == []
    for ahead, left in ((1, 59), (30, 29), (23, 6)):
        clock.move(days=ahead)
        assert said() == [f"our manifest expires in {left} days", f"the agreement of {ORIGIN} expires in {left} days"]
    clock.move(days=7)
    assert said() == ["our manifest has expired: no new enrolment until it is signed again",
                      f"the agreement of {ORIGIN} has expired: nobody is given the set until it is signed again"]
    assert "our manifest has expired" in hotline.hashfed("status")
