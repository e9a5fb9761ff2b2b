"""Why a lookup answers as it does; entries that hit too often; floods."""

import json

from net import flip, item, pb, pdq, refused, sha256, until
from test_client import hashfed
from test_opinions import BLOCK, REVIEW, opine, rule, tell, three, verdicts


def explain(node, *args):
    return json.loads(hashfed(node, "explain", "--json", *args).stdout)


def warnings(node, word):
    return [w for w in node.admin.GetStatus(pb.GetStatusRequest(), timeout=120).warnings if word in w]


def test_explain_says_all_that_is_known_and_why(net):
    hotline, critic, provider, origin = three(net)
    nothing = explain(provider, sha256(999).hex())
    assert nothing["entries"] == [] and nothing["verdict"] is None
    assert "not known" in hashfed(provider, "explain", sha256(999).hex()).stdout

    hashfed(provider, "roles", "attest", "critic.example", "--role", "hotline")
    opine(critic, origin, "0", "--dispute", "--reason", "adult", "--note", "an actress of forty")
    opine(hotline, origin, "0", "--affirm", "--reason", "assessed")
    tell(critic, provider)
    tell(hotline, provider)
    until(lambda: verdicts(provider, 0) == {origin: REVIEW}, 30)
    until(lambda: len(explain(provider, origin, "0")["entries"][0]["opinions"]) == 2, 30)

    for args in ((origin, "0"), (sha256(0).hex(),), ("sha256:" + sha256(0).hex(),), (pdq(0).hex(),)):
        told = explain(provider, *args)
        assert (told["verdict"], told["organisations"]) == ("review", 1)
        entry, = told["entries"]
        assert (entry["origin"], entry["index"], entry["publisher"]) == (origin, 0, "hotline.example")
        assert entry["verdict"] == "review" and entry["class"] == "ncii" and entry["freshness"] == "fresh"
        assert entry["labels"] == [{"scheme": "local", "value": "case-0"}]
    # Of the hashes that an entry has in common with what was asked, the one that says most.
    assert entry["algorithm"] == "pdq"
    entry, = explain(provider, origin, "0")["entries"]
    assert entry["rule"].endswith("; entry disputed")
    assert entry["algorithm"] == "sha256" and entry["distance"] == 0
    said = {o["organisation"]: o for o in entry["opinions"]}
    theirs = said["critic.example"]
    assert theirs["counts"] and theirs["note"] == "an actress of forty" and theirs["reason"] == "adult"
    assert (theirs["origin"], theirs["index"]) == (critic.origin("opinions"), 0)
    assert not said["hotline.example"]["counts"] and "publisher" in said["hotline.example"]["why_not"]
    text = hashfed(provider, "explain", origin, "0").stdout
    for words in ("review", "an actress of forty", "does not count: the publisher", "label       local case-0"):
        assert words in text, text

    # Where nobody is a hotline, it says why that changes nothing.
    until(lambda: explain(critic, origin, "0")["entries"][0]["opinions"], 30)
    own = explain(critic, origin, "0")
    assert own["verdict"] == "block"
    assert "no hotline or authority" in own["entries"][0]["opinions"][0]["why_not"]

    # What is retracted is no hit, and explained by its place.
    hotline.publish.Retract(pb.RetractRequest(entry=pb.EntryRef(origin=origin, index=0), reason=1), timeout=120)
    until(lambda: not provider.match(sha256(0)), 30)
    told = explain(provider, origin, "0")
    assert told["verdict"] is None and any("retracted" in r for r in told["entries"][0]["remarks"])
    reader = pb.AdminStub(provider.channel("reader"))
    with refused("PERMISSION_DENIED"):
        reader.Explain(pb.ExplainRequest(entry=pb.EntryRef(origin=origin)), timeout=120)


def test_an_override_is_explained_and_shown_by_status(net):
    hotline, critic, provider, origin = three(net)
    hashfed(provider, "override", origin, "0", "--ignore", "--reason", "common", "--note", "our logo",
            "--until", "2099-01-01")
    entry, = explain(provider, origin, "0")["entries"]
    assert entry["verdict"] == "ignore" and entry["rule"].endswith("; overridden here")
    ours, = entry["opinions"]
    assert (ours["opinion"], ours["counts"], ours["note"]) == ("ignore", True, "our logo")
    assert ours["until_ms"] == 4070908800000
    assert f"{origin} 0 is ignored here until 2099-01-01" in warnings(provider, "ignored")[0]
    hashfed(provider, "override", origin, "0", "--withdraw")
    assert warnings(provider, "ignored") == []


def test_a_flood_is_held_until_an_operator_releases_it(net):
    hotline, critic, provider, origin = three(net, conf="flood-entries: 10\n")
    # As many as a set is used to are no flood.
    hotline.append("ncii", [item(n) for n in range(100, 108)])
    until(lambda: verdicts(provider, 107) == {origin: BLOCK}, 30)
    hotline.append("ncii", [item(n) for n in range(200, 230)])
    until(lambda: verdicts(provider, 229) == {origin: REVIEW}, 30)
    assert rule(provider, 229).endswith("at once, held")
    assert verdicts(provider, 107) == verdicts(provider, 0) == {origin: BLOCK}
    assert f"{origin} floods: 30 entries from 12 on are held" in warnings(provider, "floods")[0]
    checked = provider.admin.VerifySet(pb.VerifySetRequest(set=origin), timeout=120)
    assert (checked.size, checked.missing) == (42, 0), "held is stored and proven"
    entry, = explain(provider, origin, "40")["entries"]
    assert any("held" in r for r in entry["remarks"])

    provider.restart()
    until(lambda: verdicts(provider, 229) == {origin: REVIEW} and verdicts(provider, 0) == {origin: BLOCK}, 30)
    assert "30 released" in hashfed(provider, "release", origin).stdout
    until(lambda: verdicts(provider, 229) == {origin: BLOCK}, 30)
    assert warnings(provider, "floods") == []
    assert "nothing of" in hashfed(provider, "release", origin, status=2).stderr
    provider.restart()
    until(lambda: verdicts(provider, 229) == {origin: BLOCK}, 30)


def test_what_hits_too_often_is_for_review_if_near_and_blocks_on_if_exact(net):
    hotline, critic, provider, origin = three(net)
    provider.configure("breaker-hits: 20\npolicy:\n  - { set: '*', near-verdict: block }\n")
    provider.restart()
    picture = flip(pdq(0), 3)
    near, = until(lambda: provider.near(picture), 30)
    assert near.verdict == BLOCK
    for _ in range(19):
        assert provider.near(picture)[0].verdict == BLOCK
    assert warnings(provider, "too often") == []
    # The next one is one too many.
    provider.near(picture)
    until(lambda: provider.near(picture)[0].verdict == REVIEW, 30)
    assert provider.near(picture)[0].rule.endswith("hits too often")
    assert verdicts(provider, 0) == {origin: BLOCK}, "exact ones block on"
    assert provider.near(flip(pdq(1), 3))[0].verdict == BLOCK
    assert f"{origin} 0 hits too often" in warnings(provider, "too often")[0]
    entry, = explain(provider, origin, "0")["entries"]
    assert any("hits too often" in r for r in entry["remarks"])

    # An exact hit alone raises the alarm as well.
    for _ in range(21):
        provider.match(sha256(2))
    until(lambda: len(warnings(provider, "too often")) == 2, 30)
    assert verdicts(provider, 2) == {origin: BLOCK}

    hashfed(provider, "release", origin, "0")
    until(lambda: provider.near(picture)[0].verdict == BLOCK, 30)
    assert "does not hit too often" in hashfed(provider, "release", origin, "1", status=2).stderr
