"""kill -9 of a hotline between the parts of one step of a takedown case.

The shim stops it in chosen commits, so each of these is the same every time.
"""

import os

import grpc
import pytest

from net import pb, until
from order import DAEMON
from takedown import cases, notice, reaches, send, takedown

STRIKE_S = 120


@pytest.fixture
def sides(net, page):
    """A hotline that can be killed anywhere, and a provider."""
    hotline, provider = net.organisation("hotline"), net.organisation("provider")
    net.enrol(hotline, provider)
    hotline.start(env=page.env)
    provider.start()
    return hotline, provider


def killed(node, page, place, count, call):
    """The call, with the node dead and started again when it came to that
    place: true.  It may come there behind its answer, too."""
    page.arm(place, count, DAEMON)
    try:
        call()
        page.disarm()
        if not page.is_due():
            return False
    except grpc.RpcError:
        pass
    until(lambda: page.struck() == place, STRIKE_S, f"a kill at {place}")
    page.disarm()
    node.kill()
    node.start(env=page.env)
    return True


def unless_away(call):
    """What it answers; None while the node reads its ledger."""
    try:
        return call()
    except grpc.RpcError as error:
        if error.code() != grpc.StatusCode.UNAVAILABLE:
            raise
        return None


def listed(node):
    """(case, state) of every row, so that one that is there twice shows."""
    rows = takedown(node).ListCases(pb.ListCasesRequest(page_size=1000), timeout=60).cases
    return sorted((row.case_id, pb.CaseState.Name(row.state)[len("CASE_STATE_"):]) for row in rows)


def test_a_draft_whose_release_was_cut_short_is_one_case(sides, page):
    hotline, provider = sides
    first = send(hotline, notice("provider.example"))
    reaches(hotline, first.case_id, "ACKNOWLEDGED")
    sent, struck = [first.case_id], 0
    for place, count in [("entries-sync", 1), ("entries-meta", 1), ("signed", 1), ("noted", 1), ("views-write", 1),
                         ("views-meta", 1), ("views-sync", 2), ("views-meta", 2), ("entries-sync", 2),
                         ("entries-meta", 2)]:
        draft = send(hotline, notice("provider.example"), hold=pb.CASE_STATE_DRAFT)
        request = pb.UpdateCaseRequest(case_id=draft.case_id, request_id=os.urandom(16), is_release=True)
        answer = []

        def release():
            answer.append(takedown(hotline).UpdateCase(request, timeout=60).summary.case_id)
            return True

        struck += killed(hotline, page, place, count, release)
        until(lambda: unless_away(release), 60, "the release is answered")
        assert answer[0] == answer[-1] != draft.case_id
        sent.append(answer[0])
        for case_id in sent:
            reaches(hotline, case_id, "ACKNOWLEDGED")
        assert listed(hotline) == sorted((case_id, "ACKNOWLEDGED") for case_id in sent), (place, count)
    assert struck >= 8
    # Nothing of a draft is left that views which are new could find.
    hotline.stop()
    for file in (hotline.lib / "views").iterdir():
        file.unlink()
    hotline.start()
    for case_id in sent:
        reaches(hotline, case_id, "ACKNOWLEDGED")
    # The provider, which acknowledged, may show it a moment later.
    for case_id in sent:
        reaches(provider, case_id, "ACKNOWLEDGED")
    assert listed(hotline) == listed(provider) == sorted((case_id, "ACKNOWLEDGED") for case_id in sent)
    (size,) = [held.applied for origin, held in hotline.sets().items() if origin.startswith(hotline.domain)]
    assert size == 1 + len(sent)


def test_a_draft_that_was_withdrawn_halfway_is_withdrawn_when_asked_again(sides, page):
    hotline, _ = sides
    for place, count in [("views-write", 1), ("views-meta", 1), ("entries-sync", 1), ("entries-meta", 1)]:
        draft = send(hotline, notice("provider.example"), hold=pb.CASE_STATE_DRAFT)
        request = pb.UpdateCaseRequest(case_id=draft.case_id, request_id=os.urandom(16),
                                       event=pb.CaseEvent(kind=pb.CASE_EVENT_KIND_WITHDRAW))
        assert killed(hotline, page, place, count,
                      lambda request=request: takedown(hotline).UpdateCase(request, timeout=60))
        if draft.case_id in cases(hotline):
            until(lambda: unless_away(lambda: takedown(hotline).UpdateCase(request, timeout=60)), 60)
        assert not cases(hotline)


def test_a_reminder_that_was_sent_when_the_daemon_died_is_not_sent_again(sides, page):
    hotline, provider = sides
    # The clock's commit, the one of the reminder, and the one that forgets to
    # do it: death comes at each of them.
    for place, count in [("views-meta", 2), ("views-sync", 3), ("views-meta", 3)]:
        sent = send(hotline, notice("provider.example", deadline_ms=6000))
        reaches(hotline, sent.case_id, "ACKNOWLEDGED")
        until(lambda: cases(hotline)[sent.case_id].events == 2, 60)
        page.arm(place, count, DAEMON)
        until(lambda: page.struck() == place, STRIKE_S, f"a kill at {place}")
        page.disarm()
        hotline.kill()
        hotline.start(env=page.env)
        until(lambda: cases(provider)[sent.case_id].renotified == 1, 60)
        # What is said after it comes after a second one, were there one.
        last = until(lambda: unless_away(lambda: send(hotline, notice("provider.example"))), 60)
        reaches(hotline, last.case_id, "ACKNOWLEDGED")
        assert cases(hotline)[sent.case_id].renotified == cases(provider)[sent.case_id].renotified == 1
