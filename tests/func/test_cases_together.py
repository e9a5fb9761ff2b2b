"""Many callers at once: their notices go into the ledger together, and our own
events of a case still never fork."""

import concurrent.futures
import os

from net import pb, until
from takedown import case, cases, notice, pair, reaches, say, send


def at_once(callers, call, count):
    with concurrent.futures.ThreadPoolExecutor(callers) as pool:
        return list(pool.map(call, range(count)))


def ancestors(events, event_id):
    """Every event that one names, and that those name."""
    found, left = set(), [event_id]
    while left:
        for before in events[left.pop()].after:
            if before not in found:
                found.add(before)
                left.append(before)
    return found


def forks(node, case_id, author):
    """Pairs of events of one author of which neither knew the other."""
    told = case(node, case_id).events
    events = {e.event.event_id: e.event for e in told}
    own = [e.event.event_id for e in told if e.author == author]
    before = {i: ancestors(events, i) for i in own}
    return [(a, b) for a in own for b in own if a < b and a not in before[b] and b not in before[a]]


def test_notices_of_many_callers_each_open_one_case(net):
    hotline, provider = pair(net)
    ids = [os.urandom(16) for _ in range(60)]
    urls = [f"https://host.example/{n}" for n in range(60)]

    def one(n):
        # Every one is sent twice at about the same time, as by a client that gave up too early.
        which = n // 2
        return send(hotline, notice("provider.example", urls=(urls[which],)), request_id=ids[which]).case_id

    told = at_once(20, one, 120)
    assert told[0::2] == told[1::2]
    assert len(set(told)) == 60
    assert set(cases(hotline)) == set(told)
    until(lambda: all(c.state == pb.CASE_STATE_ACKNOWLEDGED for c in cases(hotline).values()), 60, "acknowledged")
    there = cases(provider)
    assert set(there) == set(told)
    for case_id in told[0:20:2]:
        until(lambda: len(case(provider, case_id).events) == 2, 30, "who wrote a receipt may read it later")
        assert case(provider, case_id).events[0].event.notice.locators[0].url == urls[told.index(case_id) // 2]


def test_a_bad_notice_among_many_fails_alone(net):
    hotline, provider = pair(net)

    def one(n):
        try:
            what = notice("provider.example", is_good_faith=n % 5 != 0, urls=(f"https://host.example/{n}",))
            return send(hotline, what).case_id
        except Exception as refused:
            assert n % 5 == 0 and "is_good_faith" in str(refused), refused
            return None

    told = at_once(16, one, 50)
    assert [n for n, case_id in enumerate(told) if case_id is None] == list(range(0, 50, 5))
    assert set(cases(hotline)) == {c for c in told if c is not None}
    until(lambda: len(cases(provider)) == 40, 60, "40 cases at the provider")


def test_our_own_events_of_a_case_never_fork(net):
    hotline, provider = pair(net)
    opened = [send(hotline, notice("provider.example", urls=(f"https://host.example/{n}",))).case_id for n in range(4)]
    for case_id in opened:
        reaches(hotline, case_id, "ACKNOWLEDGED")

    # New notices and what is said of four cases, by both sides, all at once: the receipts of the provider's own
    # thread are among them.
    def one(n):
        if n % 3 == 0:
            return send(hotline, notice("provider.example", urls=(f"https://host.example/more/{n}",))).case_id
        node, kind = (hotline, "RENOTIFY") if n % 3 == 1 else (provider, "REVIEW")
        return say(node, opened[n % 4], kind).case_id

    told = at_once(16, one, 96)
    new = told[0::3]
    assert len(set(new)) == 32
    until(lambda: all(cases(hotline)[c].state == pb.CASE_STATE_ACKNOWLEDGED for c in new), 60, "acknowledged")
    for case_id in opened:
        until(lambda: len(case(hotline, case_id).events) == len(case(provider, case_id).events) == 18, 60,
              "all events on both sides")
        for node in (hotline, provider):
            assert forks(node, case_id, "hotline.example") == []
            assert forks(node, case_id, "provider.example") == []
        assert cases(hotline)[case_id].state == cases(provider)[case_id].state


def test_what_follows_from_one_notice_is_said_in_turn(net):
    # A receipt and a rejection are due at once: the second knows the first.
    hotline = net.organisation("hotline")
    provider = net.organisation("provider", conf="cases-need-role: yes\n")
    net.enrol(hotline, provider)
    hotline.start()
    provider.start()
    opened = at_once(8, lambda n: send(hotline, notice("provider.example", urls=(f"https://host.example/{n}",))).case_id,
                     24)
    until(lambda: all(c.state == pb.CASE_STATE_REJECTED for c in cases(hotline).values()), 60, "rejected")
    for case_id in opened:
        assert len(case(hotline, case_id).events) == 3
        assert forks(hotline, case_id, "provider.example") == []
