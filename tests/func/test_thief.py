"""A thief who has a publisher's log and cosigner keys, and none of its
entries."""

import base64
import hashlib
import hmac
import struct
import time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from net import item, pb, sha256, until
from test_epochs import Watcher
from test_freshness import BLOCK, ORIGIN, Relayed, grow, holds, set_of, verdicts

LEAP = 1 << 40


def hchacha20(key, nonce):
    """The key of XChaCha20 for the first 16 bytes of its nonce."""
    words = list(struct.unpack("<4I8I4I", b"expand 32-byte k" + key + nonce))

    def turn(a, b, c, d):
        for to, by, other, bits in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            words[to] = (words[to] + words[by]) & 0xffffffff
            mixed = words[other] ^ words[to]
            words[other] = (mixed << bits | mixed >> (32 - bits)) & 0xffffffff
    for _ in range(10):
        for i in range(4):
            turn(i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            turn(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return struct.pack("<8I", *words[:4], *words[12:])


def stolen(node, name):
    """The key in a key file without a passphrase, as proto/SPEC.md 11.1."""
    text = (node.lib / "signer" / name).read_text()
    data = base64.b64decode("".join(text.split("-----")[2].split()))
    head, nonce, sealed = data[:108], data[36:60], data[108:]
    key = hmac.new(b"hashfed/key-file/no-passphrase/v1", head, hashlib.sha256).digest()
    body = ChaCha20Poly1305(hchacha20(key, nonce[:16])).decrypt(bytes(4) + nonce[16:], sealed, head)
    return Ed25519PrivateKey.from_private_bytes(body[:32])


def line(name, kind, key, signed, before=b""):
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    key_id = hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]
    return f"— {name} ".encode() + base64.b64encode(key_id + before + key.sign(signed)) + b"\n"


def keys_of(node):
    """Its log key and its cosigner key, as they are now."""
    return stolen(node, "log.key"), stolen(node, "cosigner.key")


def note_of(node, size, root, keys=None):
    """A checkpoint that both keys signed now."""
    log, cosigner = keys or keys_of(node)
    now = int(time.time())
    text = b"%s\n%d\n%s\n" % (ORIGIN.encode(), size, base64.b64encode(root))
    return text + b"\n" + line(ORIGIN, 1, log, text) + line(
        node.domain + "/cosigner", 4, cosigner,
        b"cosignature/v1\ntime %d\n" % now + text, struct.pack(">Q", now))


def next_epoch(node, **fields):
    return node.admin.NextEpoch(pb.NextEpochRequest(set="ncii", **fields), timeout=60)


def leap_from(note):
    """The root of LEAP entries that go on from those of a note, which are 16,
    and the proof."""
    root = base64.b64decode(note.split(b"\n")[2])
    hashes = [bytes([n]) * 32 for n in range(36)]
    for one in hashes:
        root = hashlib.sha256(b"\1" + root + one).digest()
    return root, b"".join(hashes)


class Thief:
    """What stands behind the relay: the publisher, but for the leap."""

    def __init__(self, upstream, proof, size=LEAP):
        self.upstream = upstream
        self.proof = proof
        self.size = size
        self.asked = 0

    def __getattr__(self, name):
        return getattr(self.upstream, name)

    def GetProof(self, request, timeout):
        self.asked += request.origin == ORIGIN
        if request.size != self.size:
            return self.upstream.GetProof(request, timeout=timeout)
        return pb.GetProofResponse(hashes=self.proof)


def test_case_12_a_fast_forward_by_a_stolen_key_is_quarantined_and_honest_entries_go_on(net):
    field = Relayed(net, is_direct=True)
    try:
        grow(field.hotline, 10, 6)
        holds(field.provider, 16)
        until(lambda: field.relay.open > 0, 60)
        held = field.hotline.admin.GetNote(pb.GetNoteRequest(set="ncii"), timeout=60).note
        root, proof = leap_from(held)
        note = note_of(field.hotline, LEAP, root)
        thief = field.relay.upstream = Thief(field.relay.upstream, proof)

        def alter(news):
            news.note = note
            yield news
        field.relay.lie("Tail", alter)
        # Nothing was published, it is only signed again: the leap is proven to
        # continue what is held.
        field.clock.move(minutes=10)
        field.clock.look(field.hotline)
        until(lambda: " peer: leap not believed peer=partner.example " in field.provider.log(), 60)
        assert thief.asked and (set_of(field.provider).seen, set_of(field.provider).applied) == (16, 16)
        grow(field.hotline, 16, 11)
        holds(field.provider, 27)
        info = set_of(field.provider)
        assert (info.seen, info.applied, info.state) == (27, 27, pb.SET_STATE_COMPLETE)
        until(lambda: field.provider.match(sha256(20)), 60)
        assert verdicts(field.provider)[0] == BLOCK
        # Nor is it after a restart.
        field.provider.restart()
        assert set_of(field.provider).seen == 27
        field.relay.honest()
        grow(field.hotline, 27, 1)
        holds(field.provider, 28)
    finally:
        field.relay.stop()


def test_case_12_a_new_epoch_recovers_from_a_stolen_key(net):
    field = Relayed(net, is_direct=True)
    new = ORIGIN[:-1] + "2"
    try:
        grow(field.hotline, 10, 6)
        holds(field.provider, 16)
        until(lambda: field.provider.match(sha256(15)) and field.relay.open > 0, 60)
        held = field.hotline.admin.GetNote(pb.GetNoteRequest(set="ncii"), timeout=60).note
        root, proof = leap_from(held)
        leap = note_of(field.hotline, LEAP, root)
        thief = field.relay.upstream = Thief(field.relay.upstream, proof)

        def alter(news):
            yield pb.TailResponse(origin=ORIGIN, note=leap)
            if news.origin != ORIGIN:
                yield news
        field.relay.lie("Tail", alter)
        field.clock.move(minutes=10)
        field.clock.look(field.hotline)
        until(lambda: " peer: leap not believed " in field.provider.log(), 60)
        # What was signed from entry 12 on was the thief's as well.
        watcher = Watcher(field.provider, 1, 11)
        until(lambda: watcher.seen, 60, "it looks up")
        done = next_epoch(field.hotline, from_size_plus_one=12 + 1)
        assert (done.origin, done.void_from) == (new, 12)
        until(lambda: [h.origin for h in field.provider.match(sha256(1))] == [new], 60)
        assert watcher.stop() == {ORIGIN, new}
        assert not field.provider.match(*(sha256(n) for n in range(12, 16))), "void"
        # The thief goes on telling of more of the old epoch, much or little.
        thief.asked = 0
        for n, size in ((200, LEAP), (201, 17)):
            leap = note_of(field.hotline, size, root)
            told = field.relay.told["Tail"]
            field.hotline.append("ncii", [item(n)])
            until(lambda: field.relay.told["Tail"] > told and field.provider.match(sha256(n)), 60)
            info = set_of(field.provider)
            assert (info.seen, info.applied, thief.asked) == (16, 16, 0)
        old, fresh = field.provider.sets()[ORIGIN], field.provider.sets()[new]
        assert (old.state, old.void_from) == (pb.SET_STATE_SUCCEEDED, 12)
        assert (fresh.state, fresh.live) == (pb.SET_STATE_COMPLETE, 14)
        field.hotline.append("ncii", [item(100)])
        until(lambda: field.provider.match(sha256(100)), 60)
        field.provider.restart()
        assert not field.provider.match(*(sha256(n) for n in range(12, 16)))
        until(lambda: [h.origin for h in field.provider.match(sha256(1), sha256(100))] == [new] * 2, 60)
    finally:
        field.relay.stop()


class Snapshooter:
    """What stands behind the relay: the publisher, and one entry more that its
    keys have signed."""

    def __init__(self, upstream, first, leaf, chunk):
        self.upstream = upstream
        self.first = first
        self.leaf = leaf
        self.chunk = chunk

    def __getattr__(self, name):
        return getattr(self.upstream, name)

    def GetProof(self, request, timeout):
        return pb.GetProofResponse(hashes=self.leaf)

    def GetChunks(self, request):
        assert request.first == self.first
        return Answer([self.chunk])


class Answer(list):
    def cancel(self):
        pass


def test_case_36_a_snapshot_that_differs_is_kept_and_proven_and_nobody_goes_by_it(net):
    """It says that the set has one entry that lives, which is not so: what
    lives is known from the entries."""
    field = Relayed(net, is_direct=False)
    try:
        grow(field.hotline, 10, 6)
        holds(field.provider, 16)
        until(lambda: field.relay.open > 0, 60)
        before = verdicts(field.provider)
        payload, opening = b"size 1, live " + bytes(32), bytes(range(32))
        header = struct.pack(">4sBBHQQII", b"hfe1", 7, 1, 0, int(time.time() * 1000), 16, len(payload), 0) + hmac.new(
            b"hashfed/entry-commit/v1", opening + payload, hashlib.sha256).digest()
        leaf = hashlib.sha256(b"\0" + header).digest()
        held = field.provider.admin.GetNote(pb.GetNoteRequest(set=ORIGIN), timeout=60).note
        root = hashlib.sha256(b"\1" + base64.b64decode(held.split(b"\n")[2]) + leaf).digest()
        chunk = pb.GetChunksResponse(first=16, headers=header, payload_lengths=[len(payload)], openings=opening,
                                     payloads=payload)
        field.relay.upstream = Snapshooter(field.relay.upstream, 16, leaf, chunk)
        note = note_of(field.hotline, 17, root)

        def alter(news):
            news.note = note
            yield news
        field.relay.lie("Tail", alter)
        field.clock.move(minutes=10)
        field.clock.look(field.hotline)
        holds(field.provider, 17)
        info = set_of(field.provider)
        assert (info.applied, info.live, info.state) == (17, 16, pb.SET_STATE_COMPLETE)
        done = field.provider.admin.VerifySet(pb.VerifySetRequest(set=ORIGIN), timeout=60)
        assert (done.size, done.payloads, done.missing) == (17, 17, 0)
        until(lambda: field.provider.match(sha256(15)), 60)
        assert verdicts(field.provider) == before
    finally:
        field.relay.stop()
