"""A publisher that comes back from an old copy of the whole machine, its
signer's record included: what peers hold is asked before anything is signed."""

import hashlib
import os
import re
import shutil
import signal

import grpc
import pytest
from forks import copied, swapped
from liar import Relay
from net import item, pb, refused, sha256, until

ORIGIN = "hotline.example/ncii/1"
ASKS_PARTNER = "checkpoint-peers: [partner.example]\n"


def pair(net, follows=True, sets=("ncii", "own"), conf=ASKS_PARTNER):
    """A hotline that wants its partner's word, by default, and the partner."""
    hotline = net.organisation("hotline", sets, conf=conf)
    partner = net.organisation("partner")
    net.enrol(hotline, partner)
    hotline.start()
    partner.start()
    hotline.share("ncii", partner)
    if follows:
        partner.follow(hotline.origin("ncii"))
    return hotline, partner


def refusal(hotline, n):
    """What an append is refused with; None when it is not."""
    try:
        hotline.append("ncii", [item(n)], batch_id=n.to_bytes(16, "big"))
    except grpc.RpcError as error:
        return error.details()
    return None


def append(hotline, n):
    """Append, again for as long as the signer waits, or what it has signed is
    not all fetched back."""
    def is_done():
        text = refusal(hotline, n)
        assert text is None or "waits since its start" in text or "until the rest is fetched back" in text, text
        return text is None
    until(is_done, 60, "the signer signs")


def holds(partner, hotline, count):
    until(lambda: partner.applied(hotline.origin("ncii")) == count, 60, f"{count} entries at the partner")


def whole(node, count):
    """So many entries, all of which verify, and are under one signed root."""
    def is_whole():
        info = node.sets()[ORIGIN]
        return info.applied == count and info.state == pb.SET_STATE_COMPLETE
    until(is_whole, 60, f"{count} entries at {node.name}")
    answer = node.admin.VerifyStore(pb.VerifyStoreRequest(), timeout=60)
    assert all(s.problems == s.missing == 0 for s in answer.sets), answer
    note = node.admin.GetNote(pb.GetNoteRequest(set=ORIGIN), timeout=60).note
    return note.split(b"\n")[1:3]


def no_fork(*nodes):
    for node in nodes:
        info = node.sets()[ORIGIN]
        assert (info.has_evidence, info.frozen_reason) == (False, ""), node.name


@pytest.mark.parametrize("record", ["set_back", "lost", "kept"])
def test_case_16_a_publisher_set_back_fetches_its_entries_back_before_it_signs(net, record):
    """The machine set back with its signer's record; or the ledger alone, with
    a signer that forgot everything, or nothing."""
    hotline, partner = pair(net, conf="" if record == "kept" else ASKS_PARTNER)
    hotline.append("ncii", [item(n) for n in range(300)])
    holds(partner, hotline, 300)
    hotline.stop()
    old = copied(net, hotline)
    hotline.start()
    append(hotline, 300)
    hotline.append("ncii", [item(n) for n in range(301, 1100)])
    hotline.publish.Retract(pb.RetractRequest(hash=pb.Hash(algorithm=pb.ALGORITHM_SHA256, digest=sha256(7)), reason=1),
                            timeout=60)
    holds(partner, hotline, 1101)
    before = whole(partner, 1101)
    hotline.stop()
    aside = swapped(net, hotline, old)
    if record != "set_back":
        shutil.rmtree(hotline.lib / "signer/record")
    if record == "kept":
        shutil.copytree(aside / "lib/signer/record", hotline.lib / "signer/record")
    # Nobody is there who knows more: nothing is signed, and it says why.
    partner.stop()
    hotline.start()
    text = until(lambda: refusal(hotline, 4), 60)
    assert "old copy" in text if record == "kept" else "checkpoint-peers" in text, text
    if record == "kept":
        until(lambda: any("cannot be fetched back: no peer" in w for w in status(hotline).warnings), 60)
        info = hotline.sets()[ORIGIN]
        assert (info.state, info.seen, info.applied) == (pb.SET_STATE_INCOMPLETE, 1101, 300)
    partner.start()

    # Appends that arrive meanwhile are refused, with the reason, or come behind
    # everything that was there.
    def is_going_on():
        text = refusal(hotline, 4)
        assert text is None or re.search("old copy|checkpoint-peers", text), text
        return text is None
    until(is_going_on, 60, "it goes on")
    assert re.search(r"fetching back peer=partner.example .*held=300 size=1101", hotline.log())
    holds(partner, hotline, 1102)
    after = whole(partner, 1102)
    assert whole(hotline, 1102) == after and int(before[0]) == 1101
    no_fork(hotline, partner)
    # What was lost here matches again, and what was taken back does not.
    until(lambda: hotline.match(sha256(1050)) and not hotline.match(sha256(7)), 60)
    until(lambda: partner.match(sha256(4)), 60)
    # A set that nobody else may have, as that of the audit, stays an old copy.
    until(lambda: not [w for w in status(hotline).warnings if w.startswith(ORIGIN)], 60)


def status(node):
    return node.admin.GetStatus(pb.GetStatusRequest(), timeout=60)


def mirrors(net):
    """A hotline, two mirrors that it asks, and how its set grows."""
    # One that hangs is waited for until the test lets it go on.
    asks = "checkpoint-peers: [near.example, far.example]\npeer-timeout: 300s\n"
    hotline = net.organisation("hotline", ["ncii"], conf=asks)
    near, far = net.organisation("near"), net.organisation("far")
    for node in (near, far):
        net.enrol(hotline, node)
        node.start()
    hotline.start()
    for node in (near, far):
        hotline.share("ncii", node)
        node.follow(ORIGIN)

    def grow(first, count, *nodes):
        append(hotline, first)
        hotline.append("ncii", [item(n) for n in range(first + 1, first + count)])
        for node in nodes:
            until(lambda node=node: node.applied(ORIGIN) == first + count, 60)
    return hotline, near, far, grow


def test_of_several_mirrors_the_one_that_holds_most_is_heard(net):
    hotline, near, far, grow = mirrors(net)
    grow(0, 100, near, far)
    hotline.stop()
    old = copied(net, hotline)
    hotline.start()
    grow(100, 100, near, far)
    near.stop()
    grow(200, 100, far)
    most = whole(far, 300)
    hotline.stop()
    far.stop()
    swapped(net, hotline, old)
    near.start()
    hotline.start()
    # The nearer one is not enough to go on, for another may hold more.
    until(lambda: "held=100 size=200" in hotline.log(), 60)
    until(lambda: hotline.sets()[ORIGIN].applied == 200, 60)
    assert "checkpoint-peers" in refusal(hotline, 400)
    far.start()
    append(hotline, 400)
    for node in (near, far, hotline):
        until(lambda node=node: node.applied(ORIGIN) == 301, 60)
    assert whole(near, 301) == whole(far, 301) == whole(hotline, 301)
    until(lambda: far.match(sha256(400)), 60)
    assert int(most[0]) == 300
    no_fork(hotline, near, far)


def test_a_mirror_that_was_away_as_well_is_not_enough_while_the_other_can_be_reached(net):
    hotline, near, far, grow = mirrors(net)
    grow(0, 100, near, far)
    hotline.stop()
    old = copied(net, hotline)
    hotline.start()
    near.stop()
    grow(100, 100, far)
    hotline.stop()
    far.hang()
    swapped(net, hotline, old)
    near.start()
    hotline.start()
    # The first answer is what the old copy says, too.
    until(lambda: re.search(rf"waits for peers set={ORIGIN} peers=far.example", hotline.log()), 60)
    assert "checkpoint-peers" in refusal(hotline, 400)
    os.kill(far.process.pid, signal.SIGCONT)
    append(hotline, 400)
    for node in (near, far, hotline):
        until(lambda node=node: node.applied(ORIGIN) == 201, 60)
    assert whole(near, 201) == whole(far, 201) == whole(hotline, 201)
    no_fork(hotline, near, far)


def test_without_the_peer_nothing_is_signed_until_it_is_back(net):
    hotline, partner = pair(net)
    append(hotline, 1)
    holds(partner, hotline, 1)
    partner.stop()
    hotline.restart()
    with refused("UNAVAILABLE") as problem:
        hotline.append("ncii", [item(2)])
    assert "checkpoint-peers" in problem.text
    # What no such peer may have is signed on the record's word, with a warning.
    until(lambda: re.search(r"warning signer: .*own/1.*own record", hotline.log()), 60, "a warning")
    hotline.append("own", [item(1)])
    partner.start()
    append(hotline, 2)
    holds(partner, hotline, 2)


def test_a_signer_that_is_started_again_asks_again(net):
    hotline, partner = pair(net)
    append(hotline, 1)
    holds(partner, hotline, 1)
    pid = hotline.process.pid
    with open(f"/proc/{pid}/task/{pid}/children") as children:
        signers = children.read().split()
    assert len(signers) == 1
    os.kill(int(signers[0]), signal.SIGKILL)
    append(hotline, 2)
    holds(partner, hotline, 2)


def test_a_peer_that_holds_nothing_keeps_nobody_from_publishing(net):
    hotline, _ = pair(net, follows=False)
    append(hotline, 1)
    hotline.restart()
    append(hotline, 2)
    assert hotline.applied(hotline.origin("ncii")) == 2


def test_a_note_that_we_never_signed_is_no_report(net):
    hotline = net.organisation("hotline", ["ncii"], conf=ASKS_PARTNER)
    partner = net.organisation("partner")
    net.enrol(hotline, partner)
    hotline.start()
    hotline.share("ncii", partner)
    hotline.append("ncii", [item(1)])
    hotline.stop()
    relay = Relay(partner, hotline)
    try:
        # More than there is: believed, it would keep us from signing for good.
        relay.lie("GetCheckpoint", lambda honest: pb.GetCheckpointResponse(
            note=honest.note.replace(b"\n1\n", b"\n9\n", 1)))
        hotline.start()
        hotline.expect_error("report of a peer refused")
        until(lambda: re.search("report of a peer refused .*peer=partner.example err=SIGNATURE", hotline.log()),
              60, "the report is refused")
        assert relay.told["GetCheckpoint"]
        assert "waits since its start" in refusal(hotline, 2)
        relay.honest()
        append(hotline, 2)
    finally:
        relay.stop()


@pytest.mark.parametrize("text, says", [
    ("checkpoint-peers: partner.example\n", "must be a list of domains"),
    ("checkpoint-peers: [partner.example, partner.example]\n", "is there twice"),
    ("checkpoint-peers: [not a domain]\n", "must be a peer's domain"),
])
def test_a_wrong_list_of_peers_is_said_with_its_line(net, text, says):
    hotline = net.organisation("hotline", ["ncii"], conf=text)
    hotline.spawn("-n")
    assert hotline.process.wait(60) == 2
    hotline.process = None
    assert re.search(r"hashfedd\.conf:\d+: checkpoint-peers: .*" + says, hotline.log()), hotline.log()


@pytest.mark.parametrize("is_shown_first", [False, True], ids=["asks_the_publisher", "is_asked_first"])
def test_case_18_a_subscriber_from_a_backup_catches_up_and_sees_no_fork(net, is_shown_first):
    hotline, partner, provider = (net.organisation(n, s) for n, s in (
        ("hotline", ["ncii"]), ("partner", []), ("provider", [])))
    for node in (partner, provider):
        hotline.enrol(node, "--silent")
        node.enrol(hotline)
    net.enrol(partner, provider)
    for node in net.nodes:
        node.start()
    origin = hotline.origin("ncii")
    for node in (partner, provider):
        hotline.share("ncii", node)
        node.follow(origin)

    def grow(first, count):
        hotline.append("ncii", [item(n) for n in range(first, first + count)])
        holds(partner, hotline, first + count)
    grow(0, 300)
    holds(provider, hotline, 300)
    provider.stop()
    copy = copied(net, provider)
    provider.start()
    grow(300, 200)
    # What the backup lacks: a retraction, too.
    hotline.publish.Retract(pb.RetractRequest(hash=pb.Hash(algorithm=pb.ALGORITHM_SHA256, digest=sha256(7)), reason=1),
                            timeout=60)
    holds(provider, hotline, 501)
    provider.stop()
    swapped(net, provider, copy)
    if is_shown_first:
        # Others hold more than it does, and only they are there.
        hotline.stop()
    provider.start()
    if is_shown_first:
        until(lambda: provider.peers()["partner.example"].is_connected, 60)
        until(lambda: provider.match(sha256(7)), 60)
        assert provider.applied(origin) == 300
        hotline.start()
    for node in (partner, provider):
        holds(node, hotline, 501)
    until(lambda: not provider.match(sha256(7)) and provider.match(sha256(450)), 60)
    done = provider.admin.VerifySet(pb.VerifySetRequest(set=origin), timeout=60)
    assert (done.size, done.missing) == (501, 0)
    for node in (partner, provider):
        info = node.sets()[origin]
        assert (info.state, info.has_evidence, info.frozen_reason) == (pb.SET_STATE_COMPLETE, False, "")


def test_case_17_what_no_mirror_has_is_given_up_and_the_set_goes_on_in_a_new_epoch(net):
    hotline, provider = (net.organisation(n, s) for n, s in (("hotline", ["ncii"]), ("provider", [])))
    net.enrol(hotline, provider)
    for node in net.nodes:
        node.start()
    origin, successor = hotline.origin("ncii"), hotline.origin("ncii", 2)
    hotline.share("ncii", provider)
    provider.follow(origin)
    hotline.append("ncii", [item(n) for n in range(4)])
    holds(provider, hotline, 4)
    hotline.stop()
    copy = copied(net, hotline)
    provider.stop()
    hotline.start()
    hotline.append("ncii", [item(4), item(5)])
    hotline.stop()
    # The store comes back from a backup; the signer's record, which is in
    # none, does not.
    aside = swapped(net, hotline, copy)
    shutil.rmtree(hotline.lib / "signer/record")
    shutil.copytree(aside / "lib/signer/record", hotline.lib / "signer/record")
    hotline.start()
    provider.start()

    # It refuses, and says what to do.
    assert "old copy" in refusal(hotline, 9)
    until(lambda: provider.peers()["hotline.example"].is_connected and
          hotline.peers()["provider.example"].is_connected, 60)
    assert re.search("old copy.*cannot be fetched back.*hashfed sets next-epoch", hotline.hashfed("status"), re.S)
    with refused("FAILED_PRECONDITION") as problem:
        hotline.admin.NextEpoch(pb.NextEpochRequest(set="ncii"), timeout=60)
    assert "signed 6 entries" in problem.text and "--from-size 4" in problem.text, problem.text
    # The operator's path.
    said = hotline.hashfed("sets", "next-epoch", "ncii", "--from-size", "4")
    assert successor in said
    until(lambda: [h.origin for h in provider.match(sha256(1))] == [successor], 60)
    hotline.append("ncii", [item(9)])
    until(lambda: provider.match(sha256(9)), 60)
    until(lambda: [h.origin for h in hotline.match(sha256(1), sha256(9))] == [successor] * 2, 60)
    # The old prefix stays valid, on both sides, and is no fork.
    for node in (hotline, provider):
        done = node.admin.VerifySet(pb.VerifySetRequest(set=origin), timeout=60)
        assert (done.size, done.missing) == (4, 0)
        info = node.sets()[origin]
        assert (info.state, info.void_from, info.has_evidence) == (pb.SET_STATE_SUCCEEDED, 4, False)
    for file in ("first", "again"):
        text = hotline.admin.GetStatus(pb.GetStatusRequest(), timeout=60).warnings
        assert not [w for w in text if origin in w], (file, text)
        hotline.restart()
    until(lambda: [h.origin for h in hotline.match(sha256(1))] == [successor], 60)


def test_a_note_of_another_set_is_no_answer(net):
    hotline = net.organisation("hotline", ("ncii", "own"), conf=ASKS_PARTNER)
    partner = net.organisation("partner")
    net.enrol(hotline, partner)
    hotline.start()
    for name in ("ncii", "own"):
        hotline.share(name, partner)
    relay = Relay(partner, hotline)
    try:
        append(hotline, 1)
        until(lambda: hotline.append("own", [item(n) for n in range(9)]), 60)
        note = hotline.admin.GetNote(pb.GetNoteRequest(set="own"), timeout=60).note

        def of_the_other(honest):
            honest.note = note
            return honest
        relay.lie("GetCheckpoint", of_the_other)
        hotline.restart()
        relay.upstream = hotline.federation(partner)
        until(lambda: relay.told["GetCheckpoint"] >= 2, 60)
        # The one that it is of is signed again, and the other waits.
        def is_signed():
            try:
                return hotline.append("own", [item(10)])
            except grpc.RpcError:
                return None
        until(is_signed, 60)
        assert "checkpoint-peers" in refusal(hotline, 2)
        relay.honest()
        append(hotline, 3)
    finally:
        relay.stop()


# --- bits that a disk turned --------------------------------------------------


def records(data, n):
    """Where the payload of entry n begins, in every page that has it."""
    payload, at = item(n), data.find(item(n))
    while at >= 0:
        yield at
        at = data.find(payload, at + 1)


def tree_hash(hashes):
    while len(hashes) > 1:
        hashes = [hashlib.sha256(b"\1" + hashes[i] + hashes[i + 1]).digest() for i in range(0, len(hashes), 2)]
    return hashes[0]


def turned(node, what, n):
    """Turn one bit of what a stopped node stores of entry n."""
    path = node.lib / "ledger/data.mdb"
    data = bytearray(path.read_bytes())
    if what == "inner hash":
        first = n // 256 * 256
        at = [next(records(data, i)) - 96 for i in range(first, first + 256)]
        wanted = tree_hash([hashlib.sha256(b"\0" + data[i:i + 64]).digest() for i in at])
        places, place = [], data.find(wanted)
        while place >= 0:
            places.append(place)
            place = data.find(wanted, place + 1)
    else:
        # A record: header (64), opening (32), payload.
        back = {"payload": -20, "opening": 32, "header": 96 - 12}[what]
        places = [at - back for at in records(data, n)]
    assert places
    for place in places:
        data[place] ^= 4
    path.write_bytes(data)


def found(node):
    """What verification says is wrong, as (problem, first entry)."""
    answer = node.admin.VerifyStore(pb.VerifyStoreRequest(), timeout=60)
    return [(fault.problem, fault.first) for s in answer.sets for fault in s.faults]


@pytest.mark.parametrize("what, n, says", [
    ("payload", 5, "payload"), ("opening", 300, "payload"), ("header", 7, "headers"),
    ("header", 599, "headers"), ("inner hash", 300, "hash of the tree")],
    ids=["payload", "opening", "header", "header_of_the_last_chunk", "inner_hash"])
@pytest.mark.parametrize("whose", ["followed", "own"])
def test_case_21_a_turned_bit_is_found_and_fetched_again(net, whose, what, n, says):
    hotline, partner = pair(net, sets=["ncii"], conf="")
    hotline.append("ncii", [item(n) for n in range(600)])
    holds(partner, hotline, 600)
    before = whole(partner, 600)
    node = partner if whose == "followed" else hotline
    node.expect_error("damage found")
    node.expect_error("not mended")
    node.stop()
    turned(node, what, n)
    node.start()
    # Found, and where; until it is mended nothing else is signed for it.
    faults = found(node)
    if faults:
        first = n // 256 * 256 if says != "payload" else n
        assert len(faults) == 1 and says in faults[0][0] and faults[0][1] == first, faults
    until(lambda: not found(node), 60, "it is mended")
    until(lambda: re.search(r"peer: mended set=\S+ first=%d " % (n // 256 * 256), node.log()), 60)
    assert whole(node, 600) == before
    # Both go on, with one tree.
    append(hotline, 1000)
    holds(partner, hotline, 601)
    assert whole(partner, 601) == whole(hotline, 601)
    no_fork(hotline, partner)


def test_who_gives_half_a_chunk_is_gone_around(net):
    """The rest of it is had from others, not waited for from him again and
    again."""
    hotline, partner, provider = [net.organisation(name, sets) for name, sets in (
        ("hotline", ["ncii"]), ("partner", []), ("provider", []))]
    net.enrol(hotline, partner, "--silent")
    net.enrol(hotline, provider)
    net.enrol(partner, provider)
    hotline.start()
    hotline.append("ncii", [item(n) for n in range(300)])
    for node, may_relay in ((partner, True), (provider, False)):
        hotline.share("ncii", node, may_relay=may_relay)
    relay = Relay(partner, hotline)

    def half(messages):
        message = next(messages)
        del message.payload_lengths[3:]
        message.openings = message.openings[:96]
        message.payloads = message.payloads[:sum(message.payload_lengths)]
        yield message
    try:
        provider.start()
        provider.follow(hotline.origin("ncii"))
        holds(provider, hotline, 300)
        for problem in ("damage found", "not mended"):
            provider.expect_error(problem)
        provider.stop()
        turned(provider, "payload", 5)
        relay.lie("GetChunks", half)
        provider.start()
        until(lambda: provider.peers()["hotline.example"].is_connected and relay.open >= 1, 60)
        until(lambda: not found(provider), 60, "it is mended")
        assert relay.told["GetChunks"] >= 1, "he was asked"
    finally:
        relay.stop()


def test_what_no_peer_has_is_told_and_never_signed_over(net):
    hotline = net.node("hotline", ["ncii"])
    hotline.append("ncii", [item(n) for n in range(10)])
    hotline.expect_error("damage found")
    hotline.expect_error("not mended")
    hotline.expect_error("signer disagrees")
    hotline.stop()
    turned(hotline, "header", 7)
    hotline.start()
    assert [(says, first) for says, first in found(hotline) if "headers" in says] == \
        [("the headers are not those signed", 0)]
    until(lambda: "not mended" in hotline.log(), 60)
    with refused("DATA_LOSS") as problem:
        hotline.append("ncii", [item(11)])
    assert "damaged here: nothing is signed" in problem.text
    assert any("damaged" in w for w in status(hotline).warnings)


def test_a_turned_bit_is_found_without_being_asked_for(net):
    hotline, partner = pair(net, sets=["ncii"], conf="")
    hotline.append("ncii", [item(n) for n in range(300)])
    holds(partner, hotline, 300)
    partner.stop()
    turned(partner, "payload", 5)
    partner.expect_error("damage found")
    partner.expect_error("not mended")
    partner.start()

    # SIGHUP has at once what is done each minute.
    def is_mended():
        os.kill(partner.process.pid, signal.SIGHUP)
        return " peer: mended set=" in partner.log()
    until(is_mended, 60, "it is found and mended")
    assert not found(partner)
