"""Videos, by how many frames they share with what is listed, and PhotoDNA, as
opaque bytes: from a list in a file to a verdict at another organisation."""

import csv
import json

import pytest

from net import flip, item, pb, pdq, refused, sha256, until
from takedown import cases
from test_client import hashfed, lines
from test_findings import a_pair, found_later

VPDQ = pb.ALGORITHM_VPDQ


def frames(n, count=20):
    """The frames of made-up video n."""
    return [pdq(1000 * n + i) for i in range(count)]


def listed(*lists):
    return [pb.Hash(algorithm=VPDQ, digest=b"".join(one)) for one in lists]


def look_up(node, *videos, items=()):
    batch = pb.DigestBatch(algorithm=VPDQ, digests=b"".join(b"".join(v) for v in videos),
                           frames=[len(v) for v in videos], items=items)
    return node.scanner.Match(pb.MatchRequest(batches=[batch]), timeout=60).hits


def shares(hits):
    return [(h.item, h.index, h.looked_up_percent, h.listed_percent) for h in hits]


# --- over the wire ------------------------------------------------------------


POLICY = """
policy:
  - class: csam
    video-looked-up: 0
    video-listed: 80
    near-verdict: block
  - class: terrorist
    near: 8
    video-looked-up: 50
  - class: other
    near: off
"""


@pytest.fixture(scope="module")
def hotline(shared):
    node = shared.node("hotline", sets=["ncii"], conf=POLICY)
    node.append("ncii", [
        item(0, hashes=listed(frames(0))),
        item(1, hashes=listed(frames(1)), content_class=pb.CONTENT_CLASS_CSAM),
        item(2, hashes=listed(frames(2)), content_class=pb.CONTENT_CLASS_TERRORIST),
        item(3, hashes=listed(frames(3)), content_class=pb.CONTENT_CLASS_OTHER),
        # One entry with a long and a short list of the same video.
        item(4, hashes=listed(frames(4, 40), frames(4, 10))),
    ])
    until(lambda: look_up(node, frames(4)), 60)
    return node


def test_both_shares_are_told_by_their_names(hotline):
    (hit,) = look_up(hotline, [flip(f, 31) for f in frames(0)[:9]] + frames(90, 1))
    assert (hit.algorithm, hit.distance, hit.digest) == (VPDQ, 31, b"")
    # Nine of the ten looked up; nine of the twenty listed.
    assert (hit.looked_up_percent, hit.listed_percent) == (90, 45)
    assert hit.verdict == pb.VERDICT_REVIEW and hit.rule.startswith("default:")
    assert hit.rule.endswith("distance=31 video-looked-up=80 video-listed=0")


def test_a_video_with_too_much_else_in_it_does_not_match_by_default(hotline):
    # Fifteen of twenty are known: 75 percent.
    assert not look_up(hotline, frames(0)[:15] + frames(91, 5))
    assert look_up(hotline, frames(0)[:16] + frames(91, 4))


def test_frames_32_bits_away_are_others(hotline):
    assert not look_up(hotline, [flip(f, 32) for f in frames(0)])


def test_equal_frames_count_once(hotline):
    (hit,) = look_up(hotline, frames(0)[:2] * 50)
    assert (hit.looked_up_percent, hit.listed_percent) == (100, 10)


def test_a_policy_may_ask_for_the_listed_share_instead(hotline):
    (hit,) = look_up(hotline, frames(1)[:16] + frames(92, 84))
    assert (hit.looked_up_percent, hit.listed_percent) == (16, 80)
    assert hit.verdict == pb.VERDICT_BLOCK and hit.rule.startswith("row 1:")
    assert not look_up(hotline, frames(1)[:15])


def test_a_policy_has_its_own_distance_for_frames(hotline):
    assert shares(look_up(hotline, [flip(f, 8) for f in frames(2)[:5]] + frames(93, 5))) == [(0, 2, 50, 25)]
    assert not look_up(hotline, [flip(f, 9) for f in frames(2)])


def test_near_off_is_off_for_videos(hotline):
    assert not look_up(hotline, frames(3))


def test_of_an_entrys_lists_the_better_is_told(hotline):
    assert shares(look_up(hotline, frames(4, 10))) == [(0, 4, 100, 100)]
    assert shares(look_up(hotline, frames(4, 40))) == [(0, 4, 100, 100)]
    # All of it is in the long list, a half in the short one.
    assert shares(look_up(hotline, frames(4, 20))) == [(0, 4, 100, 50)]


def test_many_videos_are_answered_by_their_items(hotline):
    hits = look_up(hotline, frames(0), frames(94), frames(1), items=[7, 3, 5])
    assert shares(hits) == [(5, 1, 100, 100), (7, 0, 100, 100)]


@pytest.mark.parametrize("batch", [
    pb.DigestBatch(algorithm=VPDQ, digests=bytes(64), frames=[1]),
    pb.DigestBatch(algorithm=VPDQ, digests=bytes(64), frames=[2, 0]),
    pb.DigestBatch(algorithm=VPDQ, digests=bytes(63), frames=[2]),
    pb.DigestBatch(algorithm=VPDQ, digests=bytes(64)),
    pb.DigestBatch(algorithm=VPDQ, digests=bytes(64), frames=[2], qualities=bytes(2)),
    pb.DigestBatch(algorithm=VPDQ, digests=bytes(32 * 1801), frames=[1801]),
    pb.DigestBatch(algorithm=VPDQ, digests=bytes(32 * 10001), frames=[1000] * 10 + [1]),
    pb.DigestBatch(algorithm=pb.ALGORITHM_PDQ, digests=bytes(64), frames=[2]),
])
def test_frames_that_do_not_fit_together_are_refused(hotline, batch):
    with refused("INVALID_ARGUMENT"):
        hotline.scanner.Match(pb.MatchRequest(batches=[batch]), timeout=60)


# --- what is new, for one who keeps lists of what it stores --------------------


def news(node, frames_most, **request):
    """The first answer; all frames that are told; those that say that there are more."""
    first, *rest = node.scanner.GetNews(pb.GetNewsRequest(entries_most=10000, frames_most=frames_most, **request),
                                        timeout=120)
    assert not first.frames and all(x.ByteSize() < 1 << 20 for x in rest)
    told = b"".join(x.frames for x in rest)
    return first, [told[i:i + 16] for i in range(0, len(told), 16)], sum(x.are_frames_cut for x in rest)


def test_of_new_videos_the_first_half_of_each_frame_is_told(hotline):
    first, told, cut = news(hotline, 10000)
    # The widest distance of any rule, and the smallest share; nothing of what is off.
    assert (first.frame_near_plus_one, first.looked_up_percent_least) == (32, 0)
    want = frames(0) + frames(1) + frames(2) + frames(4, 40) + frames(4, 10)
    assert told == [f[:16] for f in want] and cut == 0
    seen = [pb.SetPosition(origin=hotline.origin("ncii"), position=4)]
    assert news(hotline, 10000, since=seen)[1] == [f[:16] for f in frames(4, 40) + frames(4, 10)]


@pytest.mark.parametrize("most,told", [(0, 0), (19, 0), (20, 20), (59, 40), (109, 100), (110, 110)])
def test_no_more_frames_are_told_than_are_wanted(hotline, most, told):
    """Whole lists, and none behind the first that is left out."""
    first, got, cut = news(hotline, most)
    assert (len(got), cut > 0) == (told, told < 110) and first.entries == 5


def test_long_lists_come_in_several_answers(shared):
    node = shared.node("archive", sets=["ncii"])
    for k in range(3):
        node.append("ncii", [item(n, hashes=listed(frames(100 * k + n, 1700))) for n in range(20)])
    # To look up a list as long as these takes a slow machine minutes.
    node.append("ncii", [item(1)])
    until(lambda: node.match(sha256(1)), 120)
    first, told, cut = news(node, 1 << 20)
    assert (first.frame_near_plus_one, first.looked_up_percent_least) == (32, 80)
    assert len(told) == 60 * 1700 and cut == 0 and set(told[-1700:]) == {f[:16] for f in frames(219, 1700)}


# --- from a list to a verdict elsewhere ---------------------------------------


def as_hex(kind, n):
    return b"".join(frames(n)).hex() if kind == "vpdq" else (b"".join(frames(n, 4)) + bytes(16)).hex()


def as_listed(kind, n):
    """As ThreatExchange's tools write it."""
    if kind != "vpdq":
        return as_hex(kind, n)
    bad = [f"{pdq(77000 + i).hex()},49,{i}.5" for i in range(5)]
    return json.dumps([f"{f.hex()},{50 + i},{i}.000" for i, f in enumerate(frames(n))] + bad)


@pytest.mark.parametrize("kind", ["vpdq", "photodna"])
def test_from_a_list_to_a_verdict_elsewhere(net, tmp_path, kind):
    hotline, provider = a_pair(net)
    plain, table = tmp_path / "plain", tmp_path / "table.csv"
    plain.write_text(f"{kind} {as_hex(kind, 0)}\n")
    with table.open("w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["signal_type", "signal_str", "tags"])
        rows.writerow([kind, as_listed(kind, 1), "made-up"])
        rows.writerow([kind, as_listed(kind, 0), "made-up"])
    hashfed(hotline, "publish", "--set", "ncii", "--class", "ncii", "--import", plain)
    hashfed(hotline, "publish", "--set", "ncii", "--class", "ncii", "--import", table)
    size = hotline.applied(hotline.origin("ncii"))
    until(lambda: provider.applied(hotline.origin("ncii")) == size, 60)

    def ask(text, status=0):
        done = hashfed(provider, "match", f"{kind}:{text}", status=status)
        return lines(done.stdout)

    def verdicts(n):
        hits = look_up(provider, frames(n)) if kind == "vpdq" else \
            provider.match(bytes.fromhex(as_hex(kind, n)), algorithm=pb.ALGORITHM_PHOTODNA)
        return [hit.verdict for hit in hits]

    verdict, share = ("review", "looked-up=100%,listed=100%") if kind == "vpdq" else ("block", "0")
    for n in (0, 1):
        until(lambda: verdicts(n) == [pb.VERDICT_REVIEW if kind == "vpdq" else pb.VERDICT_BLOCK], 60)
        row = ask(as_hex(kind, n), status=1)[0]
        assert row[:4] == [verdict, kind, share, hotline.origin("ncii")]
        (found,) = json.loads(hashfed(provider, "match", "--json", f"{kind}:{as_hex(kind, n)}",
                                      status=1).stdout)["matches"]
        assert (found["algorithm"], found["verdict"]) == (kind, verdict)
        if kind == "vpdq":
            assert (found["looked_up_percent"], found["listed_percent"]) == (100, 100)
        else:
            assert found["digest"] == as_hex(kind, n)
    asked = "".join(json.dumps({"id": n, "hashes": [f"{kind}:{as_hex(kind, n)}"]}) + "\n" for n in (1, 9))
    answers = [json.loads(x) for x in hashfed(provider, "match", "--stdin", input=asked,
                                              status=1).stdout.splitlines()]
    assert [a["verdict"] for a in answers] == [verdict, None]
    # Opaque: one bit of PhotoDNA away is something else.
    assert ask(flip(bytes.fromhex(as_hex("photodna", 0)), 1).hex())[0][0] == "none" if kind == "photodna" else True

    # What is known is not taken twice, what was taken back not at all, and
    # what is taken back matches no more, anywhere.
    again = hashfed(hotline, "publish", "--set", "ncii", "--class", "ncii", "--import", plain, "--batch", "1" * 32)
    assert hotline.applied(hotline.origin("ncii")) >= size, again.stdout
    hashfed(hotline, "retract", f"{kind}:{as_hex(kind, 0)}")
    until(lambda: not verdicts(0), 60)
    assert ask(as_hex(kind, 0))[0][0] == "none"
    assert ask(as_hex(kind, 1), status=1)
    algorithm = VPDQ if kind == "vpdq" else pb.ALGORITHM_PHOTODNA
    with refused("FAILED_PRECONDITION"):
        hotline.append("ncii", [item(0, hashes=[pb.Hash(algorithm=algorithm, digest=bytes.fromhex(as_hex(kind, 0)))])])


@pytest.mark.parametrize("kind", ["vpdq", "photodna"])
def test_what_comes_after_the_upload_finds_it(net, kind):
    hotline, provider = a_pair(net, conf="retro-match: 7d\n")
    digest = bytes.fromhex(as_hex(kind, 0))
    if kind == "vpdq":
        batch = pb.DigestBatch(algorithm=VPDQ, digests=b"".join(flip(f, 20) for f in frames(0)), frames=[20])
        algorithm = VPDQ
    else:
        algorithm = pb.ALGORITHM_PHOTODNA
        batch = pb.DigestBatch(algorithm=algorithm, digests=digest)
    assert not provider.scanner.Match(pb.MatchRequest(batches=[batch], names=["/srv/film"]), timeout=60).hits
    hotline.append("ncii", [item(9), item(0, hashes=[pb.Hash(algorithm=algorithm, digest=digest)])])
    (summary,) = found_later(provider).values()
    assert list(summary.names) == ["/srv/film"]
    assert len(cases(provider)) == 1
