"""Publishers that sign two trees, and the independent checker of evidence."""

import contextlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from net import BIN, TOP, item, pb, until

ORIGIN = "hotline.example/ncii/1"
FORK, REFUSED = 3, 1


def tlogcheck(folder):
    """Build tlogcheck (Go, no code of ours) into the folder; its path."""
    program = Path(folder) / "tlogcheck"
    if not program.exists():
        subprocess.run(["go", "build", "-o", program, "."], check=True, cwd=TOP / "tests/interop/tlogcheck",
                       env=dict(os.environ, GOPATH="/usr/share/gocode", GO111MODULE="off", GOFLAGS="",
                                GOCACHE=str(Path(folder) / "gocache")))
    return program


class Evidence:
    """An evidence file, taken apart as proto/SPEC.md 6.7 says."""

    def __init__(self, data):
        self.data = data
        head, rest = data.split(b"\n", 1)
        assert head == b"hashfed/evidence/v1"
        self.vkeys = []  # one, or one for each note
        while rest.startswith(b"key "):
            key, rest = rest.split(b"\n", 1)
            self.vkeys.append(key[4:].decode())
        assert 1 <= len(self.vkeys) <= 2
        self.notes = []
        for _ in range(2):
            line, rest = rest.split(b"\n", 1)
            size = int(re.fullmatch(rb"note (\d+)", line).group(1))
            self.notes.append(rest[:size])
            rest = rest[size:]
        self.proof = rest
        if rest:
            assert rest.startswith(b"root ")
            self.proof = rest[5:]  # as tlogcheck has it

    @property
    def sizes(self):
        return [size_of(note) for note in self.notes]


def size_of(note):
    return int(note.split(b"\n")[1])


def made(vkey, notes, proof=b""):
    """An evidence file of these."""
    return (f"hashfed/evidence/v1\nkey {vkey}\n".encode() +
            b"".join(b"note %d\n" % len(note) + note for note in notes) +
            (b"root " + proof if proof else b""))


def checked(folder, evidence):
    """What tlogcheck and hashfed verify each say: their exit statuses."""
    folder = Path(folder)
    parts = Evidence(evidence)
    for name, data in [("a.note", parts.notes[0]), ("b.note", parts.notes[1]), ("proof", parts.proof),
                       ("file.evidence", evidence)]:
        (folder / name).write_bytes(data)
    proof = ["-proof", folder / "proof"] if parts.proof else []
    vkeys = [word for vkey in parts.vkeys for word in ("-vkey", vkey)]
    go = subprocess.run([tlogcheck(folder), "fork", *vkeys, *proof, folder / "a.note", folder / "b.note"],
                        capture_output=True, text=True)
    ours = subprocess.run([BIN / "hashfed", "verify", folder / "file.evidence"], capture_output=True, text=True)
    return go.returncode, ours.returncode


def verify(folder, data, *options):
    """hashfed verify FILE: the finished process."""
    path = Path(folder) / "given.evidence"
    path.write_bytes(data)
    return subprocess.run([BIN / "hashfed", "verify", *options, path], capture_output=True, text=True)


def copied(net, node):
    """A copy of everything a publisher has, its signer's memory too; the node
    must be stopped."""
    copy = net.folder / (node.name + "-copy")
    shutil.copytree(node.home, copy, symlinks=True, ignore=shutil.ignore_patterns("run"))
    return copy


def swapped(net, node, copy):
    """Put the copy in the place of the stopped node; what was there is given."""
    aside = net.folder / (node.name + "-aside")
    node.home.rename(aside)
    copy.rename(node.home)
    return aside


def grow(node, first, count):
    return node.append("ncii", [item(n) for n in range(first, first + count)]).size


def evidence_of(node, origin=ORIGIN):
    return node.admin.GetEvidence(pb.GetEvidenceRequest(set=origin), timeout=120).evidence


def is_frozen(node, origin=ORIGIN):
    return node.sets()[origin].state == pb.SET_STATE_FROZEN


def frozen(node, origin=ORIGIN, seconds=30):
    until(lambda: is_frozen(node, origin), seconds, f"{node.name} has frozen {origin}")


@contextlib.contextmanager
def stopped(node):
    node.stop()
    yield
    node.start()
