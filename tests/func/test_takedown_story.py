"""The whole story of a takedown with the commands that people type, between
real daemons: notice, hook, removal, confirmation, reports."""

import datetime
import json
import subprocess

from net import BIN, TOP, pb, until
from takedown import cases, pair, reaches
from test_escalation import SLOW, attest, three

HOOKS = TOP / "deploy/hooks"
TODAY = datetime.datetime.now(datetime.timezone.utc).date().isoformat()


def hashfed(node, *args, ok=0, text=None, env=None):
    """Run the client for a node; return what it printed."""
    done = subprocess.run([str(a) for a in (BIN / "hashfed", "--home", node.home, *args)], input=text,
                          capture_output=True, text=True, timeout=60, cwd=node.net.folder, env=env)
    assert done.returncode == ok, (args, done.returncode, done.stdout, done.stderr)
    return done.stdout


def notify(node, *args, provider="provider.example", regime="dsa"):
    out = hashfed(node, "notify", "--provider", provider, "--regime", regime, "--class", "ncii",
                  "--explanation", "Intimate images, published without consent.", "--contact",
                  "Desk <desk@hotline.example>", "--good-faith", "--jurisdiction", "NL", "--json", *args)
    return json.loads(out)["case_id"]


def role_counts(node, name, role):
    rows = json.loads(hashfed(node, "roles", "--json"))["roles"]
    return any((row["name"], row["role"], row["counts"]) == (name, role, True) for row in rows)


def script(net, name, text):
    path = net.folder / name
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return path


def test_a_trusted_flaggers_exact_hash_is_disabled_by_the_hook_and_confirmed(net):
    hotline, provider, authority = three(net, SLOW)
    attest(authority, "hotline.example", "TRUSTED_FLAGGER")
    origin = authority.origin("directory")
    until(lambda: hotline.applied(origin) == provider.applied(origin) == 2, 60)
    for node in (hotline, provider):
        until(lambda node=node: role_counts(node, "hotline.example", "trusted-flagger"), 60, node.name)
    case = notify(hotline, "--url", "https://host.example/a/1", "--hash", "sha256:" + "ab" * 32)
    reaches(provider, case, "ACKNOWLEDGED")

    disable = script(net, "disable", f"cat > {net.folder}/disabled; exit 0\n")
    env = {"PATH": "/usr/bin:/bin", "HASHFED": str(BIN / "hashfed"), "HASHFED_HOME": str(provider.home)}
    hashfed(provider, "watch", "--once", "--exec", f"{HOOKS}/disable-exact {disable}", env=env)
    assert json.loads((net.folder / "disabled").read_text())["hashes"][0]["algorithm"] == "sha256"
    reaches(hotline, case, "DISABLED")
    hashfed(hotline, "cases", "offline", case[:12])
    reaches(provider, case, "VERIFIED_OFFLINE")
    shown = hashfed(provider, "cases", "show", case)
    assert "https://host.example/a/1" in shown and "verified-offline" in shown
    assert json.loads(hashfed(provider, "cases", "show", case, "--json"))["timeline"][2]["automatic"]

    page = net.folder / "report.html"
    hashfed(hotline, "report", "hosting", "--from", TODAY, "--to", TODAY, "--format", "html", "--output", page)
    assert "provider.example" in page.read_text()
    table = json.loads(hashfed(hotline, "report", "hosting", "--from", TODAY, "--to", TODAY, "--format", "json"))
    assert "provider.example" in json.dumps(table)
    counts = hashfed(hotline, "report", "trusted-flagger", "--from", TODAY, "--to", TODAY, "--format", "csv")
    assert "provider.example" in counts
    statement = json.loads(hashfed(provider, "export", "dsa-sor", case, "--type", "image", "--legal-basis", "art. 254ba Sr",
                                   "--content-date", "notice"))
    assert statement["source_type"] == "SOURCE_TRUSTED_FLAGGER"
    assert statement["decision_visibility"] == ["DECISION_VISIBILITY_CONTENT_DISABLED"]
    assert statement["automated_decision"] == "AUTOMATED_DECISION_FULLY"
    public = hashfed(hotline, "report", "hosting", "--from", "2026-01-01", "--to", "2026-06-30", "--audience", "public")
    assert "provider.example" not in public


def test_a_list_of_a_hotline_becomes_cases_and_a_late_provider_is_shown_with_bundles(net):
    conf = "regimes:\n  - { regime: ntd, deadline: 1s, renotify: off, escalate: off }\n"
    hotline, provider = pair(net, conf=conf)
    rows = "".join(f"https://host.example/{i};192.0.2.{i};2026-11-01 10:00:00;2026-11-02 10:00:00;note {i}\n" for i in range(5))
    listed = net.folder / "list.csv"
    listed.write_text("url;IP;firstseen;lastseen;note\n" + rows)
    hashfed(hotline, "notify", "--import", listed, "--provider", "provider.example", "--regime", "ntd", "--class",
            "csam", "--explanation", "Abuse material.", "--good-faith")
    until(lambda: len(cases(provider)) == 1, 60)
    (case,) = cases(provider)
    assert cases(provider)[case].locators == 5
    # Running it again sends nothing twice.
    hashfed(hotline, "notify", "--import", listed, "--provider", "provider.example", "--regime", "ntd", "--class",
            "csam", "--explanation", "Abuse material.", "--good-faith")
    until(lambda: cases(hotline)[case].is_overdue, 60)
    assert len(cases(hotline)) == 1

    folder = net.folder / "evidence"
    hashfed(hotline, "report", "dsc", "--from", TODAY, "--to", TODAY, "--format", "json", "--bundles", folder)
    bundle = folder / f"{case}.bundle"
    shown = subprocess.run([BIN / "hashfed", "verify", bundle], capture_output=True, text=True, timeout=60,
                           env={"HASHFED_HOME": "/nonexistent"})
    assert shown.returncode == 0, shown.stderr
    assert "provider.example" in shown.stdout and "https://host.example/4" in shown.stdout
    assert "overdue" in hashfed(hotline, "cases", "--overdue").lower()
    hashfed(provider, "cases", "rejected", case, "--reason", "not-illegal", "--text", "Looked at by two.")
    reaches(hotline, case, "REJECTED")


def test_a_notice_to_a_provider_without_a_node_is_a_mail_file(net):
    hotline = net.organisation("hotline").start()
    out = hashfed(hotline, "notify", "--provider", "elsewhere.example", "--regime", "ntd", "--class", "csam",
                  "--explanation", "Abuse material.", "--good-faith", "--url", "https://elsewhere.example/x",
                  "--mail-dir", net.folder)
    (case,) = cases(hotline)
    mail = net.folder / f"{case}.eml"
    assert str(mail) in out and mail.read_bytes().count(b"\n") > 10
    hashfed(hotline, "cases", "sent", case, "--means", "mail", "--address", "abuse@elsewhere.example")
    reaches(hotline, case, "DELIVERED")
    assert pb.CaseState.Name(cases(hotline)[case].state) == "CASE_STATE_DELIVERED"
    assert "not a member" in hashfed(hotline, "cases")
