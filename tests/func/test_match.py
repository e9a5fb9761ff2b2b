"""What a scanner is told: exact and near, by policy, in order, verbatim."""

import os
import time

import pytest

from net import flip, item, pb, pdq, refused, sha256, until

SHA256, PDQ, MD5 = pb.ALGORITHM_SHA256, pb.ALGORITHM_PDQ, pb.ALGORITHM_MD5

# Classes stand for different policies, so that one daemon serves all tests.
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
  - class: other
    exact: off
    near-verdict: off
"""


def a_pdq(digest, quality=100):
    return [pb.Hash(algorithm=PDQ, digest=digest, quality_plus_one=quality + 1)]


@pytest.fixture(scope="module")
def hotline(shared):
    node = shared.node("hotline", sets=["ncii", "harmless"], conf=POLICY)
    labels = [pb.Label(scheme="ncmec", value="A1"), pb.Label(scheme="local", value="  Größe № 5 ")]
    node.append("ncii", [
        item(0, labels=labels),
        item(1, content_class=pb.CONTENT_CLASS_CSAM),
        item(2, content_class=pb.CONTENT_CLASS_TERRORIST),
        item(3, content_class=pb.CONTENT_CLASS_OTHER),
        item(4, hashes=a_pdq(pdq(4), 49)),
        item(5, hashes=a_pdq(pdq(5), 50)),
        item(6),
        item(7, hashes=[pb.Hash(algorithm=MD5, digest=sha256(7)[:16]),
                        pb.Hash(algorithm=pb.ALGORITHM_SHA1, digest=sha256(7)[:20]),
                        pb.Hash(algorithm=pb.ALGORITHM_PHOTODNA, digest=sha256(7) * 4 + sha256(7)[:16])]),
        item(8),
    ])
    node.append("harmless", [item(6)])
    until(lambda: node.match(sha256(8)) and len(node.match(sha256(6))) == 2, 60)
    return node


def test_an_exact_match_blocks_and_gives_the_labels_verbatim(hotline):
    hits = hotline.match(sha256(0))
    assert len(hits) == 1
    hit = hits[0]
    assert (hit.item, hit.algorithm, hit.distance) == (0, SHA256, 0)
    assert (hit.origin, hit.index, hit.digest) == ("hotline.example/ncii/1", 0, sha256(0))
    assert (hit.verdict, hit.content_class) == (pb.VERDICT_BLOCK, pb.CONTENT_CLASS_NCII)
    assert [(x.scheme, x.value) for x in hit.labels] == [("ncmec", "A1"), ("local", "  Größe № 5 ")]
    assert hit.freshness == pb.FRESHNESS_FRESH and hit.rule


@pytest.mark.parametrize("algorithm,digest", [
    (MD5, sha256(7)[:16]), (pb.ALGORITHM_SHA1, sha256(7)[:20]), (pb.ALGORITHM_PHOTODNA, sha256(7) * 4 + sha256(7)[:16])])
def test_every_algorithm_is_matched_exactly(hotline, algorithm, digest):
    assert [h.index for h in hotline.match(digest, algorithm=algorithm)] == [7]
    assert not hotline.match(flip(digest, 1), algorithm=algorithm)


@pytest.mark.parametrize("bits,is_found", [(0, True), (1, True), (16, True), (30, True), (31, True), (32, False), (40, False)])
def test_pdq_is_near_up_to_31_bits_and_no_further(hotline, bits, is_found):
    hits = hotline.near(flip(pdq(0), bits))
    assert [(h.index, h.distance) for h in hits] == ([(0, bits)] if is_found else [])
    if is_found:
        assert hits[0].digest == pdq(0)
        # An equal PDQ hash does not mean an equal picture.
        assert hits[0].verdict == pb.VERDICT_REVIEW


def test_a_near_hit_keeps_its_place_in_a_batch_of_thousands(hotline):
    digests = [os.urandom(32) for _ in range(3000)]
    for place in (0, 1023, 1024, 2999):
        digests[place] = flip(pdq(0), 5)
    hits = hotline.match(*digests, algorithm=PDQ)
    assert [(h.item, h.index, h.distance) for h in hits] == [(place, 0, 5) for place in (0, 1023, 1024, 2999)]


def test_below_quality_50_nothing_is_near_on_either_side(hotline):
    near = flip(pdq(0), 10)
    assert hotline.near(near, 50) and not hotline.near(near, 49)
    assert not hotline.near(flip(pdq(4), 10), 100)
    assert hotline.near(flip(pdq(5), 10), 100)


def test_a_class_with_near_off_is_matched_exactly_only(hotline):
    assert hotline.match(sha256(1))[0].verdict == pb.VERDICT_BLOCK
    assert not hotline.near(pdq(1)) and not hotline.near(flip(pdq(1), 1))


def test_a_class_has_its_own_distance_and_verdicts(hotline):
    assert hotline.match(sha256(2))[0].verdict == pb.VERDICT_REVIEW
    assert hotline.near(flip(pdq(2), 8))[0].verdict == pb.VERDICT_IGNORE
    assert not hotline.near(flip(pdq(2), 9))


def test_what_the_policy_excludes_is_not_matched(hotline):
    assert not hotline.match(sha256(3)) and not hotline.near(pdq(3))


def test_a_benign_hit_turns_a_block_into_a_review_and_hides_nothing(hotline):
    verdicts = {h.origin: h.verdict for h in hotline.match(sha256(6))}
    assert verdicts == {"hotline.example/ncii/1": pb.VERDICT_REVIEW, "hotline.example/harmless/1": pb.VERDICT_IGNORE}


def test_only_means_that_nothing_else_of_the_set_is_matched(net):
    node = net.node("provider", sets=["ncii"], conf="""
policy:
  - class: csam
    exact: block
    near: off
    only: yes
""")
    node.append("ncii", [item(0), item(1, content_class=pb.CONTENT_CLASS_CSAM)])
    until(lambda: node.match(sha256(1)), 60)
    assert not node.match(sha256(0)) and not node.near(pdq(0)) and not node.near(flip(pdq(1), 3))


def test_digests_belong_to_items_and_the_worst_verdict_comes_first(hotline):
    request = pb.MatchRequest(batches=[
        pb.DigestBatch(algorithm=SHA256, digests=sha256(0) + sha256(99), items=[7, 9]),
        pb.DigestBatch(algorithm=PDQ, digests=flip(pdq(0), 3) + pdq(5), qualities=b"\x64\x64", items=[7, 2])])
    answer = hotline.scanner.Match(request, timeout=60)
    assert [(h.item, h.algorithm, h.distance) for h in answer.hits] == [(2, PDQ, 0), (7, SHA256, 0), (7, PDQ, 3)]
    assert answer.items == 10 and not answer.more


def test_a_stream_answers_batch_after_batch_in_order(hotline):
    def batches():
        for n in range(200):
            yield pb.MatchStreamRequest(batch=pb.MatchRequest(batches=[
                pb.DigestBatch(algorithm=SHA256, digests=sha256(8) * (n % 3) + sha256(10 ** 6 + n))]))

    answers = list(hotline.scanner.MatchStream(batches(), timeout=60))
    assert [len(a.batch.hits) for a in answers] == [n % 3 for n in range(200)]
    assert [a.batch.items for a in answers] == [n % 3 + 1 for n in range(200)]


def test_a_batch_of_10_000_is_answered_and_a_larger_one_refused(hotline):
    answer = hotline.scanner.Match(pb.MatchRequest(batches=[
        pb.DigestBatch(algorithm=SHA256, digests=b"".join(sha256(10 ** 6 + n) for n in range(9999)) + sha256(8))]), timeout=60)
    assert [h.item for h in answer.hits] == [9999]
    with refused("INVALID_ARGUMENT"):
        hotline.match(*[sha256(n) for n in range(10001)])


def test_a_lookup_that_makes_no_sense_is_refused(hotline):
    for batch in (pb.DigestBatch(algorithm=SHA256, digests=b"short"), pb.DigestBatch(digests=sha256(0)),
                  pb.DigestBatch(algorithm=SHA256, digests=sha256(0), items=[1, 2]),
                  pb.DigestBatch(algorithm=PDQ, digests=pdq(0), qualities=b"\x65"),
                  pb.DigestBatch(algorithm=PDQ, digests=pdq(0), qualities=b"\x10\x10")):
        with refused("INVALID_ARGUMENT"):
            hotline.scanner.Match(pb.MatchRequest(batches=[batch]), timeout=60)
    with refused("UNIMPLEMENTED", "UNSUPPORTED"):
        hotline.match(sha256(0), algorithm=77)
    assert hotline.scanner.Match(pb.MatchRequest(), timeout=60).items == 0


def test_an_item_with_many_hits_says_that_there_are_more(net):
    node = net.node("hotline", sets=["ncii"])
    node.append("ncii", [item(1, labels=[pb.Label(scheme="n", value=str(i))]) for i in range(100)] + [item(2)])
    until(lambda: node.match(sha256(2)), 60)
    answer = node.scanner.Match(pb.MatchRequest(batches=[pb.DigestBatch(algorithm=SHA256, digests=sha256(1))]), timeout=60)
    assert answer.more and len(answer.hits) == 64


def test_the_index_is_made_again_from_the_ledger_when_it_is_missing_or_damaged(net):
    node = net.node("hotline", sets=["ncii"])
    node.append("ncii", [item(n) for n in range(2000)])
    until(lambda: node.match(sha256(1999)), 60)
    for damage in ("missing", "damaged"):
        node.stop()
        for path in (node.lib / "index").iterdir():
            if damage == "missing":
                path.unlink()
            elif path.stat().st_size:
                data = bytearray(path.read_bytes())
                data[len(data) // 2] ^= 0xff
                path.write_bytes(data)
        node.start()
        until(lambda: len(node.match(sha256(0), sha256(1000), sha256(1999))) == 3, 60)


def test_an_item_matches_until_it_expires_and_an_amendment_may_end_it(hotline):
    soon = int(time.time() * 1000) + 1500
    first = hotline.append("ncii", [item(50, expires_at_ms=soon), item(51)]).ranges[0].first
    until(lambda: hotline.match(sha256(51)), 60)
    until(lambda: not hotline.match(sha256(50)), 60)
    assert time.time() * 1000 >= soon
    assert hotline.match(sha256(51))
    # Replaced by an item that is over already: the other goes too.
    hotline.publish.Amend(pb.AmendRequest(
        entry=pb.EntryRef(origin=hotline.origin("ncii"), index=first + 1),
        item=item(51, hashes=[], expires_at_ms=soon)), timeout=60)
    until(lambda: not hotline.match(sha256(51)), 60)
