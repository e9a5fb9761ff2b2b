"""What an analyst can write, and what is refused before it is signed."""

import os

import pytest

from net import item, pb, pdq, refused, sha256, until

SHA256, PDQ, MD5 = pb.ALGORITHM_SHA256, pb.ALGORITHM_PDQ, pb.ALGORITHM_MD5


@pytest.fixture(scope="module")
def hotline(shared):
    return shared.node("hotline", sets=["ncii", "csam", "empty"])


@pytest.fixture
def fresh(request):
    """Numbers of made-up pictures that no other test of this file uses."""
    begin = int.from_bytes(os.urandom(4), "big") * 1000
    return range(begin, begin + 1000)


def size_of(node, set_name):
    return node.sets()[node.origin(set_name)].applied


def note_size(node, set_name):
    note = node.admin.GetNote(pb.GetNoteRequest(set=set_name), timeout=60).note
    return int(note.split(b"\n")[1])


def by_hash(n):
    return pb.Hash(algorithm=SHA256, digest=sha256(n))


def test_acknowledged_entries_are_there_and_covered_by_the_checkpoint(hotline, fresh):
    before = size_of(hotline, "ncii")
    answer = hotline.append("ncii", [item(n) for n in fresh[:300]])
    assert answer.origin == "hotline.example/ncii/1"
    assert [(r.first, r.count, r.known) for r in answer.ranges] == [(before, 300, 0)]
    assert answer.size >= before + 300
    assert note_size(hotline, "ncii") >= before + 300
    until(lambda: hotline.match(sha256(fresh[299])), 60)


def test_messages_of_one_call_are_answered_each_in_order(hotline, fresh):
    batch = os.urandom(16)
    messages = [pb.AppendRequest(set="ncii", batch_id=batch, sequence=i,
                                 items=[item(fresh[i * 10 + j]) for j in range(10)]) for i in range(20)]
    answer = hotline.publish.Append(iter(messages), timeout=60)
    assert [r.sequence for r in answer.ranges] == list(range(20))
    assert [r.count for r in answer.ranges] == [10] * 20
    firsts = [r.first for r in answer.ranges]
    assert firsts == list(range(firsts[0], firsts[0] + 200, 10))


def test_a_batch_sent_again_returns_its_original_indexes(hotline, fresh):
    batch = os.urandom(16)
    items = [item(n) for n in fresh[:5]]
    first = hotline.append("ncii", items, batch)
    hotline.append("ncii", [item(fresh[50])])
    size = size_of(hotline, "ncii")
    again = hotline.append("ncii", items, batch)
    assert list(again.ranges) == list(first.ranges)
    assert size_of(hotline, "ncii") == size


def test_a_batch_sent_again_after_a_restart_returns_its_original_indexes(net):
    node = net.node("hotline", sets=["ncii"])
    batch = os.urandom(16)
    first = node.append("ncii", [item(1), item(2)], batch, 3)
    node.restart()
    again = node.append("ncii", [item(1), item(2)], batch, 3)
    assert list(again.ranges) == list(first.ranges)
    assert note_size(node, "ncii") == 2


@pytest.mark.parametrize("skip_known", [False, True])
def test_another_content_under_the_same_batch_and_sequence_is_refused(hotline, fresh, skip_known):
    batch = os.urandom(16)
    hotline.append("ncii", [item(fresh[0]), item(fresh[1])], batch, skip_known=skip_known)
    size = size_of(hotline, "ncii")
    for other in ([item(fresh[2]), item(fresh[3])], [item(fresh[0])],
                  [item(fresh[0]), item(fresh[2]), item(fresh[3])]):
        with refused("FAILED_PRECONDITION", "CONFLICT"):
            hotline.append("ncii", other, batch, skip_known=skip_known)
    assert size_of(hotline, "ncii") == size


def test_a_batch_that_skipped_what_is_known_may_be_sent_again(hotline, fresh):
    hotline.append("ncii", [item(fresh[0])])
    until(lambda: hotline.match(sha256(fresh[0])), 60)
    batch = os.urandom(16)
    items = [item(fresh[0]), item(fresh[1]), item(fresh[2])]
    first = hotline.append("ncii", items, batch, skip_known=True)
    assert [(r.count, r.known) for r in first.ranges] == [(2, 1)]
    again = hotline.append("ncii", items, batch, skip_known=True)
    assert list(again.ranges) == list(first.ranges)


def test_what_is_known_is_skipped_and_counted_on_request_only(hotline, fresh):
    hotline.append("ncii", [item(n) for n in fresh[:4]])
    until(lambda: hotline.match(sha256(fresh[3])), 60)
    skipped = hotline.append("ncii", [item(n) for n in fresh[:6]], skip_known=True)
    assert [(r.count, r.known) for r in skipped.ranges] == [(2, 4)]
    until(lambda: hotline.match(sha256(fresh[5])), 60)
    all_known = hotline.append("ncii", [item(n) for n in fresh[:6]], skip_known=True)
    assert [(r.count, r.known) for r in all_known.ranges] == [(0, 6)]
    added = hotline.append("ncii", [item(fresh[0])])
    assert [(r.count, r.known) for r in added.ranges] == [(1, 0)]


def bad_items():
    def h(algorithm, digest, quality_plus_one=0):
        return pb.Hash(algorithm=algorithm, digest=digest, quality_plus_one=quality_plus_one)

    def label(scheme, value):
        return [pb.Label(scheme=scheme, value=value)]

    some = sha256(1)
    return [
        ("a digest one byte short", item(1, hashes=[h(SHA256, some[:31])]), "hashes[0]"),
        ("a digest one byte long", item(1, hashes=[h(MD5, some[:17])]), "hashes[0]"),
        ("an empty digest", item(1, hashes=[h(SHA256, b"")]), "digest"),
        ("no algorithm", item(1, hashes=[h(0, some)]), "algorithm"),
        ("an unknown algorithm", item(1, hashes=[h(99, some)]), "algorithm"),
        ("no hash", item(1, hashes=[]), "hashes"),
        ("65 hashes", item(1, hashes=[h(SHA256, sha256(i)) for i in range(65)]), "hashes"),
        ("the same hash twice", item(1, hashes=[h(SHA256, some), h(SHA256, some)]), "hashes[1]"),
        ("quality 101", item(1, hashes=[h(PDQ, some, 102)]), "quality"),
        ("quality of what has none", item(1, hashes=[h(SHA256, some, 51)]), "quality"),
        ("no class", item(1, content_class=0), "content_class"),
        ("an unknown class", item(1, content_class=77), "content_class"),
        ("a label without scheme", item(1, labels=label("", "A1")), "labels"),
        ("a label without value", item(1, labels=label("ncmec", "")), "labels"),
        ("a label of 257 bytes", item(1, labels=label("ncmec", "x" * 257)), "labels"),
        ("65 labels", item(1, labels=[pb.Label(scheme="a", value=str(i)) for i in range(65)]), "labels"),
        ("a flag twice", item(1, flags=[pb.ITEM_FLAG_MINOR, pb.ITEM_FLAG_MINOR]), "flags"),
        ("an unknown flag", item(1, flags=[99]), "flags"),
        ("no country", item(1, jurisdiction="Netherlands"), "jurisdiction"),
        ("a reference to no origin", item(1, derived_from=[pb.EntryRef(origin="ncii", index=1)]), "derived_from"),
        ("no protobuf", b"\xff\xff\xff", ""),
    ]


@pytest.mark.parametrize("what,payload,word", [pytest.param(*row, id=row[0]) for row in bad_items()])
def test_a_bad_item_is_refused_by_its_place_and_nothing_of_its_message_is_added(hotline, what, payload, word):
    size = size_of(hotline, "empty")
    with refused("INVALID_ARGUMENT") as problem:
        hotline.append("empty", [item(500), payload])
    assert problem.domain == "hashfed" and problem.reason in ("ARGUMENT", "LIMIT", "MALFORMED")
    assert "items[1]" in problem.text and word in problem.text, problem.text
    assert [f for f, _ in problem.fields] == ["items[1]"], problem.fields
    assert size_of(hotline, "empty") == size


def test_a_label_that_is_no_text_is_refused(hotline):
    payload = item(1, labels=[pb.Label(scheme="local", value="zz")]).replace(b"zz", b"\xff\xfe")
    with refused("INVALID_ARGUMENT") as problem:
        hotline.append("empty", [payload])
    assert "items[0]" in problem.text


def test_a_payload_larger_than_60_kib_is_refused(hotline):
    payload = item(1, derived_from=[pb.EntryRef(origin="a" * 200 + ".example/ncii/1", index=i, leaf_hash=sha256(i))
                                    for i in range(64)]) * 5
    with refused("INVALID_ARGUMENT"):
        hotline.append("empty", [payload])


def test_a_request_without_a_whole_batch_id_set_or_items_is_refused(hotline):
    for fields in ({"batch_id": b"short"}, {"batch_id": b"\0" * 17}, {"items": [b""]}, {"set": ""}, {"set": "No Set!"}):
        request = pb.AppendRequest(**{"set": "empty", "batch_id": os.urandom(16), "items": [item(1)], **fields})
        with refused("INVALID_ARGUMENT"):
            hotline.publish.Append(iter([request]), timeout=60)
    with refused("INVALID_ARGUMENT"):
        hotline.publish.Append(iter([]), timeout=60)


def test_an_unknown_set_is_not_found_by_every_call_that_names_one(hotline):
    entry = pb.EntryRef(origin="hotline.example/nothing/1", index=0)
    for call in (
            lambda: hotline.append("nothing", [item(1)]),
            lambda: hotline.append("hotline.example/nothing/1", [item(1)]),
            lambda: hotline.publish.Retract(pb.RetractRequest(entry=entry, reason=1), timeout=60),
            lambda: hotline.publish.Amend(pb.AmendRequest(entry=entry, item=item(1, hashes=[])), timeout=60),
            lambda: hotline.admin.GetNote(pb.GetNoteRequest(set="nothing"), timeout=60),
            lambda: hotline.admin.ProveEntry(pb.ProveEntryRequest(set="nothing", index=0), timeout=60),
            lambda: hotline.admin.VerifySet(pb.VerifySetRequest(set="nothing"), timeout=60)):
        with refused("NOT_FOUND", "NOTFOUND") as problem:
            call()
        assert "nothing" in problem.text


def test_a_retracted_hash_comes_back_only_when_the_item_reinstates_it(hotline, fresh):
    n = fresh[0]
    index = hotline.append("ncii", [item(n)]).ranges[0].first
    until(lambda: hotline.match(sha256(n)), 60)
    gone = hotline.publish.Retract(pb.RetractRequest(hash=by_hash(n), reason=pb.RETRACT_REASON_WRONG,
                                                     note="taken in error"), timeout=60)
    assert gone.count == 1
    assert [(e.origin, e.index) for e in gone.retracted] == [("hotline.example/ncii/1", index)]
    assert not hotline.match(sha256(n))
    with refused("FAILED_PRECONDITION", "CONFLICT") as problem:
        hotline.append("ncii", [item(n)])
    assert f"entry {index}" in problem.text and "reinstate" in problem.text
    # Another of its hashes is enough.
    with refused("FAILED_PRECONDITION", "CONFLICT"):
        hotline.append("ncii", [item(n, hashes=[pb.Hash(algorithm=PDQ, digest=pdq(n))])])
    with refused("FAILED_PRECONDITION", "CONFLICT"):
        hotline.append("ncii", [item(n, reinstates_plus_one=index)])
    hotline.append("ncii", [item(n, reinstates_plus_one=index + 1)])
    until(lambda: hotline.match(sha256(n)), 60)
    # It is live again, so others may carry it too.
    hotline.append("ncii", [item(n)])


def test_a_retraction_is_remembered_over_a_restart(net):
    node = net.node("hotline", sets=["ncii"])
    node.append("ncii", [item(1), item(2)])
    until(lambda: node.match(sha256(2)), 60)
    node.publish.Retract(pb.RetractRequest(hash=by_hash(1), reason=1), timeout=60)
    node.restart()
    until(lambda: node.match(sha256(2)), 60)
    assert not node.match(sha256(1))
    with refused("FAILED_PRECONDITION", "CONFLICT"):
        node.append("ncii", [item(1)])


def test_one_hash_is_retracted_in_all_own_sets_with_one_call(hotline, fresh):
    n = fresh[0]
    hotline.append("ncii", [item(n)])
    hotline.append("csam", [item(n, content_class=pb.CONTENT_CLASS_CSAM), item(n, content_class=pb.CONTENT_CLASS_CSAM)])
    until(lambda: len(hotline.match(sha256(n))) == 3, 60)
    gone = hotline.publish.Retract(pb.RetractRequest(hash=by_hash(n), reason=1), timeout=60)
    assert gone.count == 3
    assert {e.origin for e in gone.retracted} == {"hotline.example/ncii/1", "hotline.example/csam/1"}
    assert not hotline.match(sha256(n)) and not hotline.near(pdq(n))
    assert not os.listdir(hotline.lib / "intents")
    with refused("NOT_FOUND", "NOTFOUND"):
        hotline.publish.Retract(pb.RetractRequest(hash=by_hash(n), reason=1), timeout=60)


def test_a_retraction_that_broke_off_is_finished_without_a_restart(hotline, fresh):
    n = fresh[0]
    hotline.append("ncii", [item(n)])
    hotline.append("csam", [item(n, content_class=pb.CONTENT_CLASS_CSAM)])
    until(lambda: len(hotline.match(sha256(n))) == 2, 60)
    intents = hotline.lib / "intents"
    intents.mkdir(exist_ok=True)
    # One as it is left by a call that could not be ended, one that never can.
    (intents / ("0" * 31 + "1")).write_bytes(pb.RetractRequest(hash=by_hash(n), reason=1).SerializeToString())
    (intents / ("0" * 31 + "2")).write_bytes(b"no request")
    hotline.admin.OpenSet(pb.OpenSetRequest(name=f"more-{n}"), timeout=60)
    until(lambda: not hotline.match(sha256(n)), 60)
    until(lambda: os.listdir(intents) == ["0" * 31 + "2"], 60, "the finished one is gone, the other not multiplied")
    (intents / ("0" * 31 + "2")).unlink()


def test_a_batch_is_retracted_whole(hotline, fresh):
    batch = os.urandom(16)
    hotline.append("ncii", [item(n) for n in fresh[:200]], batch, 0)
    hotline.append("ncii", [item(n) for n in fresh[200:300]], batch, 1)
    hotline.append("ncii", [item(fresh[300])])
    until(lambda: hotline.match(sha256(fresh[300])), 60)
    gone = hotline.publish.Retract(pb.RetractRequest(batch_id=batch, reason=pb.RETRACT_REASON_BATCH), timeout=60)
    assert gone.count == 300
    assert not hotline.match(*[sha256(n) for n in fresh[:300]])
    assert hotline.match(sha256(fresh[300]))
    with refused("NOT_FOUND", "NOTFOUND"):
        hotline.publish.Retract(pb.RetractRequest(batch_id=batch, reason=pb.RETRACT_REASON_BATCH), timeout=60)


def test_an_entry_is_retracted_by_its_place_and_its_twin_stays(hotline, fresh):
    n = fresh[0]
    first = hotline.append("ncii", [item(n), item(n)]).ranges[0].first
    until(lambda: len(hotline.match(sha256(n))) == 2, 60)
    entry = pb.EntryRef(origin="hotline.example/ncii/1", index=first)
    hotline.publish.Retract(pb.RetractRequest(entry=entry, reason=1), timeout=60)
    assert [hit.index for hit in hotline.match(sha256(n))] == [first + 1]


def test_what_cannot_be_retracted_is_refused(hotline, fresh):
    origin = "hotline.example/ncii/1"
    index = hotline.append("ncii", [item(fresh[0])]).ranges[0].first
    entry = pb.EntryRef(origin=origin, index=index)
    hotline.publish.Retract(pb.RetractRequest(entry=entry, reason=1), timeout=60)
    rows = [
        ("nothing named", pb.RetractRequest(reason=1), "INVALID_ARGUMENT"),
        ("no reason", pb.RetractRequest(entry=entry), "INVALID_ARGUMENT"),
        ("no such entry", pb.RetractRequest(entry=pb.EntryRef(origin=origin, index=10 ** 9), reason=1), "INVALID_ARGUMENT"),
        ("a digest too short", pb.RetractRequest(hash=pb.Hash(algorithm=SHA256, digest=b"x"), reason=1),
         "INVALID_ARGUMENT"),
        ("an unknown batch", pb.RetractRequest(batch_id=os.urandom(16), reason=4), "NOT_FOUND"),
        ("half a batch id", pb.RetractRequest(batch_id=b"12345678", reason=4), "INVALID_ARGUMENT"),
        ("a note of 1,025 bytes", pb.RetractRequest(entry=entry, reason=1, note="x" * 1025), "INVALID_ARGUMENT"),
    ]
    size = size_of(hotline, "ncii")
    for what, request, code in rows:
        with refused(code):
            hotline.publish.Retract(request, timeout=60)
            raise AssertionError(what)
    assert size_of(hotline, "ncii") == size


def test_an_amendment_changes_class_and_labels_of_verdicts(hotline, fresh):
    n = fresh[0]
    index = hotline.append("ncii", [item(n)]).ranges[0].first
    until(lambda: hotline.match(sha256(n)), 60)
    entry = pb.EntryRef(origin="hotline.example/ncii/1", index=index)
    labels = [pb.Label(scheme="iccam", value="Baseline"), pb.Label(scheme="dsa", value="KEYWORD_É")]
    hotline.publish.Amend(pb.AmendRequest(entry=entry, item=item(n, hashes=[], labels=labels,
                                                                 content_class=pb.CONTENT_CLASS_OTHER)), timeout=60)
    hit = until(lambda: [h for h in hotline.match(sha256(n)) if h.content_class == pb.CONTENT_CLASS_OTHER], 60)[0]
    assert (hit.index, list(hit.labels)) == (index, labels)


def test_an_amendment_of_hashes_or_of_what_is_no_item_is_refused(hotline, fresh):
    index = hotline.append("ncii", [item(fresh[0])]).ranges[0].first
    entry = pb.EntryRef(origin="hotline.example/ncii/1", index=index)
    with refused("INVALID_ARGUMENT"):
        hotline.publish.Amend(pb.AmendRequest(entry=entry, item=item(fresh[0])), timeout=60)
    with refused("INVALID_ARGUMENT"):
        hotline.publish.Amend(pb.AmendRequest(entry=pb.EntryRef(origin=entry.origin, index=10 ** 9),
                                              item=item(1, hashes=[])), timeout=60)
    hotline.publish.Retract(pb.RetractRequest(entry=entry, reason=1), timeout=60)
    retraction = size_of(hotline, "ncii") - 1
    with refused("INVALID_ARGUMENT"):
        hotline.publish.Amend(pb.AmendRequest(entry=pb.EntryRef(origin=entry.origin, index=retraction),
                                              item=item(1, hashes=[])), timeout=60)


def test_a_class_outside_the_agreement_is_refused(hotline):
    hotline.admin.OpenSet(pb.OpenSetRequest(name="terror", classes=[pb.CONTENT_CLASS_TERRORIST]), timeout=60)
    with refused("INVALID_ARGUMENT", "ARGUMENT") as problem:
        hotline.append("terror", [item(1)])
    assert "class" in problem.text
    hotline.append("terror", [item(1, content_class=pb.CONTENT_CLASS_TERRORIST)])


def test_an_item_that_expired_is_not_matched(hotline, fresh):
    n = fresh[0]
    hotline.append("ncii", [item(n, expires_at_ms=1), item(fresh[1])])
    until(lambda: hotline.match(sha256(fresh[1])), 60)
    assert not hotline.match(sha256(n))


def test_a_set_opened_later_can_be_written_at_once_and_a_restricted_one_has_a_random_name(hotline):
    opened = hotline.admin.OpenSet(pb.OpenSetRequest(name="later"), timeout=60)
    assert opened.origin == "hotline.example/later/1"
    assert hotline.append("later", [item(1)]).size == 1
    with refused("ALREADY_EXISTS"):
        hotline.admin.OpenSet(pb.OpenSetRequest(name="later"), timeout=60)
    hidden = hotline.admin.OpenSet(pb.OpenSetRequest(is_restricted=True), timeout=60).origin
    assert len(hidden.split("/")[1]) >= 26
    assert hotline.append(hidden, [item(1)]).size == 1


def test_a_set_verifies_against_its_note(hotline):
    hotline.append("csam", [item(1, content_class=pb.CONTENT_CLASS_CSAM)])
    answer = hotline.admin.VerifySet(pb.VerifySetRequest(set="csam"), timeout=60)
    assert answer.size == note_size(hotline, "csam") and answer.missing == 0
    assert 0 < answer.payloads <= answer.size
