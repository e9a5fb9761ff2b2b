"""Nodes that ask for cosignatures, their witnesses, and what these signed."""

import hashlib
import threading

import grpc
from forks import ORIGIN, size_of
from net import pb, until


def cosigners(node):
    return list(node.sets()[ORIGIN].cosigners)


def vkey(node):
    return until(lambda: node.admin.GetStatus(pb.GetStatusRequest(), timeout=60).cosigner_vkey, 60)


def rows(witnesses, need):
    keys = "".join(f"      - {vkey(w)}\n" for w in witnesses)
    return f"witnesses:\n  - set: {ORIGIN}\n    from:\n{keys}    need: {need}\n"


def watched(net, need, names=("witness",), readers=("provider",)):
    """hotline, its witnesses, who may read nothing, and readers that ask for
    the cosignatures of so many."""
    hotline = net.organisation("hotline", ["ncii"])
    witnesses = [net.organisation(name) for name in names]
    providers = [net.organisation(name) for name in readers]
    for node in witnesses + providers:
        hotline.enrol(node, "--silent")
        node.enrol(hotline)
    for witness in witnesses:
        witness.start()
    for node in [hotline] + providers:
        node.configure(rows(witnesses, need))
        node.start()
    for witness in witnesses:
        hotline.share("ncii", witness, is_witness=True)
        witness.follow(ORIGIN)
    for provider in providers:
        hotline.share("ncii", provider)
        provider.follow(ORIGIN)
    return hotline, witnesses, providers


def note_of(node):
    """Its largest checkpoint; one of nothing while it has none."""
    try:
        return node.admin.GetNote(pb.GetNoteRequest(set=ORIGIN), timeout=60).note
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.NOT_FOUND, error
        return b"\n0\n\n"


class Collector:
    """Every checkpoint that carries a line of the witness, from wherever it can
    be seen: what the world could hold against it."""

    def __init__(self, witness, *nodes):
        self.line = f" {witness.domain}/cosigner ".encode()
        self.nodes, self.roots, self.largest, self.wrong = nodes, {}, 0, None
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def look(self, node):
        note = note_of(node)
        if self.line in note:
            size = size_of(note)
            self.roots.setdefault(size, set()).add(note.split(b"\n")[2])
            self.largest = max(self.largest, size)

    def run(self):
        try:
            while not self.is_over.wait(0.004):
                for node in self.nodes:
                    self.look(node)
        except Exception as error:
            self.wrong = error

    def beyond(self, size):
        """One of more than so many entries was seen; it looks on."""
        if self.wrong is not None:
            raise self.wrong
        return self.largest > size

    def stop(self):
        """{size: root} of what was seen: one root for each size."""
        self.is_over.set()
        self.thread.join()
        if self.wrong is not None:
            raise self.wrong
        for node in self.nodes:
            self.look(node)
        assert all(len(roots) == 1 for roots in self.roots.values()), self.roots
        return {size: roots.pop() for size, roots in self.roots.items()}


def leaves(publisher, reader, size):
    """The leaf hashes of the set, as a member may have them."""
    federation, hashes = publisher.federation(reader), []
    while len(hashes) < size:
        request = pb.GetChunksRequest(origin=ORIGIN, size=size, first=len(hashes),
                                      end=min(len(hashes) + 4096, size), headers_only=True)
        for part in federation.GetChunks(request, timeout=60):
            hashes += [hashlib.sha256(b"\0" + part.headers[at:at + 64]).digest()
                       for at in range(0, len(part.headers), 64)]
    return hashes


def tree(hashes):
    """The root over them, as RFC 6962 has it."""
    if len(hashes) < 2:
        return hashes[0] if hashes else hashlib.sha256(b"").digest()
    half = 1 << (len(hashes) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + tree(hashes[:half]) + tree(hashes[half:])).digest()
