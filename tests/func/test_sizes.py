"""What a node takes, table by table: the rows add up to what the disk says."""

import json
import os
import subprocess

import pytest

from net import BIN, item, pb, sha256, until

COUNT = 20000


@pytest.fixture(scope="module")
def hotline(shared):
    node = shared.node("hotline", sets=["ncii", "other"], conf="retro-match: 7d\n")
    for begin in range(0, COUNT, 4000):
        node.append("ncii", [item(n) for n in range(begin, begin + 4000)])
    node.append("other", [item(COUNT + n) for n in range(300)])
    # Kept for retro-match.
    node.scanner.Match(pb.MatchRequest(batches=[pb.DigestBatch(
        algorithm=pb.ALGORITHM_SHA256, digests=b"".join(sha256(n) for n in range(COUNT + 1000, COUNT + 2000)))]))
    until(lambda: node.match(sha256(COUNT + 299)), 60)
    return node


def disk(node):
    """What du says; that a file goes while it looks is no reason to fail."""
    return int(subprocess.run(["du", "-s", "-B1", node.lib], capture_output=True, text=True).stdout.split()[0])


def hashfed(node, *args):
    return subprocess.run([BIN / "hashfed", "--home", node.home, *args], check=True, capture_output=True, text=True,
                          timeout=60).stdout


def told(node):
    """GetSizes and du, from a moment when the node wrote nothing in between."""
    def quiet():
        before, answer, after = disk(node), node.admin.GetSizes(pb.GetSizesRequest(), timeout=60), disk(node)
        return answer if before == answer.disk_bytes == after else None
    return until(quiet, 60, "disk_bytes is what du says")


def test_the_rows_of_the_disk_add_up_to_what_du_says(hotline):
    odd = os.fsencode(hotline.lib) + b"/not\xff\nours"
    with open(odd, "wb") as file:
        file.write(b"x" * 5000)
    answer = told(hotline)
    os.unlink(odd)
    assert sum(row.bytes for row in answer.disk) == answer.disk_bytes
    assert next(row for row in answer.disk if row.part == "?").bytes >= 5000
    parts = {row.part for row in answer.disk}
    assert {"ledger", "index", "retracted", "views", "retro", "tls"} <= parts
    assert all(row.bytes > 0 for row in answer.disk)


def test_the_ledger_tells_entries_by_table_and_by_set(hotline):
    answer = told(hotline)
    tables = {row.table: row for row in answer.disk if row.part == "ledger"}
    sets = {row.table: row for row in answer.sets}
    assert sets["hotline.example/ncii/1"].count == COUNT and sets["hotline.example/other/1"].count == 300
    # Nobody's entries are left out, those of cases included, if there are any.
    counts = [row.count for row in answer.sets]
    entries = sum(counts)
    assert tables["headers"].bytes == 64 * entries and tables["headers"].count == entries
    # Subtrees from level 8 up are stored, of 41 bytes each.
    nodes = sum(size >> level for size in counts for level in range(8, 64))
    assert tables["tree"].bytes == 41 * nodes and tables["tree"].count == nodes
    assert {"notes", "marks", "batches", "records", "free, and the rest"} <= set(tables) | {"records"}
    own = sum(tables[name].bytes for name in ("headers", "tree", "payloads"))
    assert own == sum(row.bytes for row in answer.sets)
    assert tables["payloads"].bytes > (COUNT + 300) * len(item(1))


def test_the_index_tells_what_a_hash_takes_once_it_is_sealed(hotline):
    def sealed():
        answer = told(hotline)
        rows = {row.table: row for row in answer.disk if row.part == "index"}
        return answer if "sha256 keys" in rows and rows["sha256 keys"].count >= COUNT + 300 else None
    answer = until(sealed, 60)
    rows = {row.table: row for row in answer.disk if row.part == "index"}
    assert rows["sha256 keys"].bytes == 32 * (COUNT + 300) == rows["pdq keys"].bytes
    assert 16 * (COUNT + 300) <= rows["sha256 refs"].bytes


def test_what_has_an_end_is_told_with_it(hotline):
    answer = told(hotline)
    for part in ("index", "retracted"):
        mutable = next(row for row in answer.disk if (row.part, row.table) == (part, "mutable part"))
        assert 0 < mutable.bytes <= mutable.bytes_max
    memory = {(row.part, row.table): row for row in answer.memory}
    queue = memory["ledger", "queue"]
    assert 0 == queue.bytes < queue.bytes_max
    arenas = memory["lookups", "arenas"]
    assert 0 < arenas.bytes <= arenas.bytes_max
    assert answer.resident_bytes > 1 << 20 and answer.mapped_bytes > 1 << 20
    assert answer.reserve_bytes == 256 << 20


def test_the_command_prints_the_same(hotline):
    def same():
        """From a moment when nothing changed meanwhile."""
        before = told(hotline)
        rows = json.loads(hashfed(hotline, "sets", "--sizes", "--json"))["sizes"]
        return (before, rows) if told(hotline).disk == before.disk else None
    answer, rows = until(same, 60)

    def of(where):
        return [(r["part"], r["table"] or "", r["bytes"], r["count"] or 0) for r in rows if r["where"] == where]
    assert of("disk") == [(r.part, r.table, r.bytes, r.count) for r in answer.disk]
    assert of("set") == [(r.part, r.table, r.bytes, r.count) for r in answer.sets]
    totals = {part: number for part, _, number, _ in of("total")}
    assert totals["disk"] == answer.disk_bytes and totals["reserve"] == answer.reserve_bytes
    assert next(r for r in rows if r["table"] == "headers")["each"] == "64.0"
    text = hashfed(hotline, "sets", "--sizes")
    assert "headers" in text and "sha256 keys" in text and "hotline.example/ncii/1" in text
