"""Takedown cases when something is done once more: a call that was not
answered, views that are built again or put back from an older copy."""

import os
import shutil
import signal
import subprocess

import grpc

from net import BIN, pb, until
from takedown import URL, case, cases, notice, pair, reaches, say, send, shown, state, takedown
from test_escalation import SLOW, order, three


def other(number):
    return notice("provider.example", urls=[f"{URL}/{number}"])


def sizes(node):
    return {origin: held.applied for origin, held in node.sets().items()}


def patiently(call, *args, **named):
    """A node that reads its ledger anew says so until it has."""
    def answer():
        try:
            return call(*args, **named)
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.UNAVAILABLE:
                raise
            return None
    return until(answer, 30, "an answer")


def forget_views(node):
    node.stop()
    for file in (node.lib / "views").iterdir():
        file.unlink()


def listed(node):
    rows = takedown(node).ListCases(pb.ListCasesRequest(page_size=1000), timeout=120).cases
    return sorted(row.case_id for row in rows)


def hear(node, position, wanted):
    """Cases that a watcher is told of from a position on, until all of these
    were among them, and the position behind them."""
    watch, told = takedown(node).WatchCases(pb.WatchCasesRequest(position=position), timeout=300), []
    for news in watch:
        position = news.position
        if not news.is_mark:
            told.append(news.summary.case_id)
        if wanted <= set(told):
            break
    watch.cancel()
    return told, position


def both_have_all(one, other, ids):
    """Nothing is under way: of each case both have the same events, and the receipt is among them."""
    until(lambda: all("RECEIPT" in shown(one, c) and shown(one, c) == shown(other, c) for c in ids) and
          sizes(one) == sizes(other), 30, "both have all that was said")


def test_views_that_are_older_than_the_ledger_catch_up_and_say_nothing_twice(net):
    hotline, provider = pair(net)
    old = [send(hotline, other(i)).case_id for i in range(3)]
    for case_id in old:
        reaches(hotline, case_id, "ACKNOWLEDGED")
        reaches(provider, case_id, "ACKNOWLEDGED")
    both_have_all(hotline, provider, old)
    _, early = hear(provider, b"", set(old))
    # Nothing is going on: a copy is whole, as one of a snapshot is.
    copies = {node: net.folder / f"views-{node.name}" for node in (hotline, provider)}
    for node, copy in copies.items():
        shutil.copytree(node.lib / "views", copy)
    # All that makes tasks: a receipt, a reminder, acts of both sides.
    late = [send(hotline, notice("provider.example", urls=[URL + str(i)], deadline_ms=500)).case_id for i in range(3)]
    until(lambda: all(cases(provider).get(c) is not None and cases(provider)[c].renotified == 1 for c in late), 30)
    for case_id in old[:2]:
        say(provider, case_id, "REMOVED")
        reaches(hotline, case_id, "REMOVED")
    say(hotline, old[0], "OFFLINE")
    reaches(provider, old[0], "VERIFIED_OFFLINE")
    _, position = hear(provider, early, set(late) | set(old[:2]))
    both_have_all(hotline, provider, old + late)
    before = [(cases(node), sizes(node)) for node in (hotline, provider)]

    for node in (hotline, provider):
        node.stop()
    for node in (hotline, provider):
        shutil.rmtree(node.lib / "views")
        shutil.copytree(copies[node], node.lib / "views")
        node.start()
    for node, (was, _) in zip((hotline, provider), before):
        until(lambda node=node, was=was: cases(node) == was, 30, f"{node.name} catches up")
    # A watcher of the copy's time is told of all that it missed; one who knew
    # more, of what came behind the copy, and both of what comes now.
    newest = patiently(send, hotline, other(99)).case_id
    for place in (early, position):
        told, _ = hear(provider, place, {newest})
        assert set(told) == set(late) | set(old[:2]) | {newest}
    reaches(hotline, newest, "ACKNOWLEDGED")
    for node, (_, was) in zip((hotline, provider), before):
        assert sizes(node) == {origin: size + 1 for origin, size in was.items()}, "a notice and its receipt, no more"


def put_back(node, folder, signer=None):
    """The machine as it was when the folder was copied; its signer's record as in
    the other one."""
    node.stop()
    shutil.rmtree(node.lib)
    shutil.copytree(folder, node.lib)
    if signer:
        shutil.rmtree(node.lib / "signer")
        shutil.copytree(signer / "signer", node.lib / "signer")


def copied(net, *nodes):
    """Copies of the stopped machines."""
    folders = [net.folder / f"{node.name}.{len(list(net.folder.iterdir()))}" for node in nodes]
    for node, folder in zip(nodes, folders):
        node.stop()
        shutil.copytree(node.lib, folder)
    return folders


def test_a_ledger_that_is_an_old_copy_gets_what_it_said_back_and_acknowledges_once_more(net):
    hotline, provider = pair(net)
    first = send(hotline, other(0)).case_id
    reaches(hotline, first, "ACKNOWLEDGED")
    [old] = copied(net, provider)
    provider.start()
    second = send(hotline, other(1)).case_id
    reaches(hotline, second, "ACKNOWLEDGED")
    [new] = copied(net, provider)
    # The signer remembers what it signed, and the hotline has it.
    put_back(provider, old, signer=new)
    provider.start()
    third = patiently(send, hotline, other(2)).case_id
    for node in (hotline, provider):
        for case_id in (first, second, third):
            reaches(node, case_id, "ACKNOWLEDGED")
    # What it sealed to the hotline it cannot read: that it had acknowledged the
    # second is not known to it.  One of the two counts, by their texts.
    for case_id, receipts in ((first, 1), (second, 2), (third, 1)):
        until(lambda: shown(hotline, case_id) == ["NOTICE", *["RECEIPT"] * receipts], 30, f"{receipts} receipts")


def test_a_ledger_that_is_an_old_copy_keeps_what_it_owes(net):
    hotline, provider = pair(net)
    first = send(hotline, other(0)).case_id
    reaches(hotline, first, "ACKNOWLEDGED")
    old = copied(net, hotline, provider)
    for node in (hotline, provider):
        node.start()
    second = send(hotline, other(1)).case_id
    reaches(hotline, second, "ACKNOWLEDGED")
    new = copied(net, hotline, provider)
    # The provider's signer remembers what it signed; nobody else does, as the
    # hotline was set back whole.
    put_back(hotline, old[0])
    put_back(provider, old[1], signer=new[1])
    for node in (hotline, provider):
        node.start()
    send(hotline, other(1))
    until(lambda: "cases: tasks wait" in provider.log(), 60, "the receipt that cannot be signed waits")
    said = provider.log()
    assert "this store is an old copy" in said and "could not be done" not in said
    # The operators find the right ones: nothing is owed, nothing is said twice.
    for node, folder in zip((hotline, provider), new):
        put_back(node, folder)
        node.start()
    third = patiently(send, hotline, other(2)).case_id
    for node in (hotline, provider):
        for case_id in (first, second, third):
            reaches(node, case_id, "ACKNOWLEDGED")
    assert shown(hotline, second) == ["NOTICE", "RECEIPT"]


def test_what_is_said_before_the_views_have_caught_up_is_said_of_the_whole_case(net):
    hotline, provider = pair(net)
    sent = [send(hotline, other(i)).case_id for i in range(30)]
    for case_id in sent:
        reaches(provider, case_id, "ACKNOWLEDGED")
    say(provider, sent[-1], "REMOVED")
    # Each of these is the first that the node is asked for.
    forget_views(provider)
    provider.start()
    patiently(say, provider, sent[-1], "DISABLED")
    reaches(hotline, sent[-1], "DISABLED")
    forget_views(hotline)
    hotline.start()
    patiently(say, hotline, sent[-1], "OFFLINE")
    reaches(provider, sent[-1], "VERIFIED_OFFLINE")
    assert shown(provider, sent[-1]) == ["NOTICE", "RECEIPT", "REMOVED", "DISABLED", "OFFLINE"]
    told = case(provider, sent[-1]).events
    for before, after in zip(told, told[1:]):
        assert list(after.event.after) == [before.event.event_id], "one after the other"


def test_a_draft_that_is_asked_for_again_is_one_draft_and_then_the_case(net):
    hotline, provider = pair(net)
    request = os.urandom(16)
    draft = send(hotline, other(0), request_id=request, hold=pb.CASE_STATE_DRAFT)
    again = send(hotline, other(0), request_id=request, hold=pb.CASE_STATE_DRAFT)
    assert again.case_id == draft.case_id
    assert listed(hotline) == [draft.case_id]
    release = pb.UpdateCaseRequest(case_id=draft.case_id, request_id=os.urandom(16), is_release=True)
    sent = takedown(hotline).UpdateCase(release, timeout=120).summary.case_id
    assert takedown(hotline).UpdateCase(release, timeout=120).summary.case_id == sent
    assert send(hotline, other(0), request_id=request, hold=pb.CASE_STATE_DRAFT).case_id == sent
    reaches(provider, sent, "ACKNOWLEDGED")
    assert listed(hotline) == listed(provider) == [sent]
    # By the beginning of its id as well, and from views that never had it.
    forget_views(hotline)
    hotline.start()
    release.case_id = draft.case_id[:9]
    assert patiently(takedown(hotline).UpdateCase, release, timeout=120).summary.case_id == sent
    assert listed(hotline) == [sent]


def test_a_notice_asked_for_again_once_the_provider_is_a_member_is_the_same_case(net):
    hotline, provider = net.organisation("hotline").start(), net.organisation("provider")
    request = os.urandom(16)
    sent = send(hotline, other(0), request_id=request)
    assert sent.is_not_member
    hotline.stop()
    net.enrol(hotline, provider)
    hotline.start()
    assert patiently(send, hotline, other(0), request_id=request).case_id == sent.case_id
    assert listed(hotline) == [sent.case_id]


def test_an_order_asked_for_again_when_it_was_fulfilled_is_that_order(net):
    hotline, provider, authority = three(net, SLOW)
    sent = send(hotline, other(0))
    reaches(provider, sent.case_id, "ACKNOWLEDGED")
    say(hotline, sent.case_id, "ESCALATE_AUTHORITY", to="authority.example")
    until(lambda: sent.case_id in cases(authority), 30)
    request = os.urandom(16)
    ordered = dict(kind=pb.CASE_EVENT_KIND_ORDER, case_id=sent.case_id, request_id=request)
    send(authority, order(), **ordered)
    reaches(provider, sent.case_id, "ORDERED")
    say(provider, sent.case_id, "COMPLIED")
    reaches(authority, sent.case_id, "COMPLIED")
    say(authority, sent.case_id, "CLOSE", reason=pb.CASE_REASON_DONE)
    count = cases(authority)[sent.case_id].events
    assert send(authority, order(), **ordered).events == count
    assert state(authority, sent.case_id) == "CLOSED"


def test_a_policy_that_is_new_refuses_nothing_that_was_dealt_with(net):
    hotline, provider = pair(net)
    sent = send(hotline, other(0))
    reaches(provider, sent.case_id, "ACKNOWLEDGED")
    say(provider, sent.case_id, "REMOVED")
    reaches(hotline, sent.case_id, "REMOVED")
    before = sizes(provider)
    provider.configure("cases-need-role: yes\n")
    forget_views(provider)
    provider.start()
    reaches(provider, sent.case_id, "REMOVED")
    # It holds for what comes.
    second = send(hotline, other(1))
    reaches(hotline, second.case_id, "REJECTED")
    assert state(hotline, sent.case_id) == state(provider, sent.case_id) == "REMOVED"
    own = [origin for origin in before if origin.startswith(provider.domain)]
    assert sizes(provider)[own[0]] == before[own[0]] + 2, "a receipt and a refusal"


def test_a_hook_that_dies_takes_along_what_it_started(net):
    hotline, provider = pair(net)
    log = net.folder / "hook.log"
    # The first run starts something, which has the lock as long as it lives.
    hook = (f"exec 9>>{log}.lock; if [ -s {log} ]; then flock -n 9 && echo alone >>{log} || echo met >>{log}; "
            f"else flock 9; sleep 600 & echo $$ >>{log}; wait; fi")
    watch = subprocess.Popen([BIN / "hashfed", "--home", provider.home, "watch", "--jobs", "1", "--state",
                              net.folder / "watch.state", "--exec", hook], start_new_session=True)
    try:
        send(hotline, other(0))
        until(lambda: log.exists() and log.read_text().endswith("\n"), 20, "the hook runs")
        os.kill(int(log.read_text()), signal.SIGKILL)
        until(lambda: log.read_text().count("\n") > 1, 20, "it runs again")
        assert log.read_text().splitlines()[1:] == ["alone"]
        assert watch.poll() is None
    finally:
        watch.terminate()
        watch.wait(120)
