"""Stores of every format that was released are opened by this build."""

import base64
import gzip
import hashlib
import re

import pytest
from net import TOP, item, pb, sha256, until

ORIGIN = "hotline.example/ncii/1"
STORES = sorted((TOP / "tests/stores").glob("*.store"))


def put(node, data):
    """As this node's ledger, which has none."""
    (node.lib / "ledger").mkdir(mode=0o700)
    (node.lib / "ledger/data.mdb").write_bytes(data)


def content(path):
    text = path.read_text()
    return gzip.decompress(base64.b64decode(text[text.index("\n"):]))


@pytest.mark.parametrize("path", STORES, ids=lambda path: path.stem)
def test_a_store_of_each_released_format_goes_on(net, path):
    hotline = net.organisation("hotline", ["ncii"])
    put(hotline, content(path))
    # Its notes are by keys of another time.
    hotline.expect_error("signer disagrees")
    hotline.start()
    until(lambda: [bool(hotline.match(sha256(n))) for n in (7, 8, 9, 11, 299)] == [False, True, False, True, True], 60)
    # 300 entries, a RETRACT, and with the erased one a RETRACT and an ERASE, and an AMEND.
    done = hotline.admin.VerifySet(pb.VerifySetRequest(set=ORIGIN), timeout=60)
    assert (done.size, done.missing) == (304, 0)
    # It continues where it was: one tree, with all of the old one in it.
    assert hotline.append("ncii", [item(1000)]).size == 305
    note = hotline.admin.GetNote(pb.GetNoteRequest(set=ORIGIN), timeout=60).note
    assert note.split(b"\n")[1] == b"305"
    assert hotline.admin.VerifySet(pb.VerifySetRequest(set=ORIGIN), timeout=60).size == 305


def test_a_store_of_a_newer_format_is_refused_with_words(net):
    hotline = net.organisation("hotline", ["ncii"])
    data = content(STORES[-1])
    assert data.count(b"hashfed-ledger/1") >= 1
    put(hotline, data.replace(b"hashfed-ledger/1", b"hashfed-ledger/7"))
    before = hashlib.sha256((hotline.lib / "ledger/data.mdb").read_bytes()).digest()
    hotline.spawn()
    assert hotline.process.wait(60) == 2
    hotline.process = None
    assert re.search(r"has format 'hashfed-ledger/7', this program reads 'hashfed-ledger/1': run the version that wrote "
                     r"it", hotline.log()), hotline.log()
    assert hashlib.sha256((hotline.lib / "ledger/data.mdb").read_bytes()).digest() == before


def test_the_present_format_is_kept():
    """A new format comes with a store of the one before, and of itself."""
    text = (TOP / "daemon/ledger/ledger_format.c").read_text()
    name = re.search(r'hf_ledger_format\[\] = "([a-z-]+)/(\d+)"', text)
    assert [path.stem for path in STORES] == [f"{name[1]}-{n}" for n in range(1, int(name[2]) + 1)]
