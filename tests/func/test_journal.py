"""What this node did because of an entry that turned out to be wrong."""

import hashlib
import json
import os

from net import item, pb, refused, sha256, until
from test_client import PICTURES, hashfed


def look_up(node, digests, names=(), algorithm=pb.ALGORITHM_SHA256, stub=None):
    batch = pb.DigestBatch(algorithm=algorithm, digests=b"".join(digests))
    return (stub or node.scanner).Match(pb.MatchRequest(batches=[batch], names=names), timeout=60)


def affected(node, *what):
    """(verdicts, cases) as hashfed affected prints them."""
    lines = [json.loads(line) for line in node.hashfed("affected", "--json", *map(str, what)).splitlines()]
    return [r for r in lines if "verdict" in r], [r for r in lines if "case_id" in r]


def policy_version(node):
    return json.loads(node.hashfed("status", "--json"))["policy_version"]


def publish(node, *numbers):
    first = node.append("ncii", [item(n) for n in numbers]).ranges[0].first
    until(lambda: node.match(sha256(numbers[-1])), 60, "it matches")
    return first


def test_after_a_retraction_it_is_known_what_was_done_by_whom_and_by_which_rule(net):
    hotline = net.node("hotline", sets=["ncii"])
    at = publish(hotline, 1, 2)
    key, cert = hotline.client("upload-filter", "scanner")
    scanner = pb.MatchStub(hotline.tls(key, cert))
    look_up(hotline, [sha256(7), sha256(1)], ["holiday.jpg", "wrong.jpg"], stub=scanner)
    look_up(hotline, [sha256(2)], ["other.jpg"])
    entry = pb.EntryRef(origin="ncii", index=at)
    hotline.publish.Retract(pb.RetractRequest(entry=entry, reason=pb.RETRACT_REASON_WRONG), timeout=60)
    until(lambda: not hotline.match(sha256(1)), 60)

    [row] = [r for r in affected(hotline, "ncii", at)[0] if r["item"]]
    assert (row["item"], row["who"], row["verdict"]) == ("wrong.jpg", "upload-filter", "block")
    assert (row["origin"], row["index"], row["algorithm"]) == (hotline.origin("ncii"), at, "sha256")
    assert row["policy_version"] == policy_version(hotline) and row["rule"] and row["at_ms"] > 0
    # By its hash, too, though nothing matches it any more; by an origin as well.
    assert row in affected(hotline, sha256(1).hex())[0]
    assert row in affected(hotline, hotline.origin("ncii"), at)[0]
    assert "wrong.jpg" in hotline.hashfed("affected", "ncii", str(at))
    # What matched nothing is not there, and neither is another entry's.
    assert affected(hotline, sha256(7).hex()) == ([], [])
    assert "other.jpg" not in hotline.hashfed("affected", "ncii", str(at))


def test_each_command_names_what_it_looked_up(net, tmp_path):
    hotline = net.node("hotline", sets=["ncii"])
    kept = tmp_path / "kept.jpg"
    kept.write_bytes((PICTURES / "own0.jpg").read_bytes())
    hotline.hashfed("publish", "--set", "ncii", kept)
    until(lambda: hotline.match(hashlib.sha256(kept.read_bytes()).digest()), 60, "it matches")
    hashfed(hotline, "match", kept, status=1)
    hashfed(hotline, "scan", tmp_path, status=1)
    lines = "".join(json.dumps(line) + "\n" for line in (
        {"id": 17, "path": str(kept)}, {"path": str(kept)}, {"id": "up\n17", "path": str(kept)}))
    hashfed(hotline, "match", "--stdin", input=lines, status=1)
    # One verdict for each look, whatever number of hashes the file has in common with the entry.
    told = [(r["item"], r["algorithm"]) for r in affected(hotline, "ncii", 0)[0] if r["item"]]
    assert sorted(told) == sorted((name, "sha256") for name in [str(kept)] * 3 + ["17", "up\ufffd17"])


def test_it_outlives_a_restart_and_keeps_the_policy_that_was_in_force(net):
    hotline = net.node("hotline", sets=["ncii"])
    at = publish(hotline, 1)
    look_up(hotline, [sha256(1)], ["one.jpg"])
    before = policy_version(hotline)
    hotline.stop()
    hotline.configure("policy:\n  - set: \"*\"\n    exact: review\n")
    hotline.start()
    look_up(hotline, [sha256(1)], ["two.jpg"])
    now = policy_version(hotline)
    assert before != now
    rows = [(r["item"], r["verdict"], r["policy_version"]) for r in affected(hotline, "ncii", at)[0] if r["item"]]
    assert rows == [("one.jpg", "block", before), ("two.jpg", "review", now)]
    # What a crash cut off is passed over, and what comes after it is read.
    newest = max((hotline.lib / "verdicts").iterdir())
    hotline.stop()
    newest.write_bytes(newest.read_bytes()[:-5])
    hotline.start()
    look_up(hotline, [sha256(1)], ["three.jpg"])
    assert [r["item"] for r in affected(hotline, "ncii", at)[0] if r["item"]] in (
        ["one.jpg", "three.jpg"], ["one.jpg", "two.jpg", "three.jpg"])


def test_it_comes_in_pages_and_is_for_those_who_may_act(net):
    hotline = net.node("hotline", sets=["ncii"])
    at = publish(hotline, 1)
    for turn in range(5):
        look_up(hotline, [sha256(1)] * 50, [f"{turn}-{n}" for n in range(50)])
    what = dict(entry=pb.EntryRef(origin="ncii", index=at))
    token, names = "", []
    while True:
        page = hotline.admin.GetAffected(pb.GetAffectedRequest(page_size=33, page_token=token, **what), timeout=60)
        names += [v.item for v in page.verdicts if v.item]
        token = page.next_page_token
        if not token:
            break
    assert names == [f"{turn}-{n}" for turn in range(5) for n in range(50)]
    with refused("INVALID_ARGUMENT"):
        hotline.admin.GetAffected(pb.GetAffectedRequest(page_token="x", **what), timeout=60)
    with refused("INVALID_ARGUMENT"):
        hotline.admin.GetAffected(pb.GetAffectedRequest(), timeout=60)
    for duty in ("scanner", "reader"):
        with refused("PERMISSION_DENIED"):
            pb.AdminStub(hotline.channel(duty)).GetAffected(pb.GetAffectedRequest(**what), timeout=60)


def test_an_erased_hash_is_nowhere_in_it_and_the_entry_can_still_be_asked_for(net):
    hotline = net.node("hotline", sets=["ncii"])
    at = publish(hotline, 1)
    look_up(hotline, [sha256(1)], ["wrong.jpg"])
    hotline.publish.Retract(pb.RetractRequest(entry=pb.EntryRef(origin="ncii", index=at), reason=1, erase=True), timeout=60)
    assert [r["item"] for r in affected(hotline, "ncii", at)[0] if r["item"]] == ["wrong.jpg"]
    assert affected(hotline, sha256(1).hex())[0] == []
    for file in (hotline.lib / "verdicts").iterdir():
        data = file.read_bytes()
        assert sha256(1) not in data and sha256(1).hex().encode() not in data


def test_cases_that_were_opened_because_of_it_are_named(net):
    hotline, provider = net.node("hotline", sets=["ncii"]), net.node("provider")
    net.enrol(hotline, provider)
    hotline.share("ncii", provider)
    origin = hotline.origin("ncii")
    until(lambda: origin in provider.sets(), 60, "it is offered")
    provider.follow(origin)
    hotline.append("ncii", [item(1)])
    until(lambda: provider.match(sha256(1)), 60, "it matches at the provider")
    batch = pb.DigestBatch(algorithm=pb.ALGORITHM_SHA256, digests=sha256(1))
    stub = pb.TakedownStub(provider.channel("scanner"))
    [found] = stub.ReportFound(pb.ReportFoundRequest(batch=pb.MatchRequest(batches=[batch], names=["on disk"])),
                               timeout=60).found
    until(lambda: affected(provider, origin, 0)[1], 60, "the case is there")
    [case] = affected(provider, origin, 0)[1]
    assert case["case_id"].startswith(found.case_id[:16])
    assert found.case_id[:16] in hashfed(provider, "affected", sha256(1).hex()).stdout


def test_switched_off_it_keeps_nothing_and_what_it_had_is_gone(net):
    hotline = net.node("hotline", sets=["ncii"])
    at = publish(hotline, 1)
    look_up(hotline, [sha256(1)], ["one.jpg"])
    assert affected(hotline, "ncii", at)[0]
    hotline.stop()
    hotline.configure("verdicts-keep: 0s\n")
    hotline.start()
    assert not os.listdir(hotline.lib / "verdicts")
    look_up(hotline, [sha256(1)], ["two.jpg"])
    assert affected(hotline, "ncii", at) == ([], [])
