"""Callers that append, what they are owed for it, and who looks after that."""

import os
import queue
import random
import subprocess
import threading
import time

import grpc

from net import pb, until
from proof import Tree, committed, entries, item_of, parse_note

ORIGIN = "hotline.example/ncii/1"
CALLERS = 8
ADD = 1  # op
# No call goes on for longer, nor does a signer that starts again take longer.
CALL_S = REFUSED_S = 120


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
        self.retracted = set()  # indexes, acknowledged
        self.unsure = set()     # indexes of which it was not acknowledged
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

    def __init__(self, node, model, bears=(grpc.StatusCode.UNAVAILABLE,)):
        self.node, self.model, self.bears = node, model, bears
        self.stopping = threading.Event()
        self.before = model.acks
        stub = node.publish
        self.threads = [threading.Thread(target=self.run, args=(stub,)) for _ in range(CALLERS)]
        for thread in self.threads:
            thread.start()

    def run(self, stub):
        refused_since = None
        while not self.stopping.is_set():
            try:
                batch = self.model.again.get_nowait()
            except queue.Empty:
                batch = Batch()
            try:
                self.model.acknowledge(batch, stub.Append(batch.requests(), timeout=CALL_S))
                refused_since = None
            except grpc.RpcError as error:
                self.model.again.put(batch)
                if error.code() not in self.bears and not self.is_dead():
                    self.model.wrong.append(f"{error.code()}: {error.details()}")
                    return
                # A signer that starts again is one moment away; a daemon is
                # gone until the next cycle.
                refused_since = refused_since or time.monotonic()
                if self.node.process.poll() is not None or time.monotonic() - refused_since > REFUSED_S:
                    return
                self.stopping.wait(0.01)

    def is_dead(self):
        """grpcio has several names for a server that died in mid-call."""
        try:
            self.node.process.wait(timeout=20)
            return True
        except subprocess.TimeoutExpired:
            return False

    def acks(self):
        return self.model.acks - self.before

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()


def indexes(spans):
    """The entries that an entry of the audit names."""
    found = []
    for span in spans:
        first, last = span.split("-")
        found += range(int(first), int(last) + 1)
    return found


class Witness:
    """Reads everything as a peer would and recomputes it."""

    def __init__(self, node, peer, model):
        self.node, self.peer, self.model = node, peer, model
        self.notes = {}  # size: root, of every checkpoint seen
        self.tree = Tree()
        self.read = []   # digest of each entry

    def note(self):
        note = self.node.admin.GetNote(pb.GetNoteRequest(set="ncii"), timeout=60).note
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
            assert header[32:] == (committed(opening, bytes_) if header[5] else bytes(32)), f"entry {index}"
            self.tree.append(header)
            self.read.append(pb.Item.FromString(bytes_).hashes[0].digest if header[4] == ADD else None)
            root = self.notes.get(self.tree.size)
            assert root is None or root == self.tree.root(), f"a fork at {self.tree.size}"
        assert self.tree.root() == self.notes[size]
        if is_full:
            assert self.read[:len(before)] == before
        with self.model.lock:
            lost = [i for i, digest in self.model.at.items() if i >= size or self.read[i] != digest]
        assert not lost, f"acknowledged and gone: {lost[:10]} of {size}"
        return size

    def verify(self, node=None):
        """A daemon's own check of everything, and what it matches."""
        node = node or self.node
        done = node.admin.VerifySet(pb.VerifySetRequest(set=ORIGIN), timeout=CALL_S)
        assert done.size >= self.tree.size and done.missing == 0
        with self.model.lock:
            sure = [pair for pair in sorted(self.model.at.items()) if pair[0] not in self.model.unsure]
            some = random.sample(sure, min(2000, len(sure)))
        wanted = {pair for pair in some if pair[0] not in self.model.retracted}

        def is_matched():
            return {(hit.index, hit.digest) for hit in node.match(*(digest for _, digest in some))} == wanted
        until(is_matched, CALL_S, f"{node.name} matches what was acknowledged, and nothing that was retracted")

    def audited(self):
        """Every entry stands in the audit, whoever was told of it or not, and
        what was acknowledged as often as it was."""
        token, told, acknowledged = "", set(), 0
        while True:
            page = self.node.admin.ListAudit(pb.ListAuditRequest(page_size=1000, page_token=token, method="Append"),
                                             timeout=CALL_S)
            for entry in page.entries:
                told.update(indexes([f.value for f in entry.record.facts if f.name == "entries"]))
                acknowledged += entry.record.outcome == "OK"
            token = page.next_page_token
            if not token:
                break
        missing = {index for index, digest in enumerate(self.read) if digest is not None} - told
        assert not missing, f"not in the audit: {sorted(missing)[:10]} of {self.tree.size}"
        assert acknowledged >= self.model.acks

    def repeat(self):
        """A batch that was acknowledged, sent again, is the same batch."""
        with self.model.lock:
            some = random.sample(self.model.acked, min(20, len(self.model.acked)))
        for batch, ranges in some:
            answer = self.node.publish.Append(batch.requests(), timeout=60)
            assert [(r.first, r.count) for r in answer.ranges] == ranges
