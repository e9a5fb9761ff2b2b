"""What a provider finds by itself becomes a case: by a scan, and when a hash
comes after the upload (retro-match)."""

import json
import shutil

import pytest

from clock import Clock
from net import TOP, item, pb, pdq, sha256, until
from takedown import case, cases, notice, reaches, say, send, takedown
from test_client import found as in_index
from test_client import hashfed, lines
from test_escalation import holds

PICTURES = TOP / "tests/pictures"
PICTURE, ALTERED = PICTURES / "own2.png", PICTURES / "own2-q40.jpg"


def a_pair(net, conf="", env=None, **named):
    """A hotline whose set ncii a provider follows."""
    hotline = net.organisation("hotline", sets=["ncii"])
    provider = net.organisation("provider", conf=conf, **named)
    net.enrol(hotline, provider)
    for node in (hotline, provider):
        node.env = env or {}
        node.start()
    hotline.share("ncii", provider)
    follows(provider, hotline.origin("ncii"))
    return hotline, provider


def follows(node, origin):
    until(lambda: origin in node.sets(), 30, f"{origin} is offered")
    node.follow(origin)


def published(hotline, provider, *files):
    """The hotline publishes files; the provider has them."""
    hashfed(hotline, "publish", "--set", "ncii", *files)
    size = hotline.applied(hotline.origin("ncii"))
    until(lambda: provider.applied(hotline.origin("ncii")) == size, 30)
    return size


def uploads(tmp_path, *files):
    folder = tmp_path / "uploads-of-marker-41ce"
    folder.mkdir(exist_ok=True)
    (folder / "harmless.txt").write_text("nothing to see")
    for name, source in files:
        shutil.copy(source, folder / name)
    return folder


def scan(node, folder, *options, status=1):
    """The cases that a scan names: (id, how, path)."""
    done = hashfed(node, "scan", "--fresh", *options, folder, status=status)
    return [tuple(row[1:]) for row in lines(done.stdout) if row[0] == "case"]


def notifications(node):
    """Entries of the sets of cases that a node writes."""
    return sum(s.applied for s in node.sets().values() if s.kind == pb.SET_KIND_CASES
               and s.origin.startswith(node.domain))


# --- scans -------------------------------------------------------------------


def test_a_scan_opens_a_case_of_each_file_and_the_publisher_is_told(net, tmp_path):
    hotline, provider = a_pair(net)
    published(hotline, provider, PICTURE)
    folder = uploads(tmp_path, ("exact.png", PICTURE), ("altered.jpg", ALTERED))
    until(lambda: len(lines(hashfed(provider, "scan", "--fresh", folder, status=1).stdout)) == 2, 30)
    assert not cases(provider)

    found = scan(provider, folder, "--cases")
    assert {(how, path.rsplit("/", 1)[1]) for _, how, path in found} == {("opened", "exact.png"),
                                                                         ("opened", "altered.jpg")}
    ids = {path.rsplit("/", 1)[1]: case_id for case_id, _, path in found}
    ours = cases(provider)
    assert set(ours) == set(ids.values())
    exact = ours[ids["exact.png"]]
    assert (exact.side, exact.notifier, exact.provider) == (pb.CASE_SIDE_PROVIDER, "provider.example",
                                                            "provider.example")
    assert (exact.regime, exact.content_class) == (pb.REGIME_VOLUNTARY, pb.CONTENT_CLASS_NCII)
    assert list(exact.names) == [str(folder / "exact.png")]
    opening = case(provider, exact.case_id).events[0].event
    assert opening.is_automatic and opening.text == "found by a scan" and not opening.notice.locators
    assert [(e.origin, e.index) for e in opening.notice.entries] == [(hotline.origin("ncii"), 0)]
    assert pb.ALGORITHM_SHA256 in [h.algorithm for h in opening.notice.hashes]
    # The altered one is not its SHA-256, and says so: that and what matched.
    altered = case(provider, ids["altered.jpg"]).events[0].event.notice
    assert sorted(h.algorithm for h in altered.hashes) == [pb.ALGORITHM_SHA256, pb.ALGORITHM_PDQ]

    # The publisher has both, without where they are.
    until(lambda: set(cases(hotline)) == set(ids.values()), 30)
    for case_id in ids.values():
        theirs = cases(hotline)[case_id]
        assert theirs.side == pb.CASE_SIDE_OBSERVER and not theirs.names
        assert b"marker-41ce" not in case(hotline, case_id).SerializeToString()
    say(provider, ids["exact.png"], "REMOVED")
    reaches(hotline, ids["exact.png"], "REMOVED")

    said = notifications(provider)
    provider.stop()
    hotline.stop()
    assert not holds(hotline, "marker-41ce")
    where = {"scan" if "scan" in p.parts else p.parent.name for p in holds(provider, "marker-41ce")}
    assert "names" in where and where <= {"names", "scan", "verdicts"}
    assert said == 2 * 1 + 1 + 1  # two notices, what was said, and the key


def test_a_second_scan_says_nothing_twice(net, tmp_path):
    hotline, provider = a_pair(net)
    published(hotline, provider, PICTURE)
    folder = uploads(tmp_path, ("exact.png", PICTURE))
    first = until(lambda: scan(provider, folder, "--cases"), 30)
    said = notifications(provider)
    again = scan(provider, folder, "--cases")
    assert [(c, h) for c, h, _ in again] == [(first[0][0], "known")]
    # A copy of the same file is the same case, at one more place; whoever
    # watches has to know of that.
    watch = takedown(provider).WatchCases(pb.WatchCasesRequest(only_new=True), timeout=120)
    assert next(watch).is_mark
    shutil.copy(PICTURE, folder / "copy.png")
    assert {c for c, _, _ in scan(provider, folder, "--cases")} == {first[0][0]}
    news = next(watch)
    watch.cancel()
    assert sorted(news.summary.names) == [str(folder / "copy.png"), str(folder / "exact.png")]
    shown = json.loads(hashfed(provider, "match", "--json", "--cases", folder / "copy.png", status=1).stdout)
    assert (shown["case"], shown["case_how"]) == (first[0][0], "known")
    assert "found here    " + str(folder / "copy.png") in hashfed(provider, "cases", "show", first[0][0]).stdout
    assert notifications(provider) == said
    assert len(cases(provider)) == 1

    # Disabled where it is, the scans to come are quiet; somewhere else it is
    # back, and once removed it is back wherever it is.
    say(provider, first[0][0], "DISABLED")
    assert {h for _, h, _ in scan(provider, folder, "--cases")} == {"known"}
    shutil.copy(PICTURE, folder / "third.png")
    assert sorted(h for _, h, _ in scan(provider, folder, "--cases")) == ["again", "known", "known"]
    say(provider, first[0][0], "REMOVED")
    assert sorted(h for _, h, _ in scan(provider, folder, "--cases")) == ["again", "known", "known"]
    assert cases(provider)[first[0][0]].reappeared == 2
    reaches(hotline, first[0][0], "REAPPEARED")


def test_what_the_publisher_notified_is_joined(net, tmp_path):
    hotline, provider = a_pair(net)
    published(hotline, provider, PICTURE)
    entry = in_index(hotline, "--json", PICTURE)
    digests = {m["algorithm"]: bytes.fromhex(m["digest"]) for m in json.loads(entry)["matches"]}
    by_sha256 = send(hotline, notice("provider.example", hashes=[
        pb.Hash(algorithm=pb.ALGORITHM_SHA256, digest=digests["sha256"])]))
    reaches(provider, by_sha256.case_id, "ACKNOWLEDGED")
    folder = uploads(tmp_path, ("exact.png", PICTURE))
    found = until(lambda: scan(provider, folder, "--cases"), 30)
    assert [(c, h) for c, h, _ in found] == [(by_sha256.case_id, "joined")]
    reaches(hotline, by_sha256.case_id, "UNDER_REVIEW")
    said = case(hotline, by_sha256.case_id).events[-1].event
    assert (said.kind, said.text, said.is_automatic) == (pb.CASE_EVENT_KIND_REVIEW, "found by a scan", True)
    assert list(cases(provider)[by_sha256.case_id].names) == [str(folder / "exact.png")]
    assert [h for _, h, _ in scan(provider, folder, "--cases")] == ["known"]

    # The altered one has no hash of the notice, but matches one that is in
    # another.
    by_pdq = send(hotline, notice("provider.example", hashes=[
        pb.Hash(algorithm=pb.ALGORITHM_PDQ, digest=digests["pdq"])]))
    reaches(provider, by_pdq.case_id, "ACKNOWLEDGED")
    (folder / "exact.png").unlink()
    shutil.copy(ALTERED, folder / "altered.jpg")
    assert [(c, h) for c, h, _ in scan(provider, folder, "--cases")] == [(by_pdq.case_id, "joined")]
    assert len(cases(provider)) == 2

    # What we said is gone is there again: that is a case of our own.
    say(provider, by_pdq.case_id, "REMOVED")
    ((own, how, _),) = scan(provider, folder, "--cases")
    assert how == "opened" and cases(provider)[own].regime == pb.REGIME_VOLUNTARY


def test_a_scanner_makes_cases_of_what_matches_and_of_nothing_else(net):
    hotline, provider = a_pair(net)
    hotline.append("ncii", [item(n) for n in range(3)])
    until(lambda: provider.match(sha256(2)), 30)

    def report(*digests, names=()):
        batch = pb.DigestBatch(algorithm=pb.ALGORITHM_SHA256, digests=b"".join(digests))
        request = pb.ReportFoundRequest(batch=pb.MatchRequest(batches=[batch], names=names))
        return takedown(provider, "scanner").ReportFound(request, timeout=120).found

    assert not report(sha256(77))
    found = report(sha256(77), sha256(1), sha256(0), names=["", "upload 1"])
    assert [(f.item, f.how) for f in found] == [(1, pb.FOUND_HOW_OPENED), (2, pb.FOUND_HOW_OPENED)]
    assert [list(cases(provider)[f.case_id].names) for f in found] == [["upload 1"], []]
    with pytest.raises(Exception) as problem:
        report(*[sha256(n) for n in range(65)])
    assert "more than 64 items" in problem.value.details()
    with pytest.raises(Exception) as problem:
        report(sha256(0), names=["a" * 257])
    assert "names" in problem.value.details()


# --- retro-match --------------------------------------------------------------

RETRO = "retro-match: 7d\n"


def found_later(node, count=1):
    """The cases of a node's own that nobody asked for."""
    return until(lambda: len(cases(node)) >= count and cases(node), 30, f"{count} cases")


def kept(node):
    """Is there anything remembered on the disk?"""
    return (node.lib / "retro").is_dir()


def marker_is_kept(node, text):
    return [p for p in (node.lib / "retro").rglob("*") if text.encode() in p.read_bytes()]


def test_a_hash_that_comes_later_finds_what_was_uploaded_before(net, tmp_path):
    hotline, provider = a_pair(net, conf=RETRO)
    folder = uploads(tmp_path, ("exact.png", PICTURE), ("altered.jpg", ALTERED), ("other.jpg", PICTURES / "own0.jpg"))
    watch = takedown(provider).WatchCases(pb.WatchCasesRequest(only_new=True), timeout=300)
    assert next(watch).is_mark
    assert not scan(provider, folder, "--remember", status=0)
    published(hotline, provider, PICTURE)

    ours = found_later(provider, 2)
    assert {tuple(c.names) for c in ours.values()} == {(str(folder / "exact.png"),), (str(folder / "altered.jpg"),)}
    for case_id, summary in ours.items():
        assert (summary.regime, summary.side) == (pb.REGIME_VOLUNTARY, pb.CASE_SIDE_PROVIDER)
        opening = case(provider, case_id).events[0].event
        assert opening.is_automatic and opening.text == "found later: the hash came after the upload"
        assert [(e.origin, e.index) for e in opening.notice.entries] == [(hotline.origin("ncii"), 0)]
    # The watcher heard of them, with their names.
    assert next(watch).summary.names and next(watch).summary.names
    watch.cancel()
    until(lambda: set(cases(hotline)) == set(ours), 30)
    for case_id in ours:
        assert not cases(hotline)[case_id].names
        assert b"marker-41ce" not in case(hotline, case_id).SerializeToString()

    # What was found stays found: no second case after a restart, nor when the
    # same is looked up and published again.
    provider.restart()
    scan(provider, folder, "--remember")
    published(hotline, provider, PICTURES / "own0.jpg")
    assert set(found_later(provider, 3)) > set(ours)
    provider.stop()
    hotline.stop()
    assert not holds(hotline, "marker-41ce")
    where = {"scan" if "scan" in p.parts else p.parent.name for p in holds(provider, "marker-41ce")}
    assert {"names", "retro"} <= where <= {"names", "retro", "scan", "verdicts"}
    assert not [line for line in provider.log().splitlines() if "marker-41ce" in line]


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_what_was_looked_up_is_remembered_over_a_restart(net, tmp_path, how):
    hotline, provider = a_pair(net, conf=RETRO)
    folder = uploads(tmp_path, ("exact.png", PICTURE))
    assert not scan(provider, folder, "--remember", status=0)
    if how == "kill":
        # What comes to the disk after it says that it is there.
        until(lambda: marker_is_kept(provider, "marker-41ce"), 30)
        batch = pb.DigestBatch(algorithm=pb.ALGORITHM_SHA256, digests=sha256(1))
        provider.scanner.Match(pb.MatchRequest(batches=[batch], names=["marker-behind"]), timeout=120)
        until(lambda: marker_is_kept(provider, "marker-behind"), 30)
        provider.kill()
    else:
        provider.stop()
    # The hash comes while nobody is there.
    hashfed(hotline, "publish", "--set", "ncii", PICTURE)
    provider.start()
    (summary,) = found_later(provider).values()
    assert list(summary.names) == [str(folder / "exact.png")]


def test_a_set_that_is_followed_later_is_checked_from_its_beginning(net, tmp_path):
    hotline = net.organisation("hotline", sets=["ncii"])
    provider = net.organisation("provider", conf=RETRO)
    net.enrol(hotline, provider)
    hotline.start()
    provider.start()
    hashfed(hotline, "publish", "--set", "ncii", PICTURE)
    folder = uploads(tmp_path, ("exact.png", PICTURE))
    assert not scan(provider, folder, "--remember", status=0)
    hotline.share("ncii", provider)
    follows(provider, hotline.origin("ncii"))
    (summary,) = found_later(provider).values()
    assert list(summary.names) == [str(folder / "exact.png")]


def test_questions_and_what_was_blocked_are_not_remembered(net, tmp_path):
    hotline, provider = a_pair(net, conf=RETRO)
    folder = uploads(tmp_path, ("exact.png", PICTURE), ("other.jpg", PICTURES / "own0.jpg"))
    # A question; what is asked about may be anywhere.
    hashfed(provider, "match", folder / "exact.png")
    # Blocked: nobody keeps such a thing, and whoever asked was told.
    published(hotline, provider, PICTURES / "own0.jpg")
    until(lambda: scan(provider, folder, "--quick", "--remember") == [] and
          len(lines(hashfed(provider, "scan", "--fresh", "--quick", folder, status=1).stdout)) == 1, 30)
    (folder / "exact.png").unlink()
    (folder / "control.png").write_bytes(PICTURES.joinpath("own1.png").read_bytes())
    (folder / "other.jpg").unlink()
    scan(provider, folder, "--remember", status=0)
    hotline.append("ncii", [item(7)])
    hashfed(hotline, "publish", "--set", "ncii", PICTURES / "own1.png")
    assert [list(c.names) for c in found_later(provider).values()] == [[str(folder / "control.png")]]


def test_without_a_name_the_case_has_the_hashes(net):
    hotline, provider = a_pair(net, conf=RETRO)

    def ask(digest, **fields):
        batch = pb.DigestBatch(algorithm=pb.ALGORITHM_SHA256, digests=digest)
        return provider.scanner.Match(pb.MatchRequest(batches=[batch], **fields), timeout=120).hits

    assert not ask(sha256(1)) and not ask(sha256(2), is_question=True)
    assert not ask(sha256(3), names=["upload 3"])
    assert not ask(sha256(5), names=["upload 5"], forgets_names=True)
    assert not provider.near(bytes(pdq(4)))
    hotline.append("ncii", [item(n) for n in range(6)])
    ours = found_later(provider, 4)
    assert sorted(list(c.names) for c in ours.values()) == [[], [], [], ["upload 3"]]
    digests = {h.digest for c in ours for h in case(provider, c).events[0].event.notice.hashes}
    assert digests == {sha256(1), sha256(3), pdq(4), sha256(5)}


def test_a_case_of_the_publisher_is_joined(net):
    hotline, provider = a_pair(net, conf=RETRO)
    batch = pb.DigestBatch(algorithm=pb.ALGORITHM_SHA256, digests=sha256(1))
    provider.scanner.Match(pb.MatchRequest(batches=[batch], names=["upload 1"]), timeout=120)
    sent = send(hotline, notice("provider.example", hashes=[
        pb.Hash(algorithm=pb.ALGORITHM_SHA256, digest=sha256(1))]))
    reaches(provider, sent.case_id, "ACKNOWLEDGED")
    hotline.append("ncii", [item(1)])
    reaches(hotline, sent.case_id, "UNDER_REVIEW")
    until(lambda: list(cases(provider)[sent.case_id].names) == ["upload 1"], 30)
    assert len(cases(provider)) == 1


def test_what_is_old_is_forgotten_and_off_means_erased(net):
    clock = Clock(net)
    hotline, provider = a_pair(net, conf="retro-match: 1h\n", env=clock.env)

    def ask(n, name):
        batch = pb.DigestBatch(algorithm=pb.ALGORITHM_SHA256, digests=sha256(n))
        provider.scanner.Match(pb.MatchRequest(batches=[batch], names=[name]), timeout=120)

    ask(1, "marker-of-old")
    until(lambda: marker_is_kept(provider, "marker-of-old"), 30)
    clock.move(hours=2)
    ask(2, "marker-of-new")
    hotline.append("ncii", [item(1), item(2)])
    (summary,) = found_later(provider).values()
    assert list(summary.names) == ["marker-of-new"]
    provider.stop()
    provider.conf.write_text(provider.conf.read_text().replace("retro-match: 1h", "retro-match: 0s"))
    provider.start()
    assert not kept(provider)
    ask(3, "marker-of-off")
    hotline.append("ncii", [item(3)])
    until(lambda: provider.match(sha256(3)), 30)
    provider.stop()
    assert not kept(provider) and not holds(provider, "marker-of-off")


def test_a_damaged_memory_is_made_again(net):
    hotline, provider = a_pair(net, conf=RETRO)
    provider.stop()
    (provider.lib / "retro/data.mdb").write_bytes(b"not ours" * 1024)
    provider.start()
    until(lambda: "retro: made again" in provider.log(), 20)
    batch = pb.DigestBatch(algorithm=pb.ALGORITHM_SHA256, digests=sha256(1))
    provider.scanner.Match(pb.MatchRequest(batches=[batch]), timeout=120)
    hotline.append("ncii", [item(1)])
    assert len(found_later(provider)) == 1


def test_a_hash_that_everybody_has_makes_no_case_of_everything(net):
    hotline, provider = a_pair(net, conf=RETRO)
    # Different files that look nearly the same.
    count = 1100
    alike = [bytes(b ^ (n >> 8 if i == 5 else n & 255 if i == 9 else 0) for i, b in enumerate(pdq(1))) for n in range(count)]
    batches = [pb.DigestBatch(algorithm=pb.ALGORITHM_SHA256, digests=b"".join(sha256(1000 + n) for n in range(count))),
               pb.DigestBatch(algorithm=pb.ALGORITHM_PDQ, digests=b"".join(alike), qualities=b"d" * count)]
    provider.scanner.Match(pb.MatchRequest(batches=batches), timeout=120)
    hotline.append("ncii", [item(1)])
    until(lambda: "retro: too many found" in provider.log(), 120)
    until(lambda: len(cases(provider)) == 1000, 30)
    # It goes on with what comes then.
    batch = pb.DigestBatch(algorithm=pb.ALGORITHM_SHA256, digests=sha256(2))
    provider.scanner.Match(pb.MatchRequest(batches=[batch], names=["the next"]), timeout=120)
    hotline.append("ncii", [item(2)])
    until(lambda: [c for c in cases(provider).values() if list(c.names) == ["the next"]], 30)
