"""Witnesses: what they see, what they refuse, and what waits for them."""

import base64
import hashlib
import shutil
import struct
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from forks import ORIGIN, copied, grow, swapped
from liar import Relay
from net import pb, refused, sha256, until
from test_thief import line
from witnesses import cosigners, rows, watched


def test_a_blind_witness_cosigns_what_it_may_not_read(net):
    hotline, [witness], [provider] = watched(net, 1)
    grow(hotline, 0, 300)
    until(lambda: provider.applied(ORIGIN) == 300, 60, "cosigned entries are applied")
    info = witness.sets()[ORIGIN]
    assert (info.state, info.seen, info.applied) == (pb.SET_STATE_WITNESSED, 300, 0)
    for node in (hotline, provider, witness):
        until(lambda node=node: "witness.example/cosigner" in cosigners(node), 60)
    until(lambda: provider.match(sha256(1)), 60)
    assert not witness.match(sha256(1))
    federation = hotline.federation(witness)
    with refused("NOT_FOUND"):
        list(federation.GetChunks(pb.GetChunksRequest(origin=ORIGIN, size=300, first=0, end=300), timeout=60))
    with refused("NOT_FOUND"):
        federation.GetProof(pb.GetProofRequest(origin=ORIGIN, size=300, index=3), timeout=60)
    assert "witness.example/cosigner" in provider.hashfed("sets", "show", ORIGIN)
    # The witness makes no noise: a note goes round once and comes to rest.
    note = provider.admin.GetNote(pb.GetNoteRequest(set=ORIGIN), timeout=60).note
    assert note.count(b"witness.example/cosigner") == 1


def test_what_lacks_cosignatures_waits_and_retractions_do_not(net):
    hotline, [witness], [provider] = watched(net, 1)
    grow(hotline, 0, 300)
    until(lambda: provider.applied(ORIGIN) == 300, 60)
    until(lambda: {hit.verdict for hit in provider.match(sha256(3))} == {pb.VERDICT_BLOCK}, 60)
    witness.stop()
    grow(hotline, 300, 40)
    hotline.publish.Retract(pb.RetractRequest(hash=pb.Hash(algorithm=pb.ALGORITHM_SHA256, digest=sha256(3)),
                                              reason=pb.RETRACT_REASON_WRONG), timeout=60)
    until(lambda: {hit.verdict for hit in provider.match(sha256(3))} == {pb.VERDICT_REVIEW}, 60,
          "the retraction acts ahead of the quorum")
    info = provider.sets()[ORIGIN]
    assert (info.applied, info.quorum) == (300, 1) and not provider.match(sha256(310))
    witness.start()
    until(lambda: provider.applied(ORIGIN) == 341, 60, "what was waited for came")
    until(lambda: not provider.match(sha256(3)) and provider.match(sha256(310)), 60)
    done = provider.admin.VerifySet(pb.VerifySetRequest(set=ORIGIN), timeout=60)
    assert (done.size, done.missing) == (341, 0)


def test_two_of_three_are_enough_and_one_is_not(net):
    hotline, witnesses, [provider] = watched(net, 2, ("one", "two", "three"))
    grow(hotline, 0, 10)
    until(lambda: provider.applied(ORIGIN) == 10, 60)
    witnesses[2].stop()
    grow(hotline, 10, 10)
    until(lambda: provider.applied(ORIGIN) == 20, 60)
    witnesses[1].stop()
    grow(hotline, 20, 10)
    until(lambda: "one.example/cosigner" in cosigners(hotline) and hotline.sets()[ORIGIN].seen == 30 and
          witnesses[0].sets()[ORIGIN].seen == 30, 60)
    assert provider.applied(ORIGIN) == 20
    witnesses[1].start()
    until(lambda: provider.applied(ORIGIN) == 30, 60)


def test_a_set_that_never_rests_is_applied_as_far_as_it_is_cosigned(net):
    hotline, _, [provider] = watched(net, 1)
    at = 0
    while provider.applied(ORIGIN) < 300:
        grow(hotline, at, 5)
        at += 5
        assert at < 20000, "nothing is applied while it grows"


def test_a_fork_gets_no_cosignature_and_is_not_applied(net):
    hotline, [witness], [provider, late] = watched(net, 1, readers=("provider", "late"))
    grow(hotline, 0, 20)
    for node in (provider, late):
        until(lambda node=node: node.applied(ORIGIN) == 20, 60)
    late.stop()
    hotline.stop()
    copy = copied(net, hotline)
    hotline.start()
    grow(hotline, 20, 10)
    until(lambda: provider.applied(ORIGIN) == 30, 60)
    provider.stop()
    hotline.stop()
    swapped(net, hotline, copy)
    for node in (hotline, witness, late):
        node.expect_error("set frozen")
        node.expect_error("not cosigned")
    hotline.start()
    late.start()
    grow(hotline, 1000, 20)
    # The witness has evidence and cosigns nothing; the one who never saw the
    # first branch is not shown the second.
    until(lambda: witness.sets()[ORIGIN].has_evidence, 60)
    assert late.applied(ORIGIN) == 20 and not late.match(sha256(1000))


@pytest.mark.parametrize("with_record", [True, False], ids=["old_record", "no_record"])
def test_case_19_a_restored_witness_waits_until_its_largest_is_recovered(net, with_record):
    hotline, [witness], [provider] = watched(net, 1)
    witness.configure("checkpoint-peers: [provider.example]\n")
    for node in (witness, provider):
        node.stop()
    net.enrol(witness, provider)
    provider.start()
    witness.start()
    grow(hotline, 0, 20)
    until(lambda: provider.applied(ORIGIN) == 20, 60)
    witness.stop()
    copy = copied(net, witness)
    witness.start()
    grow(hotline, 20, 10)
    until(lambda: provider.applied(ORIGIN) == 30, 60)
    witness.stop()
    provider.stop()
    swapped(net, witness, copy)
    if not with_record:
        shutil.rmtree(witness.lib / "signer/record")
    # What it cosigned last is known to the provider alone: it waits.
    witness.start()
    grow(hotline, 30, 5)
    until(lambda: "waits since its start" in witness.log(), 60)
    until(lambda: witness.sets()[ORIGIN].seen == 35, 60)
    assert "witness.example/cosigner" not in cosigners(hotline)
    provider.start()
    until(lambda: provider.applied(ORIGIN) == 35, 60, "it was told, and cosigns again")
    until(lambda: "witness.example/cosigner" in cosigners(hotline), 60)


def test_case_28_a_forged_line_of_a_known_witness_is_refused_and_poisons_nothing(net):
    hotline = net.organisation("hotline", ["ncii"])
    witness, partner, provider = (net.organisation(name) for name in ("witness", "partner", "provider"))
    hotline.enrol(witness, "--silent")
    witness.enrol(hotline)
    net.enrol(hotline, partner, "--silent")
    net.enrol(hotline, provider, "--silent")
    net.enrol(partner, provider)
    witness.start()
    for node in (hotline, provider):
        node.configure(rows([witness], 1))
    hotline.start()
    hotline.share("ncii", partner, may_relay=True)
    hotline.share("ncii", provider)
    hotline.share("ncii", witness, is_witness=True)
    witness.follow(ORIGIN)
    relay = Relay(partner, hotline)
    try:
        provider.start()
        provider.follow(ORIGIN)
        grow(hotline, 0, 10)
        until(lambda: provider.applied(ORIGIN) == 10, 60)

        def forge(news):
            lines = news.note.split(b"\n")
            for i, line in enumerate(lines):
                if b" witness.example/cosigner " in line:
                    raw = bytearray(base64.b64decode(line.split(b" ")[2]))
                    raw[-1] ^= 1
                    lines[i] = b" ".join(line.split(b" ")[:2] + [base64.b64encode(bytes(raw))])
            news.note = b"\n".join(lines)
            yield news

        def another_text(answer):
            """No excuse: by what is held the note is right but for that line."""
            document = pb.SignedDocument.FromString(answer.agreement)
            document.signatures[0].signature = bytes(64)
            answer.agreement = document.SerializeToString()
            return answer
        relay.lie("Tail", forge, GetCheckpoint=another_text)
        grow(hotline, 10, 10)
        until(lambda: "witness.example/cosigner" in provider.peers()["partner.example"].problem, 60)
        held = provider.admin.GetNote(pb.GetNoteRequest(set=ORIGIN), timeout=60).note
        assert provider.applied(ORIGIN) == 10 and held.split(b"\n")[1] == b"10"
        relay.honest()
        until(lambda: provider.applied(ORIGIN) == 20, 60, "the honest note is taken")
    finally:
        relay.stop()


def test_what_is_offered_needs_the_same_cosignatures(net):
    """A publisher that brings its set itself is not let past the witnesses."""
    hotline, provider = net.organisation("hotline", ["ncii"]), net.organisation("provider")
    hotline.enrol(provider, "--silent")
    provider.enrol(hotline)
    witness = Ed25519PrivateKey.generate()
    public = b"\4" + witness.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    name = "witness.example/cosigner"
    key_id = hashlib.sha256(name.encode() + b"\n" + public).digest()[:4].hex()
    provider.configure(f"witnesses:\n  - set: {ORIGIN}\n    from:\n"
                       f"      - {name}+{key_id}+{base64.b64encode(public).decode()}\n    need: 1\n")
    for node in (hotline, provider):
        node.start()
    hotline.share("ncii", provider)
    provider.follow(ORIGIN)
    grow(hotline, 0, 10)
    note = hotline.admin.GetNote(pb.GetNoteRequest(set=ORIGIN), timeout=60).note
    federation = hotline.federation(provider)
    agreement = federation.GetCheckpoint(pb.GetCheckpointRequest(origin=ORIGIN), timeout=60).agreement
    chunks = list(federation.GetChunks(pb.GetChunksRequest(origin=ORIGIN, size=10, first=0, end=10), timeout=60))

    def offer(offered):
        first = pb.OfferRequest(origin=ORIGIN, note=offered, agreement=agreement)
        return provider.federation(hotline).Offer(
            iter([first] + [pb.OfferRequest(chunk=chunk) for chunk in chunks]), timeout=60)

    text = note.split(b"\n\n")[0] + b"\n"
    now = int(time.time())
    signed = b"cosignature/v1\ntime %d\n" % now + text
    with refused("NOT_FOUND"):
        offer(note)
    with refused("INVALID_ARGUMENT", "SIGNATURE"):
        offer(note + line(name, 4, witness, signed + b"?", struct.pack(">Q", now)))
    assert provider.applied(ORIGIN) == 0 and not provider.match(sha256(1))
    done = offer(note + line(name, 4, witness, signed, struct.pack(">Q", now)))
    assert (done.applied, done.seen) == (10, 10)
    until(lambda: {hit.verdict for hit in provider.match(sha256(1))} == {pb.VERDICT_BLOCK}, 60)
