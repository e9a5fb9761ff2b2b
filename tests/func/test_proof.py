"""Notes and proofs that other people's programs accept, and refuse damaged."""

import base64
import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from net import item, pb, refused, sha256

TLOGCHECK = Path(__file__).resolve().parents[1] / "interop/tlogcheck"
SIZE = 1000


@pytest.fixture(scope="module")
def tlogcheck(tmp_path_factory):
    """The checker: Go, and shares no code with us."""
    folder = tmp_path_factory.mktemp("tlogcheck")
    environment = dict(os.environ, GOPATH="/usr/share/gocode", GO111MODULE="off", GOFLAGS="", GOCACHE=str(folder / "cache"))
    subprocess.run(["go", "build", "-o", folder / "tlogcheck", "."], cwd=TLOGCHECK, env=environment, check=True)

    def run(what, keys, data, leaf=None):
        (folder / "data").write_bytes(data)
        options = list(keys)
        if leaf is not None:
            (folder / "leaf").write_bytes(leaf)
            options += ["-leaf", folder / "leaf"]
        return subprocess.run([folder / "tlogcheck", what, *options, folder / "data"], capture_output=True, text=True)

    return run


@pytest.fixture(scope="module")
def hotline(shared):
    node = shared.node("hotline", sets=["ncii"])
    node.append("ncii", [item(n) for n in range(SIZE)])
    return node


@pytest.fixture
def note(hotline):
    return hotline.admin.GetNote(pb.GetNoteRequest(set="ncii"), timeout=60)


def prove(node, index):
    return node.admin.ProveEntry(pb.ProveEntryRequest(set="ncii", index=index), timeout=60)


def test_the_note_names_origin_and_size_and_carries_both_signatures(hotline, note):
    lines = note.note.decode().split("\n")
    assert lines[:2] == ["hotline.example/ncii/1", str(SIZE)]
    assert len(base64.b64decode(lines[2])) == 32
    assert len([line for line in lines if line.startswith("\u2014 ")]) == 2
    spoken = hotline.key("vkey", "ncii").stdout
    assert note.log_vkey in spoken and note.cosigner_vkey in spoken


def test_the_header_that_is_proved_commits_to_the_leaf(hotline):
    answer = prove(hotline, 3)
    assert len(answer.header) == 64 and answer.header[:4] == b"hfe1"
    assert hashlib.sha256(b"\0" + answer.header).digest() != sha256(3)


def test_the_checker_accepts_the_note_and_refuses_a_damaged_one(tlogcheck, note):
    keys = ["-vkey", note.log_vkey, "-cosig", note.cosigner_vkey, "-max-age", "1h", "-origin", "hotline.example/ncii/1"]
    check = lambda data: tlogcheck("checkpoint", keys, data)  # noqa: E731
    assert check(note.note).returncode == 0, check(note.note)
    for at in (0, note.note.index(b"\n") + 1, len(note.note) // 2, len(note.note) - 5):
        damaged = bytearray(note.note)
        damaged[at] ^= 1
        assert check(bytes(damaged)).returncode == 1, damaged
    assert check(note.note.replace(b"\n1000\n", b"\n1001\n")).returncode == 1


@pytest.mark.parametrize("index", [0, 255, 256, 511, 999])
def test_the_checker_accepts_a_proof_and_refuses_a_damaged_one(tlogcheck, hotline, note, index):
    answer = prove(hotline, index)
    keys = ["-vkey", note.log_vkey, "-cosig", note.cosigner_vkey]
    check = lambda proof, leaf=answer.header: tlogcheck("inclusion", keys, proof, leaf)  # noqa: E731
    assert check(answer.proof).returncode == 0, check(answer.proof)
    other = prove(hotline, (index + 1) % SIZE)
    assert check(answer.proof, other.header).returncode == 1
    assert check(answer.proof.replace(b"index %d\n" % index, b"index %d\n" % (index ^ 1))).returncode == 1
    lines = answer.proof.split(b"\n")
    for n, line in enumerate(lines[2:6], 2):
        digit = b"A" if line[:1] != b"A" else b"B"
        damaged = b"\n".join([*lines[:n], digit + line[1:], *lines[n + 1:]])
        assert check(damaged).returncode == 1, damaged


def test_an_entry_that_is_not_there_has_no_proof(hotline):
    with refused("NOT_FOUND"):
        prove(hotline, SIZE)
    with refused("NOT_FOUND"):
        prove(hotline, 2 ** 62)
