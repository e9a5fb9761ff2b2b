"""Who is what, by whose word: directories between real daemons."""

import json
import subprocess

import pytest

from net import BIN, item, pb, refused, until
from test_client import hashfed

ATTESTERS = "attesters:\n  - { by: acm.example, roles: [trusted-flagger] }\n"


def roles(node):
    """What hashfed roles lists, by (name, role, attester)."""
    rows = json.loads(hashfed(node, "roles", "--json").stdout)["roles"]
    return {(r["name"], r["role"], r["attester"]): r for r in rows}


FLAGGER = ("hotline.example", "trusted-flagger", "acm.example")


def three(net, conf=""):
    """An authority, a hotline and a provider, the latter with a policy."""
    acm = net.organisation("acm")
    hotline = net.organisation("hotline")
    provider = net.organisation("provider", conf=conf)
    net.enrol(acm, provider)
    net.enrol(acm, hotline)
    net.enrol(provider, hotline)
    for node in (acm, hotline, provider):
        node.start()
    return acm, hotline, provider


def attest_and_share(acm, provider):
    said = json.loads(hashfed(acm, "roles", "attest", "hotline.example", "--role", "trusted-flagger",
                              "--note", "decision 12/2026", "--json").stdout)
    assert said == {"origin": acm.origin("directory"), "index": 0}
    hashfed(acm, "sets", "share", "directory", "provider.example")
    hashfed(provider, "sets", "follow", acm.origin("directory"))


def test_an_authority_makes_a_flagger_and_ends_it_elsewhere(net):
    acm, hotline, provider = three(net, conf=ATTESTERS)
    attest_and_share(acm, provider)
    row = until(lambda: roles(provider).get(FLAGGER), 60)
    assert row["counts"] and row["note"] == "decision 12/2026" and row["until_ms"] is None
    # By the authority's own word it counts at home, too.
    until(lambda: roles(acm).get(FLAGGER, {}).get("counts"), 60)
    # The hotline was not given the directory and knows nothing of it.
    assert roles(hotline) == {}

    hashfed(acm, "roles", "end", "hotline.example", "--role", "trusted-flagger")
    until(lambda: not roles(provider)[FLAGGER]["counts"], 60)
    row = roles(provider)[FLAGGER]
    assert "ended" in row["why_not"] and row["note"] == "decision 12/2026"
    assert row["until_ms"] > row["from_ms"]
    provider.restart()
    until(lambda: roles(provider) == {FLAGGER: row}, 60)
    until(lambda: not roles(acm)[FLAGGER]["counts"], 60)
    wrong = hashfed(acm, "roles", "end", "hotline.example", "--role", "trusted-flagger", status=2)
    assert "no longer" in wrong.stderr

    # And begins anew.
    hashfed(acm, "roles", "attest", "hotline.example", "--role", "trusted-flagger")
    until(lambda: roles(provider)[FLAGGER]["counts"], 60)
    assert " COUNTS " in hashfed(provider, "roles").stdout


def test_without_a_row_it_takes_an_authority_with_the_power(net):
    acm, _hotline, provider = three(net)
    attest_and_share(acm, provider)
    # What it says of itself is only its word.
    hashfed(acm, "roles", "attest", "acm.example", "--role", "authority", "--power", "attest-flagger",
            "--jurisdiction", "NL")
    row = until(lambda: roles(provider).get(FLAGGER), 60)
    assert not row["counts"] and "attest-flagger" in row["why_not"]
    theirs = until(lambda: roles(provider).get(("acm.example", "authority", "acm.example")), 60)
    assert not theirs["counts"] and "authority" in theirs["why_not"]

    hashfed(provider, "roles", "attest", "acm.example", "--role", "authority", "--power", "attest-flagger",
            "--power", "supervise-dsa", "--jurisdiction", "NL")
    our_word = ("acm.example", "authority", "provider.example")
    until(lambda: our_word in roles(provider), 60)
    found = roles(provider)
    ours = found[our_word]
    assert ours["counts"] and ours["powers"] == ["attest-flagger", "supervise-dsa"]
    assert ours["jurisdiction"] == "NL"
    assert found[FLAGGER]["counts"]
    assert provider.sets()[provider.origin("directory")].members == []

    hashfed(provider, "roles", "end", "acm.example", "--role", "authority")
    until(lambda: not roles(provider)[FLAGGER]["counts"], 60)


def test_claims_that_an_epoch_leaves_out_say_nothing(net):
    acm, _hotline, provider = three(net, conf=ATTESTERS)
    attest_and_share(acm, provider)
    until(lambda: roles(provider).get(FLAGGER), 60)
    hashfed(acm, "roles", "attest", "thief.example", "--role", "trusted-flagger")
    forged = ("thief.example", "trusted-flagger", "acm.example")
    until(lambda: forged in roles(provider), 60)
    acm.hashfed("sets", "next-epoch", "directory", "--from-size", "1")
    for node in (acm, provider):
        until(lambda: set(roles(node)) == {FLAGGER}, 60, node.name)
        assert roles(node)[FLAGGER]["counts"]
    provider.restart()
    until(lambda: set(roles(provider)) == {FLAGGER}, 60)
    # It goes on in the next one.
    hashfed(acm, "roles", "end", "hotline.example", "--role", "trusted-flagger")
    until(lambda: not roles(provider)[FLAGGER]["counts"], 60)


def test_a_directory_is_no_set_of_hashes(net):
    acm, _hotline, provider = three(net)
    attest_and_share(acm, provider)
    origin = acm.origin("directory")
    until(lambda: provider.applied(origin) == 1, 60)
    for node in (acm, provider):
        found = node.sets()[origin]
        assert found.kind == pb.SET_KIND_DIRECTORY and found.live == 0
        rows = {r["origin"]: r for r in json.loads(hashfed(node, "sets", "--json").stdout)["sets"]}
        assert rows[origin]["kind"] == "directory"
        assert " directory " in hashfed(node, "sets").stdout
    with refused("INVALID_ARGUMENT", "ARGUMENT") as problem:
        acm.append("directory", [item(1)])
    assert "kind directory" in problem.text
    assert acm.applied(origin) == 1
    assert hashfed(acm, "sets", "verify", "directory").stdout


def test_claims_that_may_not_be_are_refused_with_a_reason(net):
    acm = net.node("acm")
    attest = ("roles", "attest", "x.example")
    for args, words in [
        ((*attest,), "--role"),
        ((*attest, "--role", "boss"), "hotline, trusted-flagger"),
        ((*attest, "--role", "hotline", "--power", "order-csam"), "only an authority"),
        ((*attest, "--role", "authority", "--power", "all"), "--power"),
        ((*attest, "--role", "hotline", "--until", "tomorrow"), "2026-01-31"),
        ((*attest, "--role", "hotline", "--until", "2027-02-31"), "is no day"),
        ((*attest, "--role", "hotline", "--until", "2001-01-01"), "a day to come"),
        (("roles", "end", "x.example", "--role", "hotline"), "never said"),
    ]:
        assert words in hashfed(acm, *args, status=2).stderr, args
    # Nothing was said, so there is nothing to say it in.
    assert roles(acm) == {} and acm.sets() == {}
    hashfed(acm, *attest, "--role", "hotline")
    assert "never said" in hashfed(acm, "roles", "end", "x.example", "--role", "witness", status=2).stderr
    assert acm.applied(acm.origin("directory")) == 1
    reader = pb.TakedownStub(acm.channel("reader"))
    with refused("PERMISSION_DENIED"):
        reader.AttestRole(pb.AttestRoleRequest(claim=pb.Attestation(name="x.example", role=pb.ROLE_HOTLINE)),
                          timeout=60)
    until(lambda: len(reader.ListRoles(pb.ListRolesRequest(), timeout=60).roles) == 1, 60)


def test_who_has_no_node_is_listed_a_page_at_a_time(net):
    acm = net.node("acm")
    operator = pb.TakedownStub(acm.channel("operator"))
    for n in range(7):
        hashfed(acm, "roles", "attest", f"p{n}.example", "--role", "provider", "--until", "2199-01-01")
    until(lambda: len(roles(acm)) == 7, 60)
    assert {r["until_ms"] for r in roles(acm).values()} == {7226582400000}
    seen, token = [], ""
    while True:
        page = operator.ListRoles(pb.ListRolesRequest(page_size=3, page_token=token), timeout=60)
        seen += [r.claim.name for r in page.roles]
        token = page.next_page_token
        if not token:
            break
    assert seen == [f"p{n}.example" for n in range(7)]
    for bad in ("x", "1", "1.", "1.2.3", "-1.0", "01.1"):
        with refused("INVALID_ARGUMENT", "ARGUMENT"):
            operator.ListRoles(pb.ListRolesRequest(page_token=bad), timeout=60)


@pytest.mark.parametrize("row, words", [
    ("attesters:\n  - { by: acm.example, roles: [boss] }\n", "not a role"),
    ("attesters:\n  - { by: acm.example }\n", "by: DOMAIN"),
])
def test_a_row_that_cannot_be_is_named_with_its_line(net, row, words):
    acm = net.organisation("acm", conf=row)
    done = subprocess.run([BIN / "hashfedd", "--home", acm.home, "-n"], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and words in done.stderr and "hashfedd.conf:" in done.stderr
