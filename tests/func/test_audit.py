"""Who did what here: every write, in a set of the node's own that can be
checked like any other and that nobody else is given."""

import json
import os
import shutil

from net import item, pb, refused, sha256, until
from test_proof import tlogcheck  # noqa: F401 (a fixture)

ORIGIN = "hotline.example/audit/1"


def rows(node, *options):
    """What hashfed audit prints, line by line."""
    return [json.loads(line) for line in node.hashfed("audit", "--json", *options).splitlines()]


def calls(node, *options):
    """The same without what the daemon says of itself: (method, outcome, facts)."""
    return [(r["method"], r["outcome"], r["concerned"]) for r in rows(node, *options)
            if not r["method"].startswith("Daemon/")]


def of_sha256(n):
    return pb.Hash(algorithm=pb.ALGORITHM_SHA256, digest=sha256(n))


def test_every_write_stands_there_with_who_did_it_and_what_came_of_it(net):
    hotline = net.node("hotline", sets=["ncii"])
    partner = net.node("partner")
    key, cert = hotline.client("maria", "analyst")
    maria = pb.PublishStub(hotline.tls(key, cert))
    batch = os.urandom(16)
    maria.Append(iter([pb.AppendRequest(set="ncii", batch_id=batch, sequence=i, items=[item(2 * i), item(2 * i + 1)])
                       for i in range(3)]), timeout=120)
    until(lambda: hotline.match(sha256(1)), 20, "it can be named by its hash")
    hotline.publish.Retract(pb.RetractRequest(hash=of_sha256(1), reason=pb.RETRACT_REASON_WRONG,
                                              note="her name is in it"), timeout=120)
    hotline.publish.Amend(pb.AmendRequest(entry=pb.EntryRef(origin="ncii", index=2), item=pb.Item(
        content_class=pb.CONTENT_CLASS_NCII).SerializeToString()), timeout=120)
    hotline.enrol(partner)
    hotline.share("ncii", partner)
    with refused("NOT_FOUND"):
        hotline.admin.RemovePeer(pb.RemovePeerRequest(name="nobody.example"), timeout=120)
    hotline.admin.OpenSet(pb.OpenSetRequest(name="other", purpose="not for the audit"), timeout=120)
    # Reading leaves no trace.
    hotline.match(sha256(0))
    hotline.sets()

    assert calls(hotline) == [
        ("Publish/Append", "OK", {"origin": [hotline.origin("ncii")], "entries": ["0-5"], "count": ["6"]}),
        ("Publish/Retract", "OK", {"reason": ["RETRACT_REASON_WRONG"],
                                   "retracted": [f"{hotline.origin('ncii')} 1"], "count": ["1"]}),
        ("Publish/Amend", "OK", {"entry": ["ncii 2"], "index": ["7"]}),
        ("Admin/ShareSet", "OK", {"set": ["ncii"], "peer": [partner.domain], "origin": [hotline.origin("ncii")],
                                  "agreement_version": ["2"]}),
        ("Admin/RemovePeer", "NOTFOUND", {"name": ["nobody.example"]}),
        ("Admin/OpenSet", "OK", {"name": ["other"], "origin": [hotline.origin("other")]}),
    ]
    by = {r["method"]: (r["who"], r["duty"], bool(r["serial"])) for r in rows(hotline)}
    assert by["Publish/Append"] == ("maria", "analyst", True)
    assert by["Publish/Retract"] == ("analyst.sock", "analyst", False)
    assert by["Admin/OpenSet"] == ("operator.sock", "analyst,operator", False)
    assert by["Daemon/Start"] == ("hashfedd", "", False)

    # The table says the same; what people wrote is in neither.
    table = hotline.hashfed("audit")
    assert "maria" in table and "entries=0-5" in table
    assert "her name" not in table + hotline.hashfed("audit", "--json")
    assert sha256(1).hex() not in table


def test_it_is_asked_by_time_by_whom_and_by_method_and_comes_in_pages(net):
    hotline = net.node("hotline", sets=["ncii"])
    for n in range(30):
        hotline.append("ncii", [item(n)])
    with refused("NOT_FOUND"):
        hotline.admin.ThawSet(pb.ThawSetRequest(set="nothing"), timeout=120)

    assert len(calls(hotline, "--method", "Append")) == len(calls(hotline, "--method", "Publish/Append")) == 30
    assert [m for m, _, _ in calls(hotline, "--who", "operator.sock")] == ["Admin/ThawSet"]
    assert calls(hotline, "--to", "2020-01-01") == []
    assert calls(hotline, "--from", "2020-01-01") == calls(hotline)
    assert calls(hotline, "--from", "2099-01-01") == []

    token, seen = "", []
    while True:
        page = hotline.admin.ListAudit(pb.ListAuditRequest(page_size=7, page_token=token, method="Append"), timeout=120)
        assert len(page.entries) <= 7
        seen += [(e.entry.origin, e.entry.index) for e in page.entries]
        token = page.next_page_token
        if not token:
            break
    assert len(seen) == len(set(seen)) == 30 and seen == sorted(seen)
    with refused("INVALID_ARGUMENT"):
        hotline.admin.ListAudit(pb.ListAuditRequest(page_token="7;8"), timeout=120)
    # It names persons: for operators.
    for duty in ("analyst", "scanner", "reader"):
        with refused("PERMISSION_DENIED"):
            pb.AdminStub(hotline.channel(duty)).ListAudit(pb.ListAuditRequest(), timeout=120)


def test_an_auditor_can_check_it_like_any_set(net, tlogcheck):  # noqa: F811
    hotline = net.node("hotline", sets=["ncii"])
    for n in range(20):
        hotline.append("ncii", [item(n)])
    note = hotline.admin.GetNote(pb.GetNoteRequest(set="audit"), timeout=120)
    assert note.note.decode().split("\n")[:2] == [ORIGIN, "21"]
    keys = ["-vkey", note.log_vkey]
    assert tlogcheck("checkpoint", keys, note.note).returncode == 0
    for index in (0, 11, 20):
        proof = hotline.admin.ProveEntry(pb.ProveEntryRequest(set=ORIGIN, index=index), timeout=120)
        checked = tlogcheck("inclusion", keys, proof.proof, proof.header)
        assert checked.returncode == 0, checked.stderr
    assert hotline.hashfed("checkpoint", ORIGIN).startswith(ORIGIN)
    assert "0 are missing" in hotline.hashfed("sets", "verify", ORIGIN)
    assert " audit " in hotline.hashfed("sets")


def test_nobody_else_is_given_it_and_nobody_writes_in_it(net):
    hotline = net.node("hotline", sets=["ncii"])
    partner = net.node("partner")
    net.enrol(hotline, partner)
    hotline.share("ncii", partner)
    until(lambda: hotline.origin("ncii") in partner.sets(), 30, "what is shared is offered")
    offered = partner.admin.ListSets(pb.ListSetsRequest(), timeout=120).sets
    assert {s.origin for s in offered} == {hotline.origin("ncii"), partner.origin("audit")}
    stub = hotline.federation(partner)
    with refused("NOT_FOUND") as there:
        stub.GetCheckpoint(pb.GetCheckpointRequest(origin=ORIGIN), timeout=120)
    with refused("NOT_FOUND") as nowhere:
        stub.GetCheckpoint(pb.GetCheckpointRequest(origin="hotline.example/nothing/1"), timeout=120)
    assert there.text == nowhere.text
    with refused("NOT_FOUND"):
        list(stub.GetChunks(pb.GetChunksRequest(origin=ORIGIN, size=1, first=0, end=1), timeout=120))

    for ask in (lambda: hotline.share("audit", partner),
                lambda: hotline.append("audit", [item(1)]),
                lambda: hotline.append(ORIGIN, [item(1)]),
                lambda: hotline.publish.Retract(pb.RetractRequest(entry=pb.EntryRef(origin=ORIGIN, index=0), reason=1),
                                                timeout=120),
                lambda: hotline.publish.Retract(pb.RetractRequest(entry=pb.EntryRef(origin="audit", index=0), reason=1,
                                                                  erase=True), timeout=120)):
        with refused("PERMISSION_DENIED") as problem:
            ask()
        assert "audit" in problem.text
    # Those attempts stand in it.
    assert [(m, o) for m, o, _ in calls(hotline)][-5:] == [
        ("Admin/ShareSet", "DENIED"), ("Publish/Append", "DENIED"), ("Publish/Append", "DENIED"),
        ("Publish/Retract", "DENIED"), ("Publish/Retract", "DENIED")]


def test_what_was_acknowledged_before_a_kill_stands_in_it(net):
    hotline = net.node("hotline", sets=["ncii"])
    done = 0
    for turn in range(6):
        for _ in range(5):
            last = hotline.append("ncii", [item(done)]).ranges[0].first
            done += 1
        hotline.publish.Retract(pb.RetractRequest(entry=pb.EntryRef(origin="ncii", index=last), reason=1), timeout=120)
        # At once, and in the middle of what nobody was told of.
        hotline.publish.Append.future(iter([pb.AppendRequest(set="ncii", batch_id=os.urandom(16),
                                                             items=[item(10000 + turn)])]), timeout=120)
        hotline.kill()
        hotline.start()
        said = calls(hotline)
        appended = [f["entries"] for m, o, f in said if m == "Publish/Append" and o == "OK"]
        assert len(appended) >= done
        assert len([1 for m, o, _ in said if m == "Publish/Retract" and o == "OK"]) == turn + 1
    # And it can be seen that the daemon did not end as it should.
    starts = [r["concerned"].get("before") for r in rows(hotline, "--method", "Daemon/Start")]
    assert starts == [None] + 6 * [["ended without a word"]]
    hotline.restart()
    assert rows(hotline, "--method", "Daemon/Start")[-1]["concerned"].get("before") is None


def test_another_configuration_and_another_policy_are_seen_at_the_start(net):
    hotline = net.node("hotline", sets=["ncii"])
    hotline.restart()
    assert not rows(hotline, "--method", "Configuration") and not rows(hotline, "--method", "Policy")
    hotline.stop()
    hotline.configure("calls-per-peer: 12\n")
    hotline.start()
    [change] = rows(hotline, "--method", "Configuration")
    assert change["concerned"]["from"] != change["concerned"]["to"]
    assert not rows(hotline, "--method", "Policy")
    hotline.stop()
    hotline.configure("policy:\n  - set: \"*\"\n    near: off\n")
    hotline.start()
    [policy] = rows(hotline, "--method", "Policy")
    version = json.loads(hotline.hashfed("status", "--json"))["policy_version"]
    assert policy["concerned"]["to"] == [version] and len(rows(hotline, "--method", "Configuration")) == 2
    assert version in hotline.hashfed("status")


def test_on_a_full_disk_a_retraction_still_goes_in_and_so_does_its_entry(net):
    hotline = net.node("hotline", sets=["ncii"])
    hotline.append("ncii", [item(1)])
    hotline.stop()
    hotline.configure("disk-reserve: 1TiB\n")
    hotline.start()
    with refused("RESOURCE_EXHAUSTED"):
        hotline.append("ncii", [item(2)])
    hotline.publish.Retract(pb.RetractRequest(hash=of_sha256(1), reason=1), timeout=120)
    # What was refused for want of room takes none either.
    assert [(m, o) for m, o, _ in calls(hotline)] == [("Publish/Append", "OK"), ("Publish/Retract", "OK")]


def test_a_store_that_is_older_than_the_signers_record_goes_on_in_the_next_epoch(net):
    hotline = net.node("hotline", sets=["ncii", "other"])
    hotline.append("ncii", [item(1)])
    hotline.stop()
    shutil.copytree(hotline.lib / "ledger", net.folder / "old")
    hotline.start()
    hotline.admin.OpenSet(pb.OpenSetRequest(name="third"), timeout=120)
    hotline.stop()
    shutil.rmtree(hotline.lib / "ledger")
    shutil.copytree(net.folder / "old", hotline.lib / "ledger")
    hotline.start()
    hotline.append("other", [item(2)])
    assert hotline.hashfed("checkpoint", "audit").splitlines()[0] == "hotline.example/audit/2"
    assert [r["origin"].rsplit("/", 1)[1] for r in rows(hotline, "--method", "Append")] == ["1", "2"]
