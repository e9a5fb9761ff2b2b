"""What an enrolled peer that lies, or a publisher that forks, achieves: nothing."""

import base64
import contextlib
import json
import re
import threading

import grpc
import pytest
from liar import Relay
from net import Net, item, pb, refused, sha256, until

ORIGIN = "hotline.example/ncii/1"
BATCH = 700  # more than two chunks


class Field:
    """hotline -> a relay of ours with the partner's key -> provider."""

    def __init__(self, net):
        self.net = net
        self.hotline = net.organisation("hotline", ["ncii"])
        self.partner = net.organisation("partner")
        self.provider = net.organisation("provider", conf="peer-timeout: 2s\n")
        net.enrol(self.hotline, self.partner, "--silent")
        net.enrol(self.hotline, self.provider, "--silent")
        net.enrol(self.partner, self.provider)
        self.hotline.start()
        self.hotline.share("ncii", self.partner, may_relay=True)
        self.hotline.share("ncii", self.provider)
        self.relay = Relay(self.partner, self.hotline)
        self.next = 0
        self.size = 0
        self.provider.start()
        self.provider.follow(ORIGIN)
        self.grow(1)
        self.arrived()

    def grow(self, count):
        items = [item(n) for n in range(self.next, self.next + count)]
        self.next += count
        self.size = self.hotline.append("ncii", items).size

    def arrived(self):
        until(lambda: self.provider.applied(ORIGIN) == self.size, 30, "everything is applied")
        done = self.provider.admin.VerifySet(pb.VerifySetRequest(set=ORIGIN), timeout=120)
        assert (done.size, done.payloads, done.missing) == (self.size, self.size, 0)

    def problem(self):
        return self.provider.peers()["partner.example"].problem

    def is_forgiven(self):
        """Nothing is held against the relay; a link is cleared after the last entry came over it."""
        until(lambda: self.problem() == "", 30, "no problem with the relay")

    def complaints(self):
        return [re.search(r'why="(.*)" retry', line).group(1) for line in self.provider.log().splitlines()
                if "peer: failed peer=partner.example" in line]


@pytest.fixture(scope="module")
def shared_field():
    net = Net()
    try:
        made = Field(net)
        yield made
        made.relay.stop()
    finally:
        net.close()


@pytest.fixture
def field(shared_field):
    """Between two tests nobody lies and everything is there."""
    yield shared_field
    shared_field.relay.honest()
    shared_field.arrived()


def flipped(data, at=0):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


def alter_chunk(change):
    """Change the first message that has payloads; the rest is honest."""
    def alter(messages):
        is_done = False
        for message in messages:
            if not is_done and message.payloads:
                is_done = True
                message = change(message) or message
            yield message
    return alter


def payload_byte(m):
    m.payloads = flipped(m.payloads, 30)


def opening_byte(m):
    m.openings = flipped(m.openings)


def header_byte(m):
    m.headers = flipped(m.headers, 64 + 40)


def omitted_entry(m):
    m.headers = m.headers[64:]


def entry_too_many(m):
    m.headers += m.headers[-64:]


def wrong_proof(m):
    m.proof = flipped(m.proof) if m.proof else b"x" * 32


def proof_of_64_hashes(m):
    m.proof = bytes(64 * 32)


def proof_cut(m):
    m.proof = m.proof[:-1] if m.proof else b"x" * 31


def wrong_first(m):
    m.first += 256


def lengths_lie(m):
    m.payload_lengths[0] += 1


def length_of_4_gib(m):
    m.payload_lengths[0] = 0xffffffff


def payload_left_over(m):
    m.payloads += b"more"


def garbage(m):
    return b"\xff\xff\xff\xff\x01"


def five_mebibytes(m):
    m.payloads += bytes(5 << 20)


def out_of_order(messages):
    return reversed(list(messages))


def twice(messages):
    for message in messages:
        yield message
        yield message


def nothing_at_all(messages):
    yield from ()


def endless_nothing(messages):
    yield next(messages)
    while True:
        yield pb.GetChunksResponse(first=0)


def empty_for_ever(messages):
    first = next(messages)
    held = pb.GetChunksResponse(first=first.first, headers=first.headers, proof=first.proof)
    yield held
    while True:
        yield pb.GetChunksResponse(first=first.first)


CHUNK_LIES = [alter_chunk(change) for change in (
    payload_byte, opening_byte, header_byte, omitted_entry, entry_too_many, wrong_proof, proof_of_64_hashes,
    proof_cut, wrong_first, lengths_lie, length_of_4_gib, payload_left_over, garbage, five_mebibytes)]
CHUNK_NAMES = ["payload_byte", "opening_byte", "header_byte", "omitted_entry", "entry_too_many", "wrong_proof",
               "proof_of_64_hashes", "proof_cut", "wrong_first", "lengths_lie", "length_of_4_gib",
               "payload_left_over", "garbage", "five_mebibytes"]
# Each time a chunk comes first that is true: of many, so that most is still to come.
HALF_TRUE, MANY = (twice, endless_nothing), 4000
STREAM_LIES = [out_of_order, twice, nothing_at_all, endless_nothing, empty_for_ever]


@pytest.mark.parametrize("lie", CHUNK_LIES + STREAM_LIES, ids=CHUNK_NAMES + [f.__name__ for f in STREAM_LIES])
def test_chunks_that_are_not_the_publishers_are_not_stored(field, lie):
    before = field.size
    said = len(field.complaints())
    field.relay.lie("GetChunks", lie)
    field.grow(MANY if lie in HALF_TRUE else BATCH)
    # Two of them may be under way at once, and not heard yet.
    until(lambda: field.relay.told["GetChunks"] >= 2 and field.problem() and len(field.complaints()) > said, 60,
          "the lie is told twice, and seen through")
    assert before <= field.provider.applied(ORIGIN) < field.size
    new = field.complaints()[said:]
    assert len(set(new)) == len(new) or lie in HALF_TRUE, "said once, not each time"
    field.relay.honest()
    field.arrived()
    field.is_forgiven()


def withheld(index):
    """Say of an entry that it was erased, which nobody signed."""
    def alter(messages):
        for m in messages:
            at, first = index - m.first, m.first
            if 0 <= at < len(m.payload_lengths) and m.payload_lengths[at]:
                opening = 32 * sum(length > 0 for length in m.payload_lengths[:at])
                start = sum(m.payload_lengths[:at])
                m.openings = m.openings[:opening] + m.openings[opening + 32:]
                m.payloads = m.payloads[:start] + m.payloads[start + m.payload_lengths[at]:]
                m.payload_lengths[at] = 0
                m.erased.append(index)
            yield m
    return alter


def test_a_payload_that_is_withheld_makes_the_set_incomplete_and_is_named(net):
    field = Field(net)
    index = field.size + 2
    field.relay.lie("GetChunks", withheld(index))
    field.grow(5)
    until(lambda: field.provider.sets()[ORIGIN].applied == field.size, 30, "the rest is applied")
    info = field.provider.sets()[ORIGIN]
    assert (info.state, info.missing, list(info.missing_entries)) == (pb.SET_STATE_INCOMPLETE, 1, [index])
    shown = field.provider.hashfed("sets", "show", ORIGIN)
    assert "incomplete" in shown.lower() and f"missing      1 payloads, of entries {index}\n" in shown
    # Its neighbours match, and nobody passes it off as erased.
    until(lambda: field.provider.match(sha256(field.next - 2)), 30)
    assert not field.provider.match(sha256(field.next - 3))
    found = field.provider.admin.VerifySet(pb.VerifySetRequest(set=ORIGIN), timeout=120)
    assert (found.size, found.payloads, found.missing) == (field.size, field.size - 1, 1)
    field.relay.stop()


def growth_byte(answer):
    answer.hashes = flipped(answer.hashes)
    return answer


def growth_of_64(answer):
    answer.hashes = bytes(64 * 32)
    return answer


def growth_cut(answer):
    answer.hashes = answer.hashes[:-1]
    return answer


def growth_empty(answer):
    answer.hashes = b""
    return answer


@pytest.mark.parametrize("lie", [growth_byte, growth_of_64, growth_cut, growth_empty])
def test_a_checkpoint_without_its_proof_is_not_believed(field, lie):
    field.grow(3)  # so that the proof has hashes
    field.arrived()
    field.relay.lie("GetProof", lie)
    seen = field.provider.sets()[ORIGIN].seen
    field.grow(5)
    until(lambda: field.relay.told["GetProof"] >= 1 and field.problem(), 20)
    now = field.provider.sets()[ORIGIN]
    assert (now.seen, now.applied) == (seen, seen)
    field.relay.honest()
    field.arrived()


def parts(note):
    """Text and signature lines."""
    text, lines = note.decode().split("\n\n")
    return text + "\n", [line for line in lines.split("\n") if line]


def joined(text, lines):
    return (text + "\n" + "".join(line + "\n" for line in lines)).encode()


def with_size(size):
    def make(text, lines):
        origin, _, root, _ = text.split("\n")
        return joined(f"{origin}\n{size}\n{root}\n", lines)
    return make


def with_text(change):
    return lambda text, lines: joined(change(text), lines)


def forged(text, lines):
    """A line with the log key's name and id, and another signature."""
    mark, name, blob = lines[0].split(" ")
    raw = base64.b64decode(blob)
    return joined(text, [" ".join([mark, name, base64.b64encode(flipped(raw, 10)).decode()])] + lines[1:])


def other_key(text, lines):
    """Signed by somebody: no line of the log key is left."""
    mark, name, blob = lines[0].split(" ")
    raw = base64.b64decode(blob)
    return joined(text, [" ".join([mark, name, base64.b64encode(flipped(raw, 0)).decode()])] + lines[1:])


def noncanonical(text, lines):
    """The same bits, other padding bits."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    origin, size, root, _ = text.split("\n")
    last = alphabet[alphabet.index(root[-2]) ^ 1]
    return joined(f"{origin}\n{size}\n{root[:-2]}{last}=\n", lines)


NOTES = {
    "forged_line": forged,
    "another_key": other_key,
    "no_signatures": lambda text, lines: joined(text, []),
    "33_signatures": lambda text, lines: joined(text, lines + [lines[0].replace("hotline", f"w{n}") for n in range(31)]),
    "65_kib": lambda text, lines: joined(text, lines + ["— w " + "A" * (65 << 10)]),
    "crlf": lambda text, lines: joined(text, lines).replace(b"\n", b"\r\n"),
    "leading_zero": with_text(lambda text: re.sub(r"\n(\d+)\n", r"\n0\1\n", text)),
    "no_final_newline": lambda text, lines: joined(text, lines)[:-1],
    "size_2_to_63": with_size(1 << 63),
    "size_2_to_64": with_size(1 << 64),
    "other_size": with_size(7),
    "extension_line": with_text(lambda text: text + "more\n"),
    "empty_origin": with_text(lambda text: text[text.index("\n"):]),
    "other_origin": with_text(lambda text: text.replace("ncii/1", "ncii/2")),
    "key_name_with_plus": lambda text, lines: joined(text, [lines[0].replace("hotline", "hot+line")] + lines[1:]),
    "noncanonical_base64": noncanonical,
    "bare_text": lambda text, lines: text.encode(),
    "control_character": with_text(lambda text: text.replace("ncii", "nc\0ii")),
    "not_utf8": lambda text, lines: joined(text, lines).replace(b"ncii", b"nc\xffii"),
}


@pytest.mark.parametrize("name", NOTES)
def test_a_note_that_is_none_changes_nothing(field, name):
    before = field.provider.sets()[ORIGIN]

    def alter(news):
        news.note = NOTES[name](*parts(news.note))
        yield news
    field.relay.lie("Tail", alter)
    field.grow(1)
    until(lambda: field.relay.told["Tail"] >= 1 and field.problem(), 20)
    now = field.provider.sets()[ORIGIN]
    assert (now.seen, now.applied, now.state) == (before.seen, before.applied, before.state)
    field.relay.honest()
    field.arrived()


def test_an_old_checkpoint_takes_nothing_back(field):
    note = field.hotline.admin.GetNote(pb.GetNoteRequest(set="ncii")).note
    field.grow(300)
    field.arrived()

    def alter(news):
        news.note = note
        yield news
    field.relay.lie("Tail", alter)
    field.grow(1)
    until(lambda: field.relay.told["Tail"] >= 1, 20)
    # The next honest news says when the old one was digested.
    field.relay.honest()
    field.grow(1)
    field.arrived()
    until(lambda: field.provider.sets()[ORIGIN].state == pb.SET_STATE_COMPLETE, 30)
    field.is_forgiven()


def test_an_agreement_that_is_announced_and_not_given_stops_nothing(field):
    def announce(news):
        yield pb.TailResponse(origin=ORIGIN, agreement_version=1000)
    field.relay.lie("Tail", announce, GetCheckpoint=lambda _: grpc.StatusCode.UNAVAILABLE)
    field.grow(1)
    until(lambda: field.relay.told["GetCheckpoint"] >= 1, 20)
    field.relay.honest()
    field.grow(1)
    field.arrived()
    field.is_forgiven()


def test_an_agreement_that_others_may_have_verified_is_nobodys_fault(field):
    """Its publisher may have shown another manifest to whoever passes it on."""
    def announce(news):
        yield pb.TailResponse(origin=ORIGIN, agreement_version=1000)

    def give(honest):
        document = pb.SignedDocument.FromString(honest.agreement)
        for one in document.signatures:
            one.signature = flipped(one.signature)
        honest.agreement = document.SerializeToString()
        return honest
    field.relay.lie("Tail", announce, GetCheckpoint=give)
    field.grow(1)
    until(lambda: field.relay.told["GetCheckpoint"] >= 1, 20)
    field.relay.honest()
    field.grow(1)
    field.arrived()
    assert not [c for c in field.complaints() if "agreement key" in c]


def test_an_agreement_of_another_set_than_asked_for_is_not_kept(field):
    """Or a peer could fill a ring with as many as it can have signed."""
    other = field.hotline.admin.OpenSet(pb.OpenSetRequest(name="other"), timeout=120).origin
    field.hotline.share("other", field.partner)
    document = field.hotline.federation(field.partner).GetCheckpoint(
        pb.GetCheckpointRequest(origin=other), timeout=120).agreement

    def announce(news):
        yield pb.TailResponse(origin=ORIGIN, agreement_version=1000)

    def give(honest):
        honest.agreement = document
        return honest
    field.relay.lie("Tail", announce, GetCheckpoint=give)
    field.grow(1)
    until(lambda: f"an agreement of '{other}', not of '{ORIGIN}'" in field.problem(), 20)
    assert not (field.provider.lib / "ring/agreements" / (other.replace("/", "_") + ".agreement")).exists()
    field.relay.honest()
    field.grow(1)
    field.arrived()


def test_lines_of_others_under_a_note_are_passed_over(field):
    def alter(news):
        text, lines = parts(news.note)
        news.note = joined(text, lines + ["— witness.example/cosigner " + base64.b64encode(bytes(76)).decode()])
        yield news
    field.relay.lie("Tail", alter)
    field.grow(2)
    field.arrived()
    assert field.relay.told["Tail"] >= 1
    field.is_forgiven()
    field.relay.honest()


def test_a_drip_feed_is_cut_and_tried_again(field):
    def drip(messages):
        yield next(messages)
        field.relay.ended.wait(60)
    field.relay.lie("GetChunks", drip)
    field.grow(BATCH)
    until(lambda: "no chunk within" in field.problem(), 20, "the drip is noticed")
    field.relay.honest()
    field.arrived()


def test_sets_without_end_are_not_remembered(field):
    def alter(news):
        for n in range(10_001):
            yield pb.TailResponse(origin=f"hotline.example/x{n}/1")
        yield news
    field.relay.lie("Tail", alter)
    field.grow(1)
    until(lambda: field.problem().startswith("Tail: "), 30)
    field.relay.honest()
    field.grow(1)
    field.arrived()


def test_a_liar_does_not_keep_the_truth_away(net):
    field = Field(net)
    try:
        field.provider.key("peer", "remove", "hotline.example")
        field.provider.enrol(field.hotline)
        until(lambda: any(p.is_connected for name, p in field.provider.peers().items() if "hotline" in name), 20)
        field.relay.lie("GetChunks", alter_chunk(payload_byte))
        for _ in range(5):
            field.grow(BATCH)
            field.arrived()
    finally:
        field.relay.stop()


class Cache:
    """A proxy that gives everybody what somebody else asked for first."""

    def __init__(self):
        self.held = None

    def proof(self, answer):
        self.held = self.held or answer
        return self.held

    def chunks(self, messages):
        for message in messages:
            self.held = self.held or message
            message.proof = self.held.proof
            yield message


@pytest.mark.parametrize("method", ["GetProof", "GetChunks"])
def test_case_37_a_cache_that_gives_another_requests_proof_is_counted_and_gone_around(net, method):
    field = Field(net)
    try:
        field.grow(300)
        field.arrived()
        cache = Cache()
        field.relay.lie(method, cache.proof if method == "GetProof" else cache.chunks)
        field.grow(11)
        field.arrived()
        assert field.relay.told[method] >= 1 and field.provider.peers()["partner.example"].refused == 0
        # The next one asks something else, and gets the same.
        field.grow(1000)
        until(lambda: field.provider.peers()["partner.example"].refused >= 2 and field.problem(), 20,
              "refused and counted, each time")
        assert field.provider.applied(ORIGIN) < field.size
        told = {p["name"]: p for p in json.loads(field.provider.hashfed("peers", "--json"))["peers"]}
        assert told["partner.example"]["refused"] >= 2

        # Elsewhere it is to be had.
        field.provider.key("peer", "remove", "hotline.example")
        field.provider.enrol(field.hotline)
        field.arrived()
        assert field.provider.peers()["hotline.example"].refused == 0
    finally:
        field.relay.stop()


# --- first syncs that break off -----------------------------------------------------------


def test_case_26_what_is_retracted_later_never_blocks_in_a_first_sync_that_was_killed(net):
    """The sync stands behind the entry when the daemon dies; the retraction is
    in a chunk that comes after it."""
    field = Field(net)
    gate = threading.Event()
    try:
        other = net.organisation("other", conf="peer-timeout: 600s\n")
        net.enrol(field.hotline, other, "--silent")
        net.enrol(field.partner, other)
        field.hotline.share("ncii", other)
        field.grow(3 * BATCH)
        gone = 100
        field.hotline.publish.Retract(pb.RetractRequest(entry=pb.EntryRef(origin="ncii", index=gone),
                                                        reason=pb.RETRACT_REASON_WRONG), timeout=120)
        field.size += 1

        def hold(messages):
            for n, message in enumerate(messages):
                if n == 3:
                    gate.wait(600)
                yield message
        field.relay.lie("GetChunks", hold)
        other.start()
        other.follow(ORIGIN)
        verdicts = lambda n: {hit.verdict for hit in other.match(sha256(n))}
        until(lambda: verdicts(gone) and verdicts(gone + 1), 30, "the entry is there, its retraction is not")
        assert 0 < other.applied(ORIGIN) < field.size
        assert verdicts(gone) == verdicts(gone + 1) == {pb.VERDICT_REVIEW}
        other.kill()
        gate.set()
        other.start()

        def blocks():
            seen = {}
            with contextlib.suppress(grpc.RpcError):  # it is starting
                seen = {hit.index: hit.verdict for hit in other.match(sha256(gone), sha256(gone + 1))}
            assert seen.get(gone) != pb.VERDICT_BLOCK, "on the way to the checkpoint"
            return seen.get(gone + 1) == pb.VERDICT_BLOCK
        until(blocks, 60, "its neighbour blocks")
        until(lambda: not verdicts(gone), 20)
        until(lambda: other.sets()[ORIGIN].state == pb.SET_STATE_COMPLETE, 30)
    finally:
        gate.set()
        field.relay.stop()


def test_what_an_enrolled_peer_asks_wrongly_is_refused(field):
    stub = field.hotline.tls(field.partner.key_pem, field.partner.cert)

    def raw(method, request):
        return stub.unary_unary("/hashfed.v1.Federation/" + method)(request, timeout=120)
    with refused("RESOURCE_EXHAUSTED"):
        raw("Hello", bytes(5 << 20))
    with refused("UNIMPLEMENTED"):
        raw("Nothing", b"")
    with refused("INVALID_ARGUMENT"):
        raw("Hello", b"\xff\xff\xff\xff\x01")
    with refused("NOT_FOUND"):
        raw("GetCheckpoint", pb.GetCheckpointRequest(origin="hotline.example/never/1").SerializeToString())
    federation = field.hotline.federation(field.partner)
    size = field.size
    for first, end, tree in [(0, size + 1, size), (5, 5, size), (7, 3, size), (0, 1, size + 1), (0, 1, 1 << 63)]:
        with refused("INVALID_ARGUMENT"):
            list(federation.GetChunks(pb.GetChunksRequest(origin=ORIGIN, size=tree, first=first, end=end), timeout=120))
