"""kill -9 of daemon, signer or both while entries are appended.

Every cycle loads a publisher, kills at a chosen place of the publisher's order
or at a random moment, lets it start again, and compares all that was
acknowledged with what is there: read over the wire, checked with a tree and a
commitment that this file computes itself.
"""

import collections
import itertools
import os
import queue
import random
import signal
import subprocess
import threading
import time

import grpc
import pytest

from net import pb, until
from order import DAEMON, DAEMON_PID, GAPS, MID_COMMIT, PUBLISHING, SIGNER, SIGNER_PID
from proof import Tree, committed, entries, item_of, parse_note

ORIGIN = "hotline.example/ncii/1"
CALLERS = 8
STRIKE_S = 30
FULL_CHECK_EVERY = 10
VICTIMS = {DAEMON: "daemon", SIGNER: "signer", DAEMON | SIGNER: "both"}


class Batch:
    """Parts of items under one batch id; the same bytes when sent again."""

    def __init__(self):
        self.id = os.urandom(16)
        sizes = random.choice([[1]] * 4 + [[random.randint(2, 40)], [3, 1, 5]])
        self.parts = [[os.urandom(32) for _ in range(size)] for size in sizes]

    def requests(self):
        for sequence, digests in enumerate(self.parts):
            yield pb.AppendRequest(set="ncii", batch_id=self.id, sequence=sequence,
                                   items=[item_of(digest) for digest in digests])


class Model:
    """What the daemon owes us."""

    def __init__(self):
        self.lock = threading.Lock()
        self.at = {}          # index: digest, acknowledged
        self.again = queue.SimpleQueue()  # not acknowledged: to be sent again
        self.acked = []       # (batch, its ranges)
        self.wrong = []
        self.acks = 0

    def acknowledge(self, batch, answer):
        with self.lock:
            self.acks += 1
            ranges = [(r.first, r.count) for r in answer.ranges]
            if [count for _, count in ranges] != [len(part) for part in batch.parts]:
                self.wrong.append(f"ranges {ranges} for {[len(p) for p in batch.parts]}")
            for (first, count), part in zip(ranges, batch.parts):
                if first + count > answer.size:
                    self.wrong.append(f"{first}+{count} acknowledged below a tree of {answer.size}")
                for index, digest in enumerate(part, first):
                    if self.at.setdefault(index, digest) != digest:
                        self.wrong.append(f"index {index} given twice")
            self.acked.append((batch, ranges))


class Load:
    """Callers that append until they are told to stop or nobody answers."""

    def __init__(self, node, model):
        self.node, self.model = node, model
        self.stopping = threading.Event()
        self.before = model.acks
        stub = node.publish
        self.threads = [threading.Thread(target=self.run, args=(stub,)) for _ in range(CALLERS)]
        for thread in self.threads:
            thread.start()

    def run(self, stub):
        refused = 0
        while not self.stopping.is_set():
            try:
                batch = self.model.again.get_nowait()
            except queue.Empty:
                batch = Batch()
            try:
                self.model.acknowledge(batch, stub.Append(batch.requests(), timeout=20))
                refused = 0
            except grpc.RpcError as error:
                self.model.again.put(batch)
                if error.code() != grpc.StatusCode.UNAVAILABLE and not self.is_dead():
                    self.model.wrong.append(f"{error.code()}: {error.details()}")
                    return
                # A signer that starts again is one moment away; a daemon is
                # gone until the next cycle.
                refused += 1
                if self.node.process.poll() is not None or refused > 500:
                    return
                self.stopping.wait(0.01)

    def is_dead(self):
        """grpcio has several names for a server that died in mid-call."""
        try:
            self.node.process.wait(timeout=2)
            return True
        except subprocess.TimeoutExpired:
            return False

    def acks(self):
        return self.model.acks - self.before

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()


class Witness:
    """Reads everything as a peer would and recomputes it."""

    def __init__(self, node, peer, model):
        self.node, self.peer, self.model = node, peer, model
        self.notes = {}  # size: root, of every checkpoint seen
        self.tree = Tree()
        self.read = []   # digest of each entry

    def note(self):
        note = self.node.admin.GetNote(pb.GetNoteRequest(set="ncii"), timeout=20).note
        origin, size, root = parse_note(note)
        assert origin == ORIGIN
        assert self.notes.setdefault(size, root) == root, f"two roots at {size}"
        return size

    def look(self, is_full=False):
        """All that is new, or all: each root ever seen must come out again."""
        size = self.note()
        assert size >= max(self.notes), "the tree became smaller"
        if is_full:
            self.tree, before, self.read = Tree(), self.read, []
        for index, header, opening, bytes_ in entries(self.node.federation(self.peer), ORIGIN, size,
                                                      self.tree.size):
            assert header[32:] == committed(opening, bytes_), f"entry {index}"
            self.tree.append(header)
            self.read.append(pb.Item.FromString(bytes_).hashes[0].digest)
            root = self.notes.get(self.tree.size)
            assert root is None or root == self.tree.root(), f"a fork at {self.tree.size}"
        assert self.tree.root() == self.notes[size]
        if is_full:
            assert self.read[:len(before)] == before
        with self.model.lock:
            lost = [i for i, digest in self.model.at.items() if i >= size or self.read[i] != digest]
        assert not lost, f"acknowledged and gone: {lost[:10]} of {size}"
        return size

    def verify(self):
        """The daemon's own check of everything, and what it matches."""
        done = self.node.admin.VerifySet(pb.VerifySetRequest(set="ncii"), timeout=60)
        assert done.size >= self.tree.size and done.missing == 0
        with self.model.lock:
            some = random.sample(sorted(self.model.at.items()), min(2000, len(self.model.at)))
        digests = [digest for _, digest in some]

        def is_matched():
            hits = self.node.match(*digests)
            return {(hit.index, hit.digest) for hit in hits} == set(some)
        until(is_matched, 20, "what was acknowledged matches")

    def repeat(self):
        """A batch that was acknowledged, sent again, is the same batch."""
        with self.model.lock:
            some = random.sample(self.model.acked, min(20, len(self.model.acked)))
        for batch, ranges in some:
            answer = self.node.publish.Append(batch.requests(), timeout=20)
            assert [(r.first, r.count) for r in answer.ranges] == ranges


def plan():
    """(place or None for a random moment, victims), shuffled."""
    rounds = {DAEMON: 6, DAEMON | SIGNER: 5, SIGNER: 3}
    kills = [(place, victims) for place in PUBLISHING for victims, times in rounds.items() for _ in range(times)]
    kills += [(None, victims) for victims, times in {DAEMON: 24, DAEMON | SIGNER: 16, SIGNER: 14}.items()
              for _ in range(times)]
    random.shuffle(kills)
    return kills


def strike_outside(node, page, victims, load):
    """At a moment that has to do with nothing in there."""
    load.stopping.wait(random.uniform(0, 0.25))
    if victims & SIGNER:
        pid = page.get(SIGNER_PID)
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            assert victims & DAEMON, "no signer to kill"
    if victims & DAEMON:
        node.process.kill()


def strike(node, page, place, victims, load):
    """Load until death came where it was ordered."""
    if place is None:
        strike_outside(node, page, victims, load)
    else:
        page.arm(place, random.randint(1, 40), victims)
        until(lambda: page.struck() == place or load.model.wrong, STRIKE_S, f"a kill at {place}")
        page.disarm()
        assert not load.model.wrong, load.model.wrong[:3]
    if victims & DAEMON:
        assert node.process.wait(timeout=STRIKE_S) == -signal.SIGKILL
        return
    # The daemon lives on, starts the signer again, and goes on acknowledging.
    before = load.acks()
    until(lambda: load.acks() >= before + 10 or load.model.wrong, STRIKE_S, "acknowledgements go on")
    assert node.process.poll() is None


@pytest.fixture
def publisher(net):
    """One that loads are put on, and a peer whose keys read it."""
    node, peer = net.organisation("hotline", ["ncii"]), net.organisation("partner")
    net.enrol(node, peer, "--silent")
    return node, peer


def test_nothing_acknowledged_is_lost_and_no_tree_forks(publisher, page, capsys):
    seed = int(os.environ.get("HASHFED_SEED", random.randrange(1 << 32)))
    random.seed(seed)
    node, peer = publisher
    model = Model()
    witness = Witness(node, peer, model)
    done = collections.Counter()
    acks, began = [], time.monotonic()

    node.start(env=page.env)
    node.share("ncii", peer)
    for cycle, (place, victims) in enumerate(plan(), 1):
        signer = page.get(SIGNER_PID)
        load = Load(node, model)
        try:
            strike(node, page, place, victims, load)
        finally:
            load.stop()
        assert not model.wrong, (seed, place, VICTIMS[victims], model.wrong[:3])
        done[place, victims] += 1
        acks.append(load.acks())
        if victims & DAEMON:
            assert page.get(DAEMON_PID) == node.process.pid
            node.kill()
            node.start(env=page.env)
        assert page.get(SIGNER_PID) != signer, "the signer is another one"
        witness.look(is_full=cycle % FULL_CHECK_EVERY == 0)
        if cycle % FULL_CHECK_EVERY == 0:
            witness.verify()
            witness.repeat()

    # Nothing is left over: what was in flight at a kill is there once.
    while not model.again.empty():
        batch = model.again.get()
        model.acknowledge(batch, node.publish.Append(batch.requests(), timeout=20))
    assert not model.wrong, model.wrong[:3]
    size = witness.look(is_full=True)
    assert sorted(model.at) == list(range(size)), "an entry that nobody sent, or one sent twice"
    witness.verify()
    node.stop()
    node.start()
    assert witness.look(is_full=True) == size

    report(done, acks, size, len(witness.notes), time.monotonic() - began, seed, capsys)


def report(done, acks, size, notes, seconds, seed, capsys):
    kills = sum(done.values())
    by_place = collections.Counter()
    for (place, _), count in done.items():
        by_place[place] += count
    mid_commit = sum(by_place[place] for place in MID_COMMIT)
    lines = [f"{kills} kills in {seconds:.0f} s, {mid_commit} mid-commit, {sum(acks)} acknowledgements "
             f"({sum(acks) / len(acks):.0f} a cycle), {size} entries, {notes} checkpoints compared, seed {seed}"]
    lines += [f"  {sum(by_place[place] for place in places):4} {gap}" for gap, places in GAPS.items()]
    lines.append(f"  {by_place[None]:4} at a random moment")
    lines += [f"  {sum(c for (_, v), c in done.items() if v == victims):4} of {name}"
              for victims, name in VICTIMS.items()]
    with capsys.disabled():
        print("\n" + "\n".join(lines))
    assert kills >= 200
    assert mid_commit >= kills / 10
    assert all(any(by_place[place] for place in places) for places in GAPS.values())
    assert all(by_place[place] for place in itertools.chain(*GAPS.values()))
    assert sum(acks) / len(acks) >= 30


def test_a_batch_sent_again_waits_for_its_signature_and_stays_what_it_was(publisher, page):
    """Its entries are durable, the signer does not answer: that is no yes."""
    node, _ = publisher
    node.start(env=page.env)
    stub, batch = node.publish, Batch()
    first = parse_note(node.admin.GetNote(pb.GetNoteRequest(set="ncii")).note)[1]
    asked = page.passes("ask")
    os.kill(page.get(SIGNER_PID), signal.SIGSTOP)
    try:
        before = stub.Append.future(batch.requests(), timeout=20)
        until(lambda: page.passes("ask") > asked, 20, "the signer is asked")
        again = stub.Append.future(batch.requests(), timeout=20)
        with pytest.raises(grpc.FutureTimeoutError):
            again.result(timeout=0.5)
    finally:
        os.kill(page.get(SIGNER_PID), signal.SIGCONT)
    answer = before.result()
    assert answer.ranges[0].first == first and list(again.result().ranges) == list(answer.ranges)
    assert again.result().size >= sum(len(part) for part in batch.parts) + first

    # And with other items it is another batch, which cannot have this name.
    batch.parts[0][0] = os.urandom(32)
    with pytest.raises(grpc.RpcError) as refused:
        stub.Append(batch.requests(), timeout=20)
    assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION
