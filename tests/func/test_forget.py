"""An ERASE reaches what a member remembers of its own: after it no file of the
member has the hashes of the erased entry, nor its opening."""

import base64
import hashlib

from net import item, pb, pdq, sha256, until
from takedown import case, cases
from test_client import hashfed
from test_epochs import next_epoch
from test_findings import a_pair
from test_retract import MARKER, erasing, holding, marked

RETRO = "retro-match: 7d\nverdicts-keep: 1h\n"
SOON = RETRO + "erase-within: 1s\n"
LATER = RETRO + "erase-within: 30d\n"
DOOMED = 1000


def md5(n):
    return sha256(n)[:16]


def forms(name, digest):
    """A digest as it may lie in a file: bytes, hex of either case, base64 at any
    of its three offsets."""
    yield name, digest
    yield name + " hex", digest.hex().encode()
    yield name + " HEX", digest.hex().upper().encode()
    for offset in range(3):
        yield f"{name} base64+{offset}", base64.b64encode(bytes(offset) + digest)[4:-4]


def wanted(opening=None):
    for name, digest in (("sha256", sha256(DOOMED)), ("pdq", pdq(DOOMED))):
        yield from forms(name, digest)
    yield "label", MARKER.encode()
    if opening is not None:
        yield from forms("opening", opening)


def left(node, opening=None):
    """What is found of the erased entry, and where."""
    return [(name, path) for name, needle in wanted(opening) for path in holding(node, needle)]


def look_up(node, name, *digests):
    """As a scanner does that is to be told later; (algorithm, digest) each."""
    batches = {}
    for algorithm, digest in digests:
        batches.setdefault(algorithm, []).append(digest)
    request = pb.MatchRequest(names=[name], batches=[
        pb.DigestBatch(algorithm=algorithm, digests=b"".join(of), items=[0] * len(of))
        for algorithm, of in batches.items()])
    return node.scanner.Match(request, timeout=120).hits


def video(node, name, *frames):
    batch = pb.DigestBatch(algorithm=pb.ALGORITHM_VPDQ, digests=b"".join(frames), frames=[len(frames)])
    return node.scanner.Match(pb.MatchRequest(names=[name], batches=[batch]), timeout=120).hits


def question(node, digest):
    """Asked about, and not remembered."""
    batch = pb.DigestBatch(algorithm=pb.ALGORITHM_SHA256, digests=digest)
    return node.scanner.Match(pb.MatchRequest(batches=[batch], is_question=True), timeout=120).hits


def opening_of(node, origin, index):
    """Out of the file: between its header and its payload."""
    header = node.admin.ProveEntry(pb.ProveEntryRequest(set=origin, index=index), timeout=120).header
    ledger = (node.lib / "ledger/data.mdb").read_bytes()
    behind = ledger.split(header)[1:]
    # The header may lie in free pages too, from when it was there alone.
    return next(rest[:32] for rest in behind if sha256(DOOMED) in rest[32:500])


def remember(provider):
    """Uploads, before anybody knows anything of them."""
    both = ((pb.ALGORITHM_SHA256, sha256(DOOMED)), (pb.ALGORITHM_PDQ, pdq(DOOMED)))
    assert not look_up(provider, "upload-whole", *both)
    assert not look_up(provider, "upload-part", both[1], (pb.ALGORITHM_MD5, md5(1)))
    assert not look_up(provider, "upload-other", (pb.ALGORITHM_SHA256, sha256(2)))
    assert not video(provider, "upload-video", pdq(3), pdq(DOOMED), pdq(4))
    for name in ("upload-whole", "upload-part", "upload-other", "upload-video"):
        until(lambda: [p for p in holding(provider, name.encode()) if p.startswith("retro/")], 30, f"{name} is kept")
    for needle in (sha256(DOOMED), pdq(DOOMED)):
        assert "retro/data.mdb" in holding(provider, needle)


def erase(hotline, provider):
    hotline.publish.Retract(pb.RetractRequest(hash=pb.Hash(algorithm=pb.ALGORITHM_SHA256, digest=sha256(DOOMED)),
                                              reason=pb.RETRACT_REASON_ORDERED, erase=True), timeout=120)
    origin = hotline.origin("ncii")
    size = hotline.applied(origin)
    until(lambda: provider.applied(origin) == size, 30)
    until(lambda: not question(provider, sha256(DOOMED)), 30)


def published(hotline, provider, *items):
    index = hotline.append("ncii", list(items)).ranges[0].first
    until(lambda: provider.applied(hotline.origin("ncii")) == index + len(items), 30)
    return index


def test_an_erased_hash_is_found_in_no_file_of_a_member_that_had_looked_it_up(net):
    hotline, provider = a_pair(net, conf=SOON)
    hotline.configure("erase-within: 1s\n")
    hotline.restart()
    origin = hotline.origin("ncii")
    remember(provider)
    index = published(hotline, provider, marked(DOOMED))
    opening = opening_of(provider, origin, index)
    until(lambda: {tuple(c.names) for c in cases(provider).values()} >= {("upload-whole",), ("upload-part",)}, 30)
    found = cases(provider)
    assert dict(left(provider, opening)).keys() >= {"sha256", "pdq", "label", "opening"}, "the search finds them"

    erase(hotline, provider)
    until(lambda: "erasure: forgotten" in provider.log(), 30)
    until(lambda: not erasing(provider) and not erasing(hotline), 60, "both have erased it")
    assert not left(provider, opening)
    assert not left(hotline, opening)
    (line,) = [line for line in provider.log().splitlines() if "erasure: forgotten" in line]
    assert "payloads=1 digests=2 items=3" in line

    # What had other hashes is remembered by these; what is of others is too.
    assert not [p for p in holding(provider, b"upload-whole") if p.startswith("retro/")]
    before = set(cases(provider))
    published(hotline, provider, item(1, hashes=[pb.Hash(algorithm=pb.ALGORITHM_MD5, digest=md5(1))]), item(2))
    until(lambda: len(set(cases(provider)) - before) >= 1 and
          any(list(c.names) == ["upload-other"] for c in cases(provider).values()), 30)
    md5s = {h.digest for c in cases(provider) for e in case(provider, c).events for h in e.event.notice.hashes}
    assert md5(1) in md5s
    # The case of what was found is the member's own record, and stays.
    assert set(found) <= set(cases(provider))
    provider.restart()
    assert not left(provider, opening)


def test_what_is_erased_leaves_the_epochs_that_it_was_carried_over_from(net):
    hotline, provider = a_pair(net, conf="erase-within: 1s\n")
    hotline.configure("erase-within: 1s\n")
    hotline.restart()
    first = hotline.origin("ncii")
    index = published(hotline, provider, item(1), marked(DOOMED), item(2)) + 1
    opening = opening_of(provider, first, index)
    for epoch in (2, 3):
        origin = hotline.origin("ncii", epoch)
        next_epoch(hotline)
        until(lambda: origin in provider.sets() and provider.sets()[origin].state == pb.SET_STATE_COMPLETE, 30)
        for node in (hotline, provider):
            until(lambda: [h.origin for h in question(node, sha256(DOOMED))] == [origin], 30, "it changed over")
    assert dict(left(provider, opening)).keys() >= {"sha256", "pdq", "label", "opening"}, "the search finds them"

    hotline.publish.Retract(pb.RetractRequest(hash=pb.Hash(algorithm=pb.ALGORITHM_SHA256, digest=sha256(DOOMED)),
                                              reason=pb.RETRACT_REASON_ORDERED, erase=True), timeout=120)
    for node in (hotline, provider):
        until(lambda: not question(node, sha256(DOOMED)) and not erasing(node), 60, "both have erased it")
        assert not left(node, opening)
        # The old epochs' proofs hold, and nothing of them counts as withheld.
        answer = node.admin.VerifyStore(pb.VerifyStoreRequest(), timeout=120)
        assert all(s.problems == s.missing == 0 for s in answer.sets), answer
        erased = {s.origin: s.erased for s in answer.sets if s.origin.startswith(first[:-1])}
        assert erased == {hotline.origin("ncii", epoch): 1 for epoch in (1, 2, 3)}
        assert question(node, sha256(2))
        node.restart()
        assert not left(node, opening)


def test_an_item_that_names_another_entry_than_it_was_made_of_takes_nothing_out(net):
    hotline = net.node("hotline", ["ncii"], conf="erase-within: 1s\n")
    first = hotline.origin("ncii")
    hotline.append("ncii", [item(1), item(2)])
    next_epoch(hotline)
    second = hotline.origin("ncii", 2)
    until(lambda: [h.origin for h in question(hotline, sha256(2))] == [second], 30, "it changed over")
    wrong = pb.EntryRef(origin=first, index=0, leaf_hash=bytes(32))
    hotline.append("ncii", [item(9, predecessor=wrong)])
    until(lambda: question(hotline, sha256(9)), 30)
    hotline.publish.Retract(pb.RetractRequest(hash=pb.Hash(algorithm=pb.ALGORITHM_SHA256, digest=sha256(9)),
                                              reason=pb.RETRACT_REASON_ORDERED, erase=True), timeout=120)
    until(lambda: "erasure: erased" in hotline.log() and not erasing(hotline), 60, "it has erased it")
    answer = hotline.admin.VerifyStore(pb.VerifyStoreRequest(), timeout=120)
    assert {s.origin: s.erased for s in answer.sets if s.origin in (first, second)} == {first: 0, second: 1}


def test_a_backup_has_nothing_of_what_waits_to_be_erased(net):
    hotline, provider = a_pair(net, conf=LATER)
    remember(provider)
    published(hotline, provider, marked(DOOMED))
    erase(hotline, provider)
    assert erasing(provider)
    assert {path for _, path in left(provider)} >= {"ledger/data.mdb", "retro/data.mdb"}
    backup = provider.home / "backup"
    hashfed(provider, "admin", "backup", backup)
    files = [path for path in backup.rglob("*") if path.is_file()]
    assert any(path.name == "data.mdb" for path in files)
    assert not [(name, path) for name, needle in wanted() for path in files if needle in path.read_bytes()]


def test_what_was_erased_before_a_kill_is_forgotten_after_it(net):
    hotline, provider = a_pair(net, conf=LATER)
    remember(provider)
    published(hotline, provider, marked(DOOMED))
    erase(hotline, provider)
    assert "retro/data.mdb" in holding(provider, sha256(DOOMED))
    provider.kill()
    provider.conf.write_text(provider.conf.read_text().replace("30d", "1s"))
    provider.start()
    until(lambda: not erasing(provider), 60)
    assert not left(provider)
    assert holding(provider, b"upload-other")


def test_what_waits_goes_where_nothing_is_remembered_any_more(net):
    hotline, provider = a_pair(net, conf=LATER)
    remember(provider)
    published(hotline, provider, marked(DOOMED))
    erase(hotline, provider)
    provider.stop()
    text = provider.conf.read_text()
    provider.conf.write_text(text.replace("30d", "1s").replace("retro-match: 7d", "retro-match: 0s"))
    provider.start()
    until(lambda: not erasing(provider), 60)
    assert not left(provider)
    assert not (provider.lib / "retro").exists()


def told_files(inventory):
    """The files of the inventory that say what was told."""
    book = (inventory / "inventory").read_text().splitlines()
    return [inventory / f"rows.{line.split()[1]}" for line in book if line.startswith("told ")]


def test_a_verdict_is_in_no_inventory_after_the_next_update(net, tmp_path):
    hotline = net.node("hotline", ["ncii"], conf="erase-within: 1s\n")
    uploads, inventory = tmp_path / "uploads", tmp_path / "inventory"
    uploads.mkdir()
    digests = []
    for n in range(60):
        (uploads / f"f{n:02}").write_bytes(b"content %d" % n)
        digests.append(hashlib.sha256(b"content %d" % n).digest())
    hotline.append("ncii", [item(n, hashes=[pb.Hash(algorithm=pb.ALGORITHM_SHA256, digest=digest)])
                            for n, digest in enumerate(digests)])
    until(lambda: hotline.match(digests[-1]), 30)
    hashfed(hotline, "scan", "--inventory", inventory, "--quick", uploads, status=1)
    assert [p for p in told_files(inventory) if digests[7] in p.read_bytes()], "what was told is found"

    hotline.publish.Retract(pb.RetractRequest(hash=pb.Hash(algorithm=pb.ALGORITHM_SHA256, digest=digests[7]),
                                              reason=pb.RETRACT_REASON_ORDERED, erase=True), timeout=120)
    until(lambda: not hotline.match(digests[7]), 30)
    said = hashfed(hotline, "scan", "--inventory", inventory, "--update").stdout
    assert said.startswith("withdrawn\tblock\t") and "f07" in said
    # The file lies there, and what it is is known; what was said of it is not.
    told = told_files(inventory)
    assert [p for p in told if digests[8] in p.read_bytes()]
    assert not [p for p in told if digests[7] in p.read_bytes()]
    assert [p for p in inventory.glob("rows.*") if p not in told and digests[7] in p.read_bytes()]
    # Told once.
    assert hashfed(hotline, "scan", "--inventory", inventory, "--update").stdout == ""
