"""The next epoch of a set: opened by its publisher, followed by its members,
and matched on instead of the one before, without a gap and without a double."""

import concurrent.futures
import hashlib
import json
import threading

import grpc
from net import item, pb, refused, sha256, until

OLD, NEW = "hotline.example/ncii/1", "hotline.example/ncii/2"
BLOCK = pb.VERDICT_BLOCK
SUCCEEDED, WAITING, COMPLETE = pb.SET_STATE_SUCCEEDED, pb.SET_STATE_WAITING, pb.SET_STATE_COMPLETE


class Watcher:
    """Looks the same pictures up all the time, as an upload would be: each has
    to be found in exactly one set, whatever happens."""

    def __init__(self, node, *numbers):
        self.channel = grpc.insecure_channel(f"unix:{node.home}/run/scanner.sock")
        self.stub = pb.MatchStub(self.channel)
        self.batch = pb.DigestBatch(algorithm=pb.ALGORITHM_SHA256, digests=b"".join(map(sha256, numbers)))
        self.wrong, self.seen, self.count = [], set(), 0
        self.is_over = threading.Event()
        self.pool = concurrent.futures.ThreadPoolExecutor()
        self.running = self.pool.submit(self.run)
        until(lambda: self.count > 0 or self.running.done(), 60)

    def run(self):
        items = list(range(len(self.batch.digests) // 32))
        while not self.is_over.is_set():
            hits = self.stub.Match(pb.MatchRequest(batches=[self.batch]), timeout=120).hits
            self.seen |= {h.origin for h in hits}
            if [h.item for h in hits] != items or {h.verdict for h in hits} != {BLOCK}:
                self.wrong.append([(h.item, h.origin, h.verdict) for h in hits])
            self.count += 1

    def stop(self):
        """Once it has looked up once more."""
        count = self.count
        until(lambda: self.count > count + 1 or self.running.done(), 60)
        self.is_over.set()
        self.running.result()  # or what it failed with
        self.pool.shutdown()
        self.channel.close()
        assert not self.wrong, (len(self.wrong), self.count, self.wrong[:3])
        return self.seen


def next_epoch(node, set_name="ncii", **fields):
    return node.admin.NextEpoch(pb.NextEpochRequest(set=set_name, **fields), timeout=120)


def carried(node, origin=NEW):
    """The items of a set, with what they go on from."""
    federation = node.federation(node.reader)
    note = federation.GetCheckpoint(pb.GetCheckpointRequest(origin=origin), timeout=120).note
    size = int(note.split(b"\n")[1])
    items, first = [], 0
    while first < size:
        request = pb.GetChunksRequest(origin=origin, size=size, first=first, end=min(first + 4096, size))
        for part in federation.GetChunks(request, timeout=120):
            at = 0
            for length in part.payload_lengths:
                items += [pb.Item.FromString(part.payloads[at:at + length])] if length else []
                at += length
        first += 4096
    return items


def goes_by(node, origin, number=1):
    """Wait until lookups find an item there: the index follows the set."""
    until(lambda: [h.origin for h in node.match(sha256(number))] == [origin], 30, node.name)


def changes_over(hotline, provider):
    """Two items, which the provider finds, then in the next epoch."""
    hotline.append("ncii", [item(1), item(2)])
    until(lambda: provider.match(sha256(2)), 30)
    next_epoch(hotline)
    until(lambda: NEW in provider.sets() and provider.sets()[NEW].state == COMPLETE, 30)
    goes_by(provider, NEW)


def pair(net, count, **named):
    hotline = net.node("hotline", ["ncii"])
    provider = net.node("provider", **named)
    net.enrol(hotline, provider)
    hotline.reader = provider
    hotline.share("ncii", provider)
    provider.follow(OLD)
    for first in range(0, count, 1000):
        hotline.append("ncii", [item(n) for n in range(first, min(first + 1000, count))])
    until(lambda: provider.applied(OLD) == count, 60)
    for node in (hotline, provider):
        until(lambda: {h.verdict for h in node.match(sha256(count - 1))} == {BLOCK}, 60, f"{node.name} finds all")
    return hotline, provider


def test_a_member_changes_over_without_a_gap_and_without_a_double(net):
    hotline, provider = pair(net, 600)
    hotline.publish.Retract(pb.RetractRequest(entry=pb.EntryRef(origin="ncii", index=7), reason=1), timeout=120)
    ref = pb.EntryRef(origin="other.example/x/1", index=3)
    hotline.append("ncii", [item(1000, derived_from=[ref], series="s", reinstates_plus_one=0)])
    hotline.publish.Amend(pb.AmendRequest(entry=pb.EntryRef(origin="ncii", index=8), item=pb.Item(
        content_class=pb.CONTENT_CLASS_CSAM, labels=[pb.Label(scheme="local", value="amended")])
        .SerializeToString()), timeout=120)
    until(lambda: provider.applied(OLD) == 603 and not provider.match(sha256(7)), 30)
    leaf = hotline.admin.ProveEntry(pb.ProveEntryRequest(set=OLD, index=5), timeout=120).header

    watchers = [Watcher(node, 1, 300, 599) for node in (hotline, provider)]
    done = next_epoch(hotline)
    assert (done.origin, done.predecessor, done.void_from) == (NEW, OLD, 603)
    for node in (hotline, provider):
        until(lambda: node.sets().get(NEW) and node.sets()[NEW].state == COMPLETE
              and node.sets()[OLD].state == SUCCEEDED, 30, node.name)
        goes_by(node, NEW)
    for watcher in watchers:
        assert watcher.stop() == {OLD, NEW}
    # The member never asked for it, and each item is there once, as it was.
    old, new = (provider.sets()[o] for o in (OLD, NEW))
    assert (old.succeeded_by, old.void_from, new.succeeds) == (NEW, 603, OLD)
    assert (new.applied, new.live, new.members[:]) == (600, 600, ["provider.example"])
    items = carried(hotline)
    assert [i.predecessor.index for i in items] == [*range(7), *range(8, 600), 601]
    assert {i.predecessor.origin for i in items} == {OLD}
    assert items[5].predecessor.leaf_hash == hashlib.sha256(b"\0" + leaf).digest()
    assert (items[-1].derived_from[0].origin, items[-1].derived_from[0].index) == (ref.origin, 3)
    amended, = (i for i in items if i.predecessor.index == 8)
    assert amended.hashes == pb.Item.FromString(item(8)).hashes
    assert (amended.content_class, amended.labels[0].value) == (pb.CONTENT_CLASS_CSAM, "amended")
    assert not provider.match(sha256(7)) and not hotline.match(sha256(7))
    # What people are told.
    rows = {r["origin"]: r for r in json.loads(provider.hashfed("sets", "--json"))["sets"]}
    assert (rows[OLD]["state"], rows[OLD]["succeeded_by"], rows[OLD]["void_from"]) == ("succeeded", NEW, 603)
    assert not [w for w in hotline.admin.GetStatus(pb.GetStatusRequest(), timeout=120).warnings if "frozen" in w]

    # It goes on there: by its name, and by nothing else.
    hotline.append("ncii", [item(2000)])
    until(lambda: provider.match(sha256(2000)), 30)
    with refused("FAILED_PRECONDITION", "FROZEN") as problem:
        hotline.append(OLD, [item(2001)])
    assert NEW in problem.text
    with refused("ALREADY_EXISTS"):
        next_epoch(hotline, OLD)
    # What names the old entry means the new one.
    gone = hotline.publish.Retract(pb.RetractRequest(entry=pb.EntryRef(origin=OLD, index=300), reason=1), timeout=120)
    assert [(e.origin, e.index) for e in gone.retracted] == [(NEW, 299)]
    until(lambda: not provider.match(sha256(300)) and not hotline.match(sha256(300)), 30)
    # What was retracted before is brought back on purpose alone.
    with refused("FAILED_PRECONDITION", "CONFLICT"):
        hotline.append("ncii", [item(7)])
    hotline.append("ncii", [item(7, predecessor=pb.EntryRef(origin=OLD, index=7))])
    until(lambda: provider.match(sha256(7)), 30)
    # And all of it is so after a restart.
    for node in (hotline, provider):
        node.restart()
        goes_by(node, NEW)
        until(lambda: [h.origin for h in node.match(sha256(1), sha256(599), sha256(2000))] == [NEW] * 3, 30)
        assert not node.match(sha256(300)) and node.sets()[OLD].state == SUCCEEDED
    # And once more.
    next_epoch(hotline)
    third = hotline.origin("ncii", 3)
    until(lambda: third in provider.sets() and provider.sets()[third].state == COMPLETE, 30)
    goes_by(provider, third)


def test_a_publisher_killed_while_it_carries_over_carries_each_item_once(net):
    count = 20000
    hotline, provider = pair(net, count)
    next_epoch(hotline)
    kills = 0
    watcher = Watcher(provider, 1, count - 1)
    while kills < 4 and hotline.sets()[NEW].state == WAITING:
        at = hotline.applied(NEW)
        until(lambda: hotline.applied(NEW) > at or hotline.sets()[NEW].state != WAITING, 30)
        hotline.kill()
        kills += 1
        hotline.start()
    assert kills >= 2, "it was over before it could be killed"
    until(lambda: NEW in provider.sets() and provider.sets()[NEW].state == COMPLETE, 120)
    assert OLD in watcher.stop()
    assert [i.predecessor.index for i in carried(hotline)] == list(range(count))
    until(lambda: hotline.sets()[OLD].state == SUCCEEDED, 30)
    done = provider.admin.VerifySet(pb.VerifySetRequest(set=NEW), timeout=120)
    assert (done.size, done.missing) == (count, 0)


def test_what_is_retracted_while_it_is_carried_over_is_retracted_in_both(net):
    count = 20000
    hotline, provider = pair(net, count)
    next_epoch(hotline)
    last = count - 1
    gone = hotline.publish.Retract(pb.RetractRequest(hash=pb.Hash(
        algorithm=pb.ALGORITHM_SHA256, digest=sha256(last)), reason=1), timeout=120)
    assert [e.origin for e in gone.retracted] == [NEW]
    assert not hotline.match(sha256(last)), "acted before it answered"
    until(lambda: not provider.match(sha256(last)), 60)
    until(lambda: NEW in provider.sets() and provider.sets()[NEW].state == COMPLETE, 120)
    assert not provider.match(sha256(last)) and not hotline.match(sha256(last))
    items = carried(hotline)
    assert sorted(i.predecessor.index for i in items if i.hashes) == list(range(count))


def test_what_is_acknowledged_while_the_next_epoch_is_opened_is_in_it(net):
    hotline, provider = pair(net, 10)
    done, is_over = [], threading.Event()

    def publish(first):
        n = first
        while not is_over.is_set():
            try:
                hotline.append("ncii", [item(n)])
                done.append(n)
            except grpc.RpcError as error:
                # It goes on elsewhere, or is about to.
                assert error.code() in (grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.UNAVAILABLE), error
            n += 1
    pool = concurrent.futures.ThreadPoolExecutor()
    publishing = [pool.submit(publish, first) for first in (10000, 20000, 30000)]
    try:
        for epoch in (2, 3, 4):
            count = len(done)
            until(lambda: len(done) > count + 50 or any(p.done() for p in publishing), 30)
            next_epoch(hotline)
            now = hotline.origin("ncii", epoch)
            until(lambda: now in provider.sets() and provider.sets()[now].state == COMPLETE, 60)
    finally:
        is_over.set()
        pool.shutdown()
    for one in publishing:
        one.result()  # or what it failed with
    assert len(done) > 150
    for node in (hotline, provider):
        until(lambda node=node: node.sets()[now].applied == len(done) + 10, 30,
              f"{len(done) + 10} entries at {node.name}, not {node.sets()[now].applied}")
        for first in range(0, len(done), 500):
            part = done[first:first + 500]
            until(lambda: [h.item for h in node.match(*map(sha256, part))] == list(range(len(part))), 30)


def test_a_relay_passes_the_next_epoch_on_and_a_stranger_learns_nothing(net):
    hotline, partner, provider = net.chain()
    stranger = net.node("stranger")
    net.enrol(hotline, stranger, "--silent")
    hotline.share("ncii", partner, may_relay=True)
    hotline.share("ncii", provider)
    partner.follow(OLD)
    provider.follow(OLD)
    changes_over(hotline, provider)
    with refused("NOT_FOUND"):
        hotline.federation(stranger).GetCheckpoint(pb.GetCheckpointRequest(origin=NEW), timeout=120)


def test_a_publisher_that_nobody_can_dial_brings_the_next_epoch(net):
    hotline = net.organisation("hotline", ["ncii"], endpoint=False)
    provider = net.organisation("provider")
    net.enrol(hotline, provider)
    for node in net.nodes:
        node.start()
    hotline.share("ncii", provider)
    provider.follow(OLD)
    changes_over(hotline, provider)


def test_what_a_later_epoch_made_void_cannot_be_offered(net):
    hotline, provider = pair(net, 10)
    federation = hotline.federation(provider)
    said = federation.GetCheckpoint(pb.GetCheckpointRequest(origin=OLD), timeout=120)
    next_epoch(hotline, from_size_plus_one=6)
    until(lambda: NEW in provider.sets() and provider.sets()[NEW].state == COMPLETE and
          provider.sets()[OLD].state == SUCCEEDED, 30)
    with refused("FAILED_PRECONDITION", "FROZEN"):
        provider.federation(hotline).Offer(iter([pb.OfferRequest(
            origin=OLD, note=said.note, agreement=said.agreement)]), timeout=120)


def test_who_stopped_following_the_next_epoch_is_not_given_it_again(net):
    hotline, provider = pair(net, 2)
    next_epoch(hotline)
    goes_by(provider, NEW)
    provider.follow(NEW, is_removal=True)
    until(lambda: not provider.match(sha256(1)), 30, "nor is the old one matched on again")
    hotline.share("ncii", provider)
    provider.restart()
    until(lambda: provider.peers()["hotline.example"].is_connected, 30)
    hotline.append("ncii", [item(3)])
    until(lambda: NEW in provider.sets() and provider.sets()[NEW].state == pb.SET_STATE_OFFERED, 30)
    assert not provider.match(sha256(1), sha256(3))


def test_what_cannot_be_continued_is_refused_with_words(net):
    hotline = net.node("hotline", ["ncii"])
    hotline.append("ncii", [item(1), item(2)])
    for reason, fields in (("NOT_FOUND", {"set": "other"}),
                           ("INVALID_ARGUMENT", {"set": "ncii", "from_size_plus_one": 4}),
                           ("INVALID_ARGUMENT", {"set": "ncii", "epoch": 1})):
        with refused(reason):
            hotline.admin.NextEpoch(pb.NextEpochRequest(**fields), timeout=120)
    said = hotline.hashfed("sets", "next-epoch", "ncii", "--from-size", "1", "--epoch", "5")
    assert "hotline.example/ncii/5" in said and "void from entry 1" in said, said
    until(lambda: hotline.match(sha256(1)) and not hotline.match(sha256(2)), 30)
    until(lambda: [h.origin for h in hotline.match(sha256(1))] == ["hotline.example/ncii/5"], 30)
