"""hashfed verify: bundles that are kept in tests/vectors, whole and damaged."""

import base64
import json
import os
import subprocess
from pathlib import Path

import pytest

from net import BIN

VECTORS = Path(__file__).resolve().parents[1] / "vectors/bundle"
STORIES = ["removed", "silent", "ordered"]


@pytest.fixture
def verify(tmp_path):
    """Run the command on bytes; no daemon, no home."""

    def run(data, *options):
        path = tmp_path / "case.bundle"
        path.write_bytes(data)
        environment = {key: value for key, value in os.environ.items() if key != "HASHFED_HOME"}
        return subprocess.run([BIN / "hashfed", "verify", path, *options], capture_output=True, text=True, env=environment, timeout=60)

    return run


@pytest.fixture
def shown(verify):
    def run(data):
        done = verify(data, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def story(name):
    return (VECTORS / name).read_bytes()


def kinds(case):
    return [event["kind"] for event in case["events"] if event["fate"] == "applied"]


def event(case, kind):
    return next(event for event in case["events"] if event["kind"] == kind)


def armour(data):
    """As RFC 7468 has it, by other means than ours."""
    text = base64.encodebytes(data).replace(b"\n", b"")
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return b"\n".join([b"-----BEGIN HASHFED BUNDLE-----", *lines, b"-----END HASHFED BUNDLE-----", b""])


def unarmour(text):
    return base64.b64decode(b"".join(text.split(b"\n")[1:-2]))


def test_what_was_removed_is_shown_with_its_receipt(shown):
    case = shown(story("removed"))
    assert case["state"] == "verified-offline"
    assert kinds(case) == ["notice", "receipt", "removed", "offline"]
    notice = event(case, "notice")
    assert notice["is_shown_to_be_sealed"] and notice["receipt_by"] == "provider.example"
    assert notice["notice"]["places"][0]["url"] == "https://files.provider.example/a/1.jpg"
    assert notice["notice"]["class"] == "csam" and notice["notice"]["regime"] == "ntd"
    assert case["acknowledged_ms"] - case["published_ms"] == 60_000
    assert case["acted_ms"] - case["published_ms"] == 2 * 3_600_000
    assert not case["is_late"] and not case["is_overdue"]
    assert [party["name"] for party in case["parties"]] == ["hotline.example", "provider.example"]
    assert case["sets"][0]["cosigners"][0]["is_verified"]


def test_a_silent_provider_is_shown_what_it_was_sent(shown):
    case = shown(story("silent"))
    assert event(case, "notice")["is_shown_to_be_sealed"]
    assert "receipt_by" not in event(case, "notice")
    assert "acknowledged_ms" not in case and "acted_ms" not in case
    assert any("No receipt by provider.example" in finding for finding in case["findings"])


def test_an_authority_shows_what_it_was_told_and_ordered(shown):
    case = shown(story("ordered"))
    assert case["state"] == "complied"
    assert event(case, "notice")["quoted_by"] == "hotline.example"
    assert event(case, "notice")["receipt_by"] == "provider.example"
    assert event(case, "order")["is_shown_to_be_sealed"]
    assert not case["are_powers_checked"]


@pytest.mark.parametrize("name", STORIES)
def test_a_person_can_read_it(verify, name):
    done = verify(story(name))
    assert done.returncode == 0, done.stderr
    for part in [
        "every signature and every proof in it is good",
        "Who",
        "What was asked: notice by hotline.example of provider.example",
        "https://files.provider.example/a/1.jpg",
        "A minor is shown; assessed by two analysts.",
        "When",
        "sent          2027-01-15 08:00",
        "What each said",
        "Under which checkpoints",
        "What is not shown",
        "compare their ids",
    ]:
        assert part in done.stdout, part
    received = "provider.example signed a receipt for exactly this text" in done.stdout
    assert received == (name != "silent")


def test_what_is_overdue_is_said(verify, shown):
    # Its notifier had no answer: the clock of a notice that nobody received
    # does not run, and the text says what is missing instead.
    text = verify(story("silent")).stdout
    assert "acknowledged  no, by what is here" in text
    assert "acted         no, by what is here" in text


@pytest.mark.parametrize("name", STORIES)
def test_a_damaged_file_is_refused_or_says_the_same(verify, shown, name):
    whole = story(name)
    before = shown(whole)
    refused = 0
    # Who made it and when is said and signed by nobody; a line of a witness
    # may become one of a key that nobody knows.
    free = ["made_ms", "made_by", "findings"]

    def evidence(case):
        for one in case["sets"]:
            del one["cosigners"]
        return {key: value for key, value in case.items() if key not in free}

    expected = evidence(before)
    for at in range(0, len(whole), 97):
        damaged = bytearray(whole)
        damaged[at] ^= 1
        done = verify(bytes(damaged), "--json")
        if done.returncode == 2:
            refused += 1
            assert done.stdout == "" and "refused" in done.stderr
        else:
            assert done.returncode == 0
            assert evidence(json.loads(done.stdout)) == expected, at
    assert refused > len(range(0, len(whole), 97)) - 4


@pytest.mark.parametrize("name", STORIES)
def test_a_file_cut_anywhere_is_refused(verify, name):
    whole = story(name)
    for at in range(0, len(whole) - 1, len(whole) // 40):
        assert verify(whole[:at]).returncode == 2, at


def test_white_space_around_it_and_other_line_ends_do_not_matter(shown):
    whole = story("removed")
    before = shown(whole)
    assert shown(b"\n \n" + whole + b"\n\n") == before
    assert shown(whole.replace(b"\n", b"\r\n")) == before
    assert shown(armour(unarmour(whole))) == before


@pytest.mark.parametrize(
    "data, says",
    [
        (b"", "does not begin with -----BEGIN HASHFED BUNDLE-----"),
        (b"hello", "does not begin with -----BEGIN HASHFED BUNDLE-----"),
        (story("removed").replace(b"BUNDLE", b"INVITE"), "does not begin with -----BEGIN HASHFED BUNDLE-----"),
        (b"c2sp.org/tlog-proof@v1\nindex 0\n", "does not begin with -----BEGIN HASHFED BUNDLE-----"),
        (story("removed") + story("silent"), "not one whole block"),
        (armour(b"\x08\x02" + unarmour(story("removed"))[2:]), "version 2"),
        (armour(unarmour(story("removed")) + b"\x7a\x00"), "spelled otherwise"),
        (armour(b"\xff" * 100), "does not decode"),
        (b"\n" * (4 * 1024 * 1024), "larger than"),
    ],
    ids=["empty", "words", "an invite", "a proof file", "two", "version 2", "a field more", "no message", "too much"],
)
def test_what_is_no_bundle_is_called_so(verify, data, says):
    done = verify(data)
    assert done.returncode == 2 and done.stdout == ""
    assert says in done.stderr, done.stderr
    assert done.stderr.count("\n") == 1


def test_a_file_that_is_not_there_is_named(tmp_path):
    done = subprocess.run([BIN / "hashfed", "verify", tmp_path / "none"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "none" in done.stderr
