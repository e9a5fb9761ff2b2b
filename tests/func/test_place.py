"""Matching in place: what a program without the daemon is told is what the
daemon tells, word for word, and as soon."""

import ctypes
import os
import signal
import subprocess
import time

import pytest

from net import BIN, IS_SANITIZED, SANITIZE, TOP, flip, item, pb, pdq, sha256, until
from test_chain import follow_both

SHA256, PDQ, VPDQ = pb.ALGORITHM_SHA256, pb.ALGORITHM_PDQ, pb.ALGORITHM_VPDQ

POLICY = """
policy:
  - class: csam
    near: off
    exact: block
  - set: "hotline.example/harmless/1"
    benign: yes
    exact: ignore
    near-verdict: ignore
  - class: terrorist
    near: 8
    exact: review
    near-verdict: ignore
"""


class Hash(ctypes.Structure):
    _fields_ = [("item", ctypes.c_uint32), ("algorithm", ctypes.c_uint8), ("quality", ctypes.c_uint8),
                ("digest", ctypes.c_char_p), ("frames_count", ctypes.c_uint32)]


class Hit(ctypes.Structure):
    _fields_ = [("item", ctypes.c_uint32), ("verdict", ctypes.c_uint8), ("algorithm", ctypes.c_uint8),
                ("content_class", ctypes.c_uint8), ("freshness", ctypes.c_uint8), ("distance", ctypes.c_uint32),
                ("looked_up_percent", ctypes.c_uint8), ("listed_percent", ctypes.c_uint8), ("origin", ctypes.c_char_p), ("index", ctypes.c_uint64), ("rule", ctypes.c_char_p),
                ("digest", ctypes.POINTER(ctypes.c_uint8)), ("digest_bytes", ctypes.c_size_t)]


# Python is not built with sanitizers, so it cannot load what is: then it takes the other build's beside the daemon,
# and what the test links itself is checked.
LIB = ctypes.CDLL(str((TOP / "build" if IS_SANITIZED else BIN.parent) / "lib/libhashfed.so"))
LIB.hashfed_answer_new.restype = ctypes.c_void_p
LIB.hashfed_answer_free.argtypes = [ctypes.c_void_p]
LIB.hashfed_answer_text.restype = ctypes.c_char_p
LIB.hashfed_answer_text.argtypes = [ctypes.c_void_p]
LIB.hashfed_lookup.argtypes = [ctypes.c_void_p, ctypes.POINTER(Hash), ctypes.c_size_t, ctypes.c_void_p]
LIB.hashfed_hits.restype = ctypes.c_size_t
LIB.hashfed_hits.argtypes = [ctypes.c_void_p, ctypes.POINTER(ctypes.POINTER(Hit))]
LIB.hashfed_verdict.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
LIB.hashfed_has_more.argtypes = [ctypes.c_void_p]
LIB.hashfed_is_live.argtypes = [ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint64)]
LIB.hashfed_close.argtypes = [ctypes.c_void_p]
LIB.hashfed_words.restype = ctypes.c_char_p


class Place:
    """The library, opened on a node's index."""

    def __init__(self, node):
        self.handle = ctypes.c_void_p()
        text = ctypes.create_string_buffer(256)
        path = str(node.lib / "index").encode()
        self.error = LIB.hashfed_open(path, ctypes.byref(self.handle), text, 256)
        self.text = text.value.decode()
        self.answer = LIB.hashfed_answer_new()

    def look_up(self, *asked):
        """asked: (item, algorithm, quality, digest); the hits as tuples."""
        hashes = (Hash * len(asked))(*[Hash(i, a, 255 if q is None else q, d, len(d) // 32 if a == VPDQ else 0) for i, a, q, d in asked])
        error = LIB.hashfed_lookup(self.handle, hashes, len(asked), self.answer)
        assert error == 0, (LIB.hashfed_words(error), LIB.hashfed_answer_text(self.answer))
        hits = ctypes.POINTER(Hit)()
        count = LIB.hashfed_hits(self.answer, ctypes.byref(hits))
        return [(h.item, h.verdict, h.algorithm, h.content_class, h.freshness, h.distance, h.origin.decode(),
                 h.index, h.rule.decode(), bytes(h.digest[:h.digest_bytes]), h.looked_up_percent, h.listed_percent) for h in hits[:count]]

    def match(self, *digests):
        return self.look_up(*[(n, SHA256, None, d) for n, d in enumerate(digests)])

    def verdict(self, of):
        return LIB.hashfed_verdict(self.answer, of)

    def is_live(self):
        age = ctypes.c_uint64()
        return bool(LIB.hashfed_is_live(self.handle, ctypes.byref(age))), age.value

    def close(self):
        LIB.hashfed_answer_free(self.answer)
        LIB.hashfed_close(self.handle)


def daemon_says(node, *asked):
    """The same question by RPC."""
    batches = []
    for algorithm in sorted({a for _, a, _, _ in asked}):
        rows = [x for x in asked if x[1] == algorithm]
        batch = pb.DigestBatch(algorithm=algorithm, digests=b"".join(d for _, _, _, d in rows),
                               items=[i for i, _, _, _ in rows])
        if algorithm == VPDQ:
            batch.frames.extend(len(d) // 32 for _, _, _, d in rows)
        if rows[0][2] is not None:
            batch.qualities = bytes(q for _, _, q, _ in rows)
        batches.append(batch)
    answer = node.scanner.Match(pb.MatchRequest(batches=batches), timeout=60)
    return [(h.item, h.verdict, h.algorithm, h.content_class, h.freshness, h.distance, h.origin, h.index, h.rule,
             h.digest, h.looked_up_percent, h.listed_percent) for h in answer.hits]


def same(node, place, *asked):
    """Both answer alike while nothing changes; the answer."""
    while True:
        told, in_place = daemon_says(node, *asked), place.look_up(*asked)
        if daemon_says(node, *asked) == told:
            assert in_place == told
            return told


def rules(hits):
    return [(h[1], h[8].partition("; ")[2]) for h in hits]


@pytest.fixture
def opened():
    places = []

    def open_place(node):
        places.append(Place(node))
        assert places[-1].error == 0, places[-1].text
        return places[-1]

    yield open_place
    for place in places:
        place.close()


def test_verdicts_in_place_are_those_of_the_daemon(net, opened):
    node = net.node("hotline", sets=["ncii", "harmless"], conf=POLICY)
    place = opened(node)
    node.append("ncii", [item(0), item(1, content_class=pb.CONTENT_CLASS_CSAM),
                         item(2, content_class=pb.CONTENT_CLASS_TERRORIST), item(6),
                         item(7, hashes=[pb.Hash(algorithm=PDQ, digest=pdq(7), quality_plus_one=50)])])
    frames = [pdq(1000 + n) for n in range(20)]
    node.append("ncii", [item(8, hashes=[pb.Hash(algorithm=VPDQ, digest=b"".join(frames))])])
    node.append("harmless", [item(6)])
    until(lambda: len(node.match(sha256(6))) == 2 and daemon_says(node, (0, VPDQ, None, b"".join(frames))), 60)
    asked = [(n, SHA256, None, sha256(n)) for n in (0, 1, 2, 3, 6)]
    asked += [(20 + n, PDQ, 100, flip(pdq(n), bits)) for n in (0, 1, 2, 6, 7) for bits in (0,)]
    asked += [(40 + bits, PDQ, 100, flip(pdq(0), bits)) for bits in (8, 31, 32)]
    asked += [(80 + bits, PDQ, 49, flip(pdq(0), bits)) for bits in (0, 8)]
    asked += [(100, SHA256, None, sha256(0)), (100, PDQ, 80, flip(pdq(2), 8)), (101, PDQ, 80, flip(pdq(2), 9))]
    asked += [(110, VPDQ, None, b"".join(frames[:18] + [pdq(1), pdq(2)])), (111, VPDQ, None, b"".join(frames[:9]))]
    asked += [(112, VPDQ, None, b"".join([flip(f, 3) for f in frames] + [pdq(3)] * 20))]
    hits = same(node, place, *asked)
    assert {h[0] for h in hits if h[2] == VPDQ} >= {110, 111}
    verdicts = {h[1] for h in hits}
    assert verdicts == {pb.VERDICT_BLOCK, pb.VERDICT_REVIEW, pb.VERDICT_IGNORE}
    assert (pb.VERDICT_REVIEW, "benign") in rules(hits)
    assert [place.verdict(n) for n in (0, 1, 3, 6)] == [pb.VERDICT_BLOCK, pb.VERDICT_BLOCK, 0, pb.VERDICT_REVIEW]
    assert place.is_live()[0]


def test_what_is_added_and_taken_back_is_seen_in_place_with_the_answer_of_the_daemon(net, opened):
    node = net.node("hotline", sets=["ncii"])
    place = opened(node)
    for n in range(40):
        first = node.append("ncii", [item(n)]).ranges[0].first
        until(lambda: node.match(sha256(n)), 60)
        assert [h[7] for h in place.match(sha256(n))] == [first]
        node.publish.Retract(pb.RetractRequest(entry=pb.EntryRef(origin=node.origin("ncii"), index=first),
                                               reason=pb.RETRACT_REASON_WRONG), timeout=60)
        until(lambda: not node.match(sha256(n)), 60)
        assert not place.match(sha256(n))


def test_an_entry_expires_in_place_too(net, opened):
    node = net.node("hotline", sets=["ncii"])
    place = opened(node)
    # Time enough for a slow machine to look before it is over.
    soon = int(time.time() * 1000) + 10000
    first = node.append("ncii", [item(50, expires_at_ms=soon), item(51, expires_at_ms=soon), item(52)]).ranges[0].first
    until(lambda: node.match(sha256(52)), 60)
    same(node, place, *[(n, SHA256, None, sha256(n)) for n in (50, 51, 52)])
    # One is to live longer after all, the other ends now.
    node.publish.Amend(pb.AmendRequest(entry=pb.EntryRef(origin=node.origin("ncii"), index=first + 1),
                                       item=item(51, hashes=[], expires_at_ms=soon + 10 ** 7)), timeout=60)
    node.publish.Amend(pb.AmendRequest(entry=pb.EntryRef(origin=node.origin("ncii"), index=first + 2),
                                       item=item(52, hashes=[], expires_at_ms=soon - 10 ** 5)), timeout=60)
    until(lambda: not place.match(sha256(52)), 60)
    until(lambda: not place.match(sha256(50)), 60)
    assert int(time.time() * 1000) >= soon
    assert [h[7] for h in same(node, place, *[(n, SHA256, None, sha256(n)) for n in (50, 51, 52)])] == [first + 1]
    # What expires is known after a restart.
    soon = int(time.time() * 1000) + 10000
    node.append("ncii", [item(60, expires_at_ms=soon)])
    until(lambda: node.match(sha256(60)), 60)
    node.restart()
    until(lambda: not place.match(sha256(60)), 60)
    assert int(time.time() * 1000) >= soon
    assert place.match(sha256(51))


def test_sets_that_are_followed_frozen_left_or_old_are_judged_alike(net, opened):
    hotline, partner, provider = net.chain()
    origin = follow_both(hotline, partner, provider)
    hotline.append("ncii", [item(1), item(2)])
    # What blocks: a match is for review until all of the set is there.
    until(lambda: [h.verdict for h in provider.match(sha256(2))] == [pb.VERDICT_BLOCK], 60)
    place = opened(provider)
    asked = [(0, SHA256, None, sha256(1)), (1, PDQ, 100, flip(pdq(2), 5))]
    hits = same(provider, place, *asked)
    assert [h[1] for h in hits] == [pb.VERDICT_BLOCK, pb.VERDICT_REVIEW]
    hotline.share("ncii", provider, is_removal=True)
    until(lambda: not provider.match(sha256(1)), 60)
    assert not place.match(sha256(1))
    until(lambda: provider.sets()[origin].state == pb.SET_STATE_ENDED, 60)
    hotline.share("ncii", provider)
    until(lambda: provider.match(sha256(1)), 60)
    same(provider, place, *asked)


def test_who_reads_in_place_outlives_the_daemon_and_finds_the_next(net, opened):
    node = net.node("hotline", sets=["ncii"])
    node.append("ncii", [item(n) for n in range(500)])
    until(lambda: node.match(sha256(499)), 60)
    place = opened(node)
    node.kill()
    # The daemon's last word, sealed or not.
    assert [h[7] for h in place.match(*[sha256(n) for n in range(500)])] == list(range(500))
    is_live, age = place.is_live()
    assert not is_live and age < 600000
    later = opened(node)
    assert [h[7] for h in later.match(sha256(499))] == [499]
    node.start()
    node.append("ncii", [item(1000)])
    until(lambda: node.match(sha256(1000)), 60)
    for one in (place, later):
        assert [h[7] for h in one.match(sha256(0), sha256(499), sha256(1000))] == [0, 499, 500]
        assert one.is_live()[0]


def test_readers_are_never_wrong_while_daemons_are_killed(net, tmp_path):
    """Two processes look up all the time; an entry that was acknowledged long
    ago is in every answer."""
    node = net.node("hotline", sets=["ncii"])
    node.append("ncii", [item(n) for n in range(3000)])
    until(lambda: node.match(sha256(2999)), 60)
    example = BIN / "place-readers"
    readers = [subprocess.Popen([example, node.lib / "index", str(seed)], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, text=True) for seed in (1, 2)]
    for reader in readers:
        reader.stdin.write("".join(sha256(n).hex() + "\n" for n in range(3000)) + "\n")
        reader.stdin.flush()
        assert reader.stdout.readline() == "begun\n"
    for n in range(4):
        for more in range(20):
            node.append("ncii", [item(10000 + 100 * n + more)])
        node.process.send_signal(signal.SIGKILL)
        node.process.wait(60)
        node._gone()
        node.start()
    for reader in readers:
        out, _ = reader.communicate("end\n", timeout=120)
        looked, missed = map(int, out.split())
        assert looked > 0 and missed == 0
        assert reader.returncode == 0


def test_an_index_that_is_not_there_or_not_ours_is_an_error_with_a_sentence(net, tmp_path):
    class Nowhere:
        lib = tmp_path

    place = Place(Nowhere)
    assert place.error == 2 and "live" in place.text
    LIB.hashfed_answer_free(place.answer)
    node = net.node("hotline", sets=["ncii"])
    place = Place(node)
    assert place.error == 0, place.text
    bad = (Hash * 1)(Hash(0, 9, 255, b"x" * 32, 0))
    assert LIB.hashfed_lookup(place.handle, bad, 1, place.answer) == 4
    assert LIB.hashfed_answer_text(place.answer)
    place.close()


def test_the_example_of_the_manual_says_what_is_known(net, tmp_path):
    node = net.node("hotline", sets=["ncii"])
    node.append("ncii", [item(1)])
    until(lambda: node.match(sha256(1)), 60)
    source = TOP / "client/place/example.c"
    assert len(source.read_text().splitlines()) <= 35
    program = tmp_path / "example"
    subprocess.run(["cc", *SANITIZE, "-Wall", "-Wextra", "-Werror", "-I", TOP / "client/place", source, "-o", program,
                    "-L", BIN.parent / "lib", "-lhashfed", f"-Wl,-rpath,{BIN.parent}/lib"], check=True)
    run = lambda text: subprocess.run([program, node.lib / "index", text], capture_output=True, text=True)
    known = run(sha256(1).hex())
    assert known.returncode == 1, known.stderr
    assert known.stdout == "block hotline.example/ncii/1 0: default: exact=block near=review distance=31 quality=50\n"
    near = run("pdq:" + flip(pdq(1), 9).hex())
    assert near.returncode == 0 and near.stdout.startswith("review hotline.example/ncii/1 0: ")
    assert run(sha256(2).hex()).stdout == ""
    assert run("zz").returncode == 2


def test_the_files_are_for_the_group_and_for_nobody_else(net):
    node = net.node("hotline", sets=["ncii"])
    place = Place(node)
    for path in (node.lib / "index").iterdir():
        assert path.stat().st_mode & 0o7777 == 0o640 & ~int_umask(), path
    place.close()


def int_umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask
