"""What a source withholds, or lies about, is asked for again: until it comes."""

import contextlib
import time

import pytest
from net import item, pb, sha256, until
from test_byzantine import (ORIGIN, Field, alter_chunk, empty_for_ever, flipped, garbage, nothing_at_all, withheld,
                            wrong_first)
from test_client import hashfed


def all_withheld(*indexes):
    def alter(messages):
        for index in indexes:
            messages = withheld(index)(messages)
        return messages
    return alter


def wrong(index, asked):
    """One byte of that entry's payload; when it was asked for goes to asked."""
    def alter(messages):
        asked.append(time.monotonic())
        for m in messages:
            at = index - m.first
            if 0 <= at < len(m.payload_lengths) and m.payload_lengths[at]:
                m.payloads = flipped(m.payloads, sum(m.payload_lengths[:at]) + 8)
            yield m
    return alter


@pytest.fixture
def field(net):
    """hotline -> a relay that lies -> provider; the relay goes at the end."""
    with contextlib.ExitStack() as after:
        made = Field(net)
        after.callback(made.relay.stop)
        yield made


def lack(field, count, *indexes):
    """Publish so many entries, of which the relay withholds these."""
    field.relay.lie("GetChunks", all_withheld(*indexes))
    field.grow(count)
    until(lambda: field.provider.sets()[ORIGIN].applied == field.size, 60, "the rest is applied")
    info = field.provider.sets()[ORIGIN]
    assert (info.state, info.missing) == (pb.SET_STATE_INCOMPLETE, len(indexes))
    assert list(info.missing_entries) == list(indexes)


def missing(field):
    info = field.provider.sets()[ORIGIN]
    return list(info.missing_entries)


def verdict(field, n):
    hits = field.provider.match(sha256(n))
    assert len(hits) <= 1
    return hits[0].verdict if hits else None


def said(field, event):
    return field.provider.log().count(f" peer: {event} set={ORIGIN}")


def test_what_one_source_withholds_comes_from_another_that_connects(field):
    mirror = field.net.organisation("mirror")
    field.net.enrol(field.hotline, mirror)
    mirror.start()
    field.hotline.share("ncii", mirror, may_relay=True)
    mirror.follow(ORIGIN)
    first = field.size
    retracted, erased, last = (n + first for n in (1, 3, 5))
    lack(field, 8, retracted, erased, last)
    until(lambda: verdict(field, field.next - 1) == pb.VERDICT_REVIEW, 60, "of an incomplete set, for review")
    warnings = field.provider.hashfed("status")
    assert f"{ORIGIN} is incomplete: 3 payloads are missing, of entries {retracted}, {erased}, {last}" in warnings
    for request in (pb.RetractRequest(entry=pb.EntryRef(origin="ncii", index=retracted), reason=1),
                    pb.RetractRequest(entry=pb.EntryRef(origin="ncii", index=erased), reason=1, erase=True)):
        field.hotline.publish.Retract(request, timeout=60)
    field.size = field.hotline.applied(ORIGIN)
    until(lambda: missing(field) == [retracted, last], 60, "an ERASE says that it never comes")

    # The relay goes on withholding; who has it is asked when it is there.
    until(lambda: mirror.applied(ORIGIN) == field.size, 60)
    field.net.enrol(mirror, field.provider)
    until(lambda: missing(field) == [], 60, "it came")
    until(lambda: verdict(field, last) == pb.VERDICT_BLOCK, 60, "it matches, and the set is complete")
    assert verdict(field, field.next - 1) == pb.VERDICT_BLOCK
    assert verdict(field, retracted) is None, "it came, and is retracted all the same"
    assert verdict(field, erased) is None
    assert "stopped matching" not in field.provider.log(), "into the index as it was"
    found = field.provider.admin.VerifySet(pb.VerifySetRequest(set=ORIGIN), timeout=60)
    assert found.missing == 0

    # What came late is there after a kill as well.
    field.provider.kill()
    field.provider.start()
    until(lambda: verdict(field, last) == pb.VERDICT_BLOCK, 60)
    assert verdict(field, retracted) is None and verdict(field, erased) is None


def test_what_a_source_withholds_for_a_while_it_is_asked_for_again(field):
    index = field.size + 2
    lack(field, 5, index)
    until(lambda: field.relay.told["GetChunks"] >= 3, 120, "it is asked again, and again")
    assert missing(field) == [index] and verdict(field, index) is None
    assert field.problem() == "", "to have no payload is no lie"
    # Said once, however often it is asked.
    assert (said(field, "payloads missing"), said(field, "payloads complete")) == (1, 0)
    field.relay.honest()
    until(lambda: verdict(field, index) == pb.VERDICT_BLOCK, 60, "it came")
    field.arrived()
    until(lambda: said(field, "payloads complete") == 1, 60)
    assert said(field, "payloads missing") == 1


def test_an_amendment_that_comes_late_counts_unless_a_later_one_does(field):
    def amend(target, content_class):
        field.size += 1
        return field.hotline.publish.Amend(pb.AmendRequest(
            entry=pb.EntryRef(origin="ncii", index=target),
            item=item(0, hashes=[], content_class=content_class)), timeout=60).index

    def is_class(n, content_class):
        return [hit.content_class for hit in field.provider.match(sha256(n))] == [content_class]

    field.grow(2)
    field.arrived()
    once, twice, itself = (field.size + n for n in (-2, -1, 0))
    late = [itself, itself + 1, itself + 2]
    field.relay.lie("GetChunks", all_withheld(*late))
    field.grow(1)
    assert [amend(once, pb.CONTENT_CLASS_CSAM), amend(twice, pb.CONTENT_CLASS_CSAM)] == late[1:]
    amend(twice, pb.CONTENT_CLASS_OTHER)
    amend(itself, pb.CONTENT_CLASS_CSAM)
    until(lambda: field.provider.sets()[ORIGIN].applied == field.size, 60)
    until(lambda: is_class(twice, pb.CONTENT_CLASS_OTHER), 60)
    assert missing(field) == late and not field.provider.match(sha256(itself))
    field.relay.honest()
    until(lambda: is_class(once, pb.CONTENT_CLASS_CSAM), 60)
    field.arrived()
    until(lambda: is_class(itself, pb.CONTENT_CLASS_CSAM), 60)
    assert is_class(twice, pb.CONTENT_CLASS_OTHER)


def test_an_opinion_that_comes_late_is_heard(field):
    theirs = field.hotline.origin("opinions")
    hashfed(field.hotline, "opine", ORIGIN, "0", "--affirm")
    field.hotline.share("opinions", field.partner, may_relay=True)
    field.hotline.share("opinions", field.provider)
    field.provider.follow(theirs)
    until(lambda: field.provider.applied(theirs) == 1, 60)
    hashfed(field.provider, "roles", "attest", "hotline.example", "--role", "hotline")
    field.relay.lie("GetChunks", withheld(1))
    hashfed(field.hotline, "opine", ORIGIN, "0", "--dispute", "--reason", "adult")
    until(lambda: field.provider.applied(theirs) == 2, 60)
    info = field.provider.sets()[theirs]
    assert (info.state, list(info.missing_entries)) == (pb.SET_STATE_INCOMPLETE, [1])
    until(lambda: verdict(field, 0) == pb.VERDICT_BLOCK, 60)
    field.relay.honest()
    until(lambda: verdict(field, 0) == pb.VERDICT_REVIEW, 60, "the dispute demotes")


def test_a_lie_for_what_is_withheld_is_refused_named_and_costs_a_wait(field):
    index = field.size + 2
    asked = []
    lack(field, 5, index)
    before = field.provider.peers()["partner.example"].refused
    field.relay.lie("GetChunks", wrong(index, asked))
    until(lambda: len(asked) >= 2, 120, "it is asked again, and lies each time")
    assert missing(field) == [index] and verdict(field, index) is None
    until(lambda: field.provider.peers()["partner.example"].refused >= before + 2, 60)
    until(lambda: any(why.startswith(f"{ORIGIN}: ") for why in field.complaints()), 60)
    # The first wait was of 2 s, the next ones double: its new session does not make them shorter.
    waits = [after - at for at, after in zip(asked, asked[1:])]
    assert all(wait >= 4 << n for n, wait in enumerate(waits)), waits
    field.relay.honest()
    until(lambda: verdict(field, index) == pb.VERDICT_BLOCK, 120, "the truth counts")
    field.arrived()
    until(lambda: field.problem() == "", 60)


def test_no_other_lie_for_what_is_withheld_gets_in_either(field):
    index = field.size + 2
    lack(field, 5, index)
    for lie in (nothing_at_all, empty_for_ever, *map(alter_chunk, (garbage, wrong_first))):
        before = field.provider.peers()["partner.example"].refused
        field.relay.lie("GetChunks", lie)
        # An operator has it asked now, whatever it still had to wait.
        field.provider.admin.VerifyStore(pb.VerifyStoreRequest(), timeout=60)
        until(lambda: field.provider.peers()["partner.example"].refused > before, 60, "refused, and counted")
        assert missing(field) == [index]
    field.relay.honest()
    field.provider.admin.VerifyStore(pb.VerifyStoreRequest(), timeout=60)
    until(lambda: verdict(field, index) == pb.VERDICT_BLOCK, 60)
    field.arrived()
