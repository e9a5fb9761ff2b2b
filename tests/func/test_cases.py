"""Takedown cases between real daemons: from the notice to what became of it."""

import os

import pytest

from net import pb, refused, until
from takedown import URL, case, cases, notice, pair, reaches, say, send, state


def test_a_notice_is_acknowledged_removed_and_seen_offline(net):
    hotline, provider = pair(net)
    sent = send(hotline, notice("provider.example"))
    assert (sent.side, sent.provider) == (pb.CASE_SIDE_NOTIFIER, "provider.example")

    # The receipt is the provider's own node's.
    reaches(hotline, sent.case_id, "ACKNOWLEDGED")
    # Who wrote it may read it later than who got it.
    reaches(provider, sent.case_id, "ACKNOWLEDGED")
    theirs = cases(provider)[sent.case_id]
    assert (theirs.side, theirs.notifier) == (pb.CASE_SIDE_PROVIDER, "hotline.example")
    assert theirs.due_ms == theirs.clock_ms + 24 * 3600 * 1000
    opened = case(provider, sent.case_id).events[0]
    assert opened.event.notice.locators[0].url == URL

    say(provider, sent.case_id, "REMOVED")
    reaches(hotline, sent.case_id, "REMOVED")
    say(hotline, sent.case_id, "OFFLINE")
    reaches(provider, sent.case_id, "VERIFIED_OFFLINE")
    ours, theirs = cases(hotline)[sent.case_id], cases(provider)[sent.case_id]
    for field in ("state", "events", "published_ms", "delivered_ms", "acknowledged_ms", "clock_ms", "acted_ms",
                  "offline_ms", "due_ms"):
        assert getattr(ours, field) == getattr(theirs, field), field
    # Reports compare it with the time of the act.
    assert ours.due_ms == ours.clock_ms + 24 * 3600 * 1000


def test_saying_the_same_twice_says_it_once(net):
    hotline, provider = pair(net)
    request = os.urandom(16)
    sent = send(hotline, notice("provider.example"), request_id=request)
    assert send(hotline, notice("provider.example"), request_id=request).case_id == sent.case_id
    reaches(provider, sent.case_id, "ACKNOWLEDGED")
    again = os.urandom(16)
    first = say(provider, sent.case_id, "REMOVED", request_id=again)
    second = say(provider, sent.case_id, "REMOVED", request_id=again)
    assert (first.state, first.events) == (second.state, second.events)
    assert len(cases(hotline)) == len(cases(provider)) == 1


def test_what_cannot_follow_is_refused_and_signs_nothing(net):
    hotline, provider = pair(net)
    sent = send(hotline, notice("provider.example"))
    reaches(provider, sent.case_id, "ACKNOWLEDGED")
    before = cases(provider)[sent.case_id].events
    with refused("FAILED_PRECONDITION", "CONFLICT") as problem:
        say(hotline, sent.case_id, "REMOVED")
    assert "not ours to say" in problem.text
    with refused("FAILED_PRECONDITION", "CONFLICT") as problem:
        say(provider, sent.case_id, "REINSTATED")
    assert "cannot follow on acknowledged" in problem.text
    with refused("INVALID_ARGUMENT"):
        say(provider, sent.case_id, "REJECTED")  # without a reason
    with refused("INVALID_ARGUMENT"):
        say(provider, sent.case_id, "RECEIPT")
    with refused("NOT_FOUND"):
        say(provider, "0123456789", "REMOVED")
    with refused("INVALID_ARGUMENT"):
        say(provider, "no case", "REMOVED")
    with refused("INVALID_ARGUMENT") as problem:
        send(hotline, notice("provider.example", explanation=""))
    assert "explanation" in problem.text
    with refused("INVALID_ARGUMENT"):
        send(hotline, notice("Provider"))
    assert cases(provider)[sent.case_id].events == before
    assert len(cases(hotline)) == 1


def test_a_rejection_is_contested_and_undone(net):
    hotline, provider = pair(net)
    sent = send(hotline, notice("provider.example"))
    reaches(provider, sent.case_id, "ACKNOWLEDGED")
    say(provider, sent.case_id, "REJECTED", reason=pb.CASE_REASON_NOT_ILLEGAL, text="A statue.")
    reaches(hotline, sent.case_id, "REJECTED")
    say(hotline, sent.case_id, "CONTEST", text="It is no statue.")
    reaches(provider, sent.case_id, "CONTESTED")
    say(provider, sent.case_id, "REMOVED")
    reaches(hotline, sent.case_id, "REMOVED")
    shown = [(e.author, pb.CaseEventKind.Name(e.event.kind)[16:], e.is_applied) for e in case(hotline, sent.case_id).events]
    assert shown == [("hotline.example", "NOTICE", True), ("provider.example", "RECEIPT", True),
                     ("provider.example", "REJECTED", True), ("hotline.example", "CONTEST", True),
                     ("provider.example", "REMOVED", True)]


def test_a_withdrawal_reaches_who_acted_and_he_puts_it_back(net):
    hotline, provider = pair(net)
    sent = send(hotline, notice("provider.example"))
    reaches(provider, sent.case_id, "ACKNOWLEDGED")
    say(provider, sent.case_id, "DISABLED")
    reaches(hotline, sent.case_id, "DISABLED")
    say(hotline, sent.case_id, "WITHDRAW", reason=pb.CASE_REASON_ERROR)
    reaches(provider, sent.case_id, "WITHDRAWN")
    assert cases(provider)[sent.case_id].acted_ms > 0
    say(provider, sent.case_id, "REINSTATED", reason=pb.CASE_REASON_ERROR)
    reaches(hotline, sent.case_id, "REINSTATED")
    assert cases(hotline)[sent.case_id].acted_ms == 0


def test_what_comes_back_is_a_new_round_of_the_same_case(net):
    hotline, provider = pair(net)
    sent = send(hotline, notice("provider.example"))
    reaches(provider, sent.case_id, "ACKNOWLEDGED")
    say(provider, sent.case_id, "REMOVED")
    reaches(hotline, sent.case_id, "REMOVED")
    say(hotline, sent.case_id, "OFFLINE")
    say(hotline, sent.case_id, "REAPPEARED")
    reaches(provider, sent.case_id, "REAPPEARED")
    found = cases(provider)[sent.case_id]
    assert (found.reappeared, found.acted_ms, found.offline_ms) == (1, 0, 0)
    assert found.clock_ms > found.acknowledged_ms
    say(provider, sent.case_id, "REMOVED")
    reaches(hotline, sent.case_id, "REMOVED")


def test_needs_info_stops_the_clock_until_it_is_answered(net):
    hotline, provider = pair(net)
    sent = send(hotline, notice("provider.example", regime=pb.REGIME_DSA))
    reaches(provider, sent.case_id, "ACKNOWLEDGED")
    say(provider, sent.case_id, "NEEDS_INFO", reason=pb.CASE_REASON_NOT_PRECISE)
    reaches(hotline, sent.case_id, "NEEDS_INFO")
    say(hotline, sent.case_id, "INFO", locators=[pb.Locator(url=URL + "?page=2")])
    until(lambda: len(case(provider, sent.case_id).events) == 4, 30)
    assert case(provider, sent.case_id).events[3].event.locators[0].url == URL + "?page=2"
    say(provider, sent.case_id, "REMOVED")
    reaches(hotline, sent.case_id, "REMOVED")


def test_a_draft_and_what_is_held_for_the_police_leave_nothing_anywhere_else(net):
    hotline, provider = pair(net)
    draft = send(hotline, notice("provider.example"), hold=pb.CASE_STATE_DRAFT)
    held = send(hotline, notice("provider.example"), hold=pb.CASE_STATE_HELD_POLICE)
    assert state(hotline, draft.case_id) == "DRAFT"
    assert case(hotline, held.case_id).events[0].event.notice.locators[0].url == URL
    assert not [s for s in hotline.sets().values() if s.applied]
    assert not cases(provider)
    hotline.restart()
    assert state(hotline, draft.case_id) == "DRAFT"

    # The views are made again from the ledger.
    hotline.stop()
    for file in (hotline.lib / "views").iterdir():
        file.unlink()
    hotline.start()
    reaches(hotline, held.case_id, "HELD_POLICE")

    request = pb.UpdateCaseRequest(case_id=held.case_id, request_id=os.urandom(16), is_release=True)
    from takedown import takedown
    sent = takedown(hotline).UpdateCase(request, timeout=120).summary
    reaches(provider, sent.case_id, "ACKNOWLEDGED")
    assert held.case_id not in cases(hotline)
    say(hotline, draft.case_id, "WITHDRAW", reason=pb.CASE_REASON_ERROR)
    assert draft.case_id not in cases(hotline)


@pytest.mark.parametrize("who", ["hotline", "provider"])
def test_views_that_are_lost_are_made_again_as_they_were(net, who):
    hotline, provider = pair(net)
    node = {"hotline": hotline, "provider": provider}[who]
    sent = send(hotline, notice("provider.example"))
    reaches(provider, sent.case_id, "ACKNOWLEDGED")
    say(provider, sent.case_id, "REMOVED")
    reaches(hotline, sent.case_id, "REMOVED")
    before = cases(node)
    node.stop()
    for file in (node.lib / "views").iterdir():
        file.unlink()
    node.start()
    until(lambda: cases(node) == before, 30, "as they were")
    # Nothing was said anew.
    sets = {o: s.applied for o, s in hotline.sets().items()}
    until(lambda: node.sets() and {o: s.applied for o, s in hotline.sets().items()} == sets, 5)
    say(provider, sent.case_id, "REINSTATED", reason=pb.CASE_REASON_ERROR)
    reaches(hotline, sent.case_id, "REINSTATED")


def test_lists_select_and_turn_pages(net):
    hotline, provider = pair(net)
    ids = [send(hotline, notice("provider.example", urls=[URL + str(i)],
                                hashes=[pb.Hash(algorithm=pb.ALGORITHM_SHA256, digest=bytes([i]) * 32)])).case_id
           for i in range(7)]
    other = send(hotline, notice("elsewhere.example")).case_id
    # All of them: else one of the others may change last.
    for case_id in ids:
        reaches(provider, case_id, "ACKNOWLEDGED")
    say(provider, ids[3], "REMOVED")
    assert set(cases(provider, states=[pb.CASE_STATE_REMOVED])) == {ids[3]}
    assert set(cases(hotline, provider="elsewhere.example")) == {other}
    wanted = pb.Hash(algorithm=pb.ALGORITHM_SHA256, digest=bytes([5]) * 32)
    assert set(cases(provider, hash=wanted)) == {ids[5]}
    from takedown import takedown
    seen, token = [], ""
    while True:
        page = takedown(provider).ListCases(pb.ListCasesRequest(page_size=2, page_token=token), timeout=120)
        seen += [c.case_id for c in page.cases]
        token = page.next_page_token
        if not token:
            break
    assert sorted(seen) == sorted(ids)
    assert seen[0] == ids[3]  # changed last
    with refused("INVALID_ARGUMENT"):
        takedown(provider).ListCases(pb.ListCasesRequest(page_token="nonsense"), timeout=120)


def test_a_watcher_is_told_of_every_case_and_goes_on_where_it_was(net):
    from takedown import takedown
    hotline, provider = pair(net)
    watch = takedown(provider).WatchCases(pb.WatchCasesRequest(), timeout=300)
    assert next(watch).is_mark  # nothing was there
    sent = send(hotline, notice("provider.example"))
    position = b""
    for news in watch:
        assert news.is_new == (not position)
        position = news.position
        if news.summary.state == pb.CASE_STATE_ACKNOWLEDGED:
            break
    assert news.summary.case_id == sent.case_id
    watch.cancel()
    say(provider, sent.case_id, "REMOVED")
    provider.restart()
    watch = takedown(provider).WatchCases(pb.WatchCasesRequest(position=position), timeout=120)
    news = next(watch)
    assert (news.summary.case_id, news.summary.state) == (sent.case_id, pb.CASE_STATE_REMOVED)
    assert not news.is_new
    assert next(watch).is_mark
    watch.cancel()

    marks = takedown(provider).WatchCases(pb.WatchCasesRequest(only_new=True), timeout=120)
    assert next(marks).is_mark
    second = send(hotline, notice("provider.example", urls=[URL + "2"]))
    assert next(marks).summary.case_id == second.case_id
    marks.cancel()
