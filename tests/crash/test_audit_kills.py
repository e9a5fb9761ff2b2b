"""kill -9 anywhere between an act and its entry in the audit.

However the daemon ends, what was done stands in the audit once, and first:
before anything else is answered after the start.
"""

import fcntl
import itertools
import json
import os
import signal

import grpc
import pytest

from net import item, pb, until
from order import DAEMON, PUBLISHING, SIGNER_PID
from load import indexes
from proof import parse_note
from test_windows import killed

# Where the daemon is killed, and never the signer alone.
PLACES = [place for place in PUBLISHING if place not in ("record-write", "record-sync", "recorded", "answer")]
COMMITS_MOST = 40


@pytest.fixture
def hotline(net, page):
    node = net.organisation("hotline", ["ncii"])
    node.start(env=page.env)
    return node


def rows(node, method):
    """(outcome, facts) of each entry about a method."""
    lines = node.hashfed("audit", "--json", "--method", method).splitlines()
    return [(row["outcome"], row["concerned"]) for row in map(json.loads, lines)]


def everywhere(node, page, act):
    """The act, killed at each place of each commit that it makes; after each
    start, once."""
    kills = 0
    for place in PLACES:
        for count in itertools.count(1):
            assert count < COMMITS_MOST
            told = []
            was_killed = killed(node, page, place, count, lambda: told.append(act()))
            yield told, was_killed
            kills += was_killed
            if not was_killed:
                break
    assert kills >= len(PLACES)


def size_of(node):
    return parse_note(node.admin.GetNote(pb.GetNoteRequest(set="ncii"), timeout=60).note)[1]


@pytest.mark.parametrize("messages", [1, 3])
def test_no_entry_of_ours_is_without_one_in_the_audit(hotline, page, messages):
    numbers = itertools.count()
    known, told_before = [], 0

    def append():
        batch = os.urandom(16)
        return hotline.publish.Append(iter([pb.AppendRequest(set="ncii", batch_id=batch, sequence=i,
                                                             items=[item(next(numbers)) for _ in range(2)])
                                            for i in range(messages)]), timeout=60)

    for told, was_killed in everywhere(hotline, page, append):
        said = rows(hotline, "Publish/Append")
        new, told_before = said[told_before:], len(said)
        assert len(new) <= 1, new
        for outcome, facts in new:
            # One entry of the audit for all that the call did, and for no more.
            entries = indexes(facts.get("entries", []))
            assert entries and entries == list(range(len(known), len(known) + len(entries)))
            assert outcome == "OK" or (outcome == "UNFINISHED" and messages > 1)
            known += entries
        assert size_of(hotline) == len(known)
        if told:
            assert [o for o, _ in new] == ["OK"], "what was acknowledged stands there"


def test_an_act_that_is_no_entry_is_not_without_one_either(net, hotline, page):
    numbers = itertools.count()
    told_before = 0

    def open_set():
        name = f"set-{next(numbers)}"
        hotline.admin.OpenSet(pb.OpenSetRequest(name=name), timeout=60)
        return name

    unfinished = 0
    for told, was_killed in everywhere(hotline, page, open_set):
        said = rows(hotline, "Admin/OpenSet")
        new, told_before = said[told_before:], len(said)
        # Whether the kill came before it did anything or behind.
        opened = {origin for origin in hotline.sets() if "/set-" in origin}
        assert len(new) <= 1
        assert len(opened) <= len({facts["name"][0] for _, facts in said})
        assert {origin.split("/")[1] for origin in opened} <= {facts["name"][0] for _, facts in said}
        unfinished += sum(outcome == "UNFINISHED" for outcome, _ in new)
        if told:
            assert [outcome for outcome, _ in new] == ["OK"]
    assert unfinished > 0
    names = [facts["name"][0] for _, facts in rows(hotline, "Admin/OpenSet")]
    assert len(names) == len(set(names)), "one entry for each call"


def test_a_retraction_that_a_kill_cut_off_stands_there(hotline, page):
    told_before = 0
    hotline.append("ncii", [item(n) for n in range(60)])
    next_target = itertools.count()

    def retract():
        return hotline.publish.Retract(pb.RetractRequest(
            entry=pb.EntryRef(origin=hotline.origin("ncii"), index=next(next_target)), reason=1), timeout=60)

    for told, was_killed in everywhere(hotline, page, retract):
        said = rows(hotline, "Publish/Retract")
        new, told_before = said[told_before:], len(said)
        assert len(new) <= 1
        # Each that is in the set is in the audit; the last one may be there
        # alone, where the kill came before it was done.
        assert size_of(hotline) - 60 <= len(said)
        if told:
            assert [outcome for outcome, _ in new] == ["OK"]
    named = [facts["entry"][0] for _, facts in rows(hotline, "Publish/Retract")]
    assert len(named) == len(set(named)), "one entry for each call"


def test_what_was_cut_off_is_said_before_the_start_that_follows(hotline, page):
    """An Append whose caller never came to its end, and then a kill."""
    more = []

    def messages():
        yield pb.AppendRequest(set="ncii", batch_id=b"b" * 16, items=[item(1), item(2)])
        until(lambda: more, 60)

    call = hotline.publish.Append.future(messages(), timeout=60)
    until(lambda: size_of(hotline) == 2, 60, "what has come is stored, though the call goes on")
    hotline.kill()
    more.append(True)
    assert call.exception(60) is not None
    for _ in range(2):
        hotline.start(env=page.env)
        lines = [json.loads(line) for line in hotline.hashfed("audit", "--json").splitlines()]
        assert [(r["method"], r["outcome"]) for r in lines[1:3]] == [("Publish/Append", "UNFINISHED"),
                                                                     ("Daemon/Start", "OK")]
        assert lines[1]["who"] == "analyst.sock"
        assert lines[1]["concerned"] == {"origin": [hotline.origin("ncii")], "batch_id": [(b"b" * 16).hex()],
                                         "entries": ["0-1"], "count": ["2"]}
        assert len(rows(hotline, "Append")) == 1
        assert hotline.hashfed("sets", "verify", "hotline.example/audit/1")
        hotline.stop()


def test_an_act_that_waits_for_the_signer_is_known_all_the_same(hotline, page):
    """It is done, its entry is durable with it, and nobody has signed it."""
    asked = page.passes("ask")
    page.arm("ask", 1, DAEMON)
    with pytest.raises(grpc.RpcError):
        hotline.append("ncii", [item(1)])
    assert page.passes("ask") == asked + 1
    page.disarm()
    hotline.kill()
    hotline.start(env=page.env)
    assert rows(hotline, "Append") == [("OK", {"origin": [hotline.origin("ncii")], "entries": ["0-0"],
                                              "count": ["1"]})]
    assert size_of(hotline) == 1


def test_what_could_not_be_written_when_it_was_done_is_written_later(hotline, page):
    """The signer is away for a while: the first entry is durable and
    waits for its signature, the second one is refused, and both come."""
    def remove(name):
        with pytest.raises(grpc.RpcError) as refused:
            hotline.admin.RemovePeer(pb.RemovePeerRequest(name=name), timeout=60)
        assert refused.value.code() in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.UNAVAILABLE)

    # Its record is another's for a while, so it does not start again.
    hotline.expect_error("signer")
    os.kill(page.get(SIGNER_PID), signal.SIGKILL)
    record = os.open(hotline.lib / "signer/record", os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(record, fcntl.LOCK_EX)
    try:
        remove("first.example")
        remove("second.example")
    finally:
        os.close(record)
    until(lambda: len(rows(hotline, "RemovePeer")) == 2, 60, "both stand in the audit")
    outcomes = {facts["name"][0]: outcome for outcome, facts in rows(hotline, "RemovePeer")}
    assert outcomes == {"first.example": "NOTFOUND", "second.example": "UNFINISHED"}
