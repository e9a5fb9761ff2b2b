"""hashfed scan: a stored file is read once; what is new at the daemon is held
against what is known of the files, and never against the files."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import time

import pytest

from net import BIN, TOP, flip, item, pb, sha256, until
from test_client import hashfed, lines

PICTURES = TOP / "tests/pictures"


@pytest.fixture
def hotline(net):
    return net.node("hotline", sets=["ncii", "other"])


def write(path, content, age_s=3600):
    """A file as if it had been there for a while."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    when = time.time_ns() - age_s * 10**9
    os.utime(path, ns=(when, when))
    return path


def digest(content):
    return hashlib.sha256(content).digest()


def publish(node, *digests, set_name="ncii", algorithm=pb.ALGORITHM_SHA256):
    """Append entries and wait until they are looked up."""
    quality = 101 if algorithm == pb.ALGORITHM_PDQ else 0
    node.append(set_name, [item(0, hashes=[pb.Hash(algorithm=algorithm, digest=d, quality_plus_one=quality)])
                           for d in digests])
    until(lambda: all(node.match(d, algorithm=algorithm) for d in digests), 60)


class Scan:
    """What a scan said: the summary, and the objects by path."""

    def __init__(self, node, *args, status=None, **options):
        self.done = subprocess.run([str(a) for a in (BIN / "hashfed", "--home", node.home, "scan", "--json", *args)],
                                   capture_output=True, timeout=120, **options)
        assert self.done.returncode in ((0, 1) if status is None else (status,)), self.done
        said = [json.loads(line) for line in self.done.stdout.splitlines()]
        self.summary = {}
        for one in said:
            for name, count in one.get("summary", {}).items():
                self.summary[name] = self.summary.get(name, 0) + count
        self.said = [one for one in said if "summary" not in one]

    def of(self, *names):
        return tuple(self.summary[name] for name in names)

    def verdicts(self):
        return {one["path"]: one["verdict"] for one in self.said if "verdict" in one}


# --- reading only what changed ------------------------------------------------


def test_a_second_scan_reads_only_what_changed(hotline, tmp_path):
    tree = tmp_path / "tree"
    for n in range(300):
        write(tree / f"d{n % 10}/f{n}", b"%d" % n)
    publish(hotline, digest(b"7"))
    first = Scan(hotline, tree, status=1)
    assert first.of("files", "read", "unchanged", "gone") == (300, 300, 0, 0)
    again = Scan(hotline, tree, status=1)
    assert again.of("files", "read", "unchanged", "gone") == (300, 0, 300, 0)
    # What matches is told both times: a scan says how things are.
    assert first.verdicts() == again.verdicts() == {f"{tree}/d7/f7": "block"}

    write(tree / "d1/f11", b"another", 1800)
    write(tree / "d2/new", b"new")
    (tree / "d3/f13").rename(tree / "d3/moved")
    os.link(tree / "d4/f14", tree / "d4/linked")
    (tree / "d5/f15").unlink()
    shutil.rmtree(tree / "d6")
    third = Scan(hotline, tree, status=1)
    # A changed, a new, a renamed and a linked one are read; a removed one, 30
    # of a directory and the old name are gone.
    assert third.of("files", "read", "unchanged", "gone") == (271, 4, 267, 32)
    assert Scan(hotline, tree, status=1).of("files", "read", "gone") == (271, 0, 0)


def test_what_shows_no_change_is_not_read(hotline, tmp_path):
    """The content is replaced and everything else put back: whoever read the
    file would see it."""
    file = write(tmp_path / "tree/file", b"harmless")
    write(tmp_path / "tree/beside", b"beside")
    publish(hotline, digest(b"terrible"))
    assert Scan(hotline, tmp_path / "tree").verdicts() == {}
    was = os.stat(file)
    file.write_bytes(b"terrible")
    os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert Scan(hotline, tmp_path / "tree").verdicts() == {}
    # --fresh reads it all.
    assert Scan(hotline, "--fresh", tmp_path / "tree").verdicts() == {str(file): "block"}


def test_a_file_of_just_now_is_read_again(hotline, tmp_path):
    """It may have changed once more within what clocks can tell apart."""
    file = write(tmp_path / "tree/file", b"harmless", -1)
    publish(hotline, digest(b"terrible"))
    file = write(tmp_path / "tree/file", b"harmless", -1)
    was = os.stat(file)
    Scan(hotline, tmp_path / "tree")
    file.write_bytes(b"terrible")
    os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert Scan(hotline, tmp_path / "tree").verdicts() == {str(file): "block"}


def test_pictures_are_looked_at_when_an_earlier_scan_was_quick(hotline, tmp_path):
    (tmp_path / "tree").mkdir()
    shutil.copy(PICTURES / "own2.png", tmp_path / "tree/picture")
    os.utime(tmp_path / "tree/picture", (1e9, 1e9))
    hashfed(hotline, "publish", "--set", "ncii", PICTURES / "own2-q40.jpg")
    until(lambda: hotline.match(digest((PICTURES / "own2-q40.jpg").read_bytes())), 60)
    assert Scan(hotline, "--quick", tmp_path / "tree").verdicts() == {}
    assert Scan(hotline, "--quick", tmp_path / "tree").of("read") == (0,)
    full = Scan(hotline, tmp_path / "tree")
    assert full.of("read") == (1,) and list(full.verdicts().values()) == ["review"]
    assert Scan(hotline, tmp_path / "tree").of("read") == (0,)
    assert Scan(hotline, "--quick", tmp_path / "tree").of("read") == (0,)


def test_what_cannot_be_seen_is_not_forgotten(hotline, tmp_path):
    tree = tmp_path / "tree"
    kept = write(tree / "b/match", b"7")
    write(tree / "a/x", b"1")
    write(tree / "c/x", b"2")
    publish(hotline, digest(b"7"))
    Scan(hotline, tree, status=1)
    # A mount that is not there: an empty directory in its place.
    tree.rename(tmp_path / "elsewhere")
    tree.mkdir()
    away = Scan(hotline, tree, status=2)
    assert away.of("gone", "failed") == (0, 1) and b"mounted" in away.done.stderr
    tree.rmdir()
    (tmp_path / "elsewhere").rename(tree)
    assert Scan(hotline, tree, status=1).of("read", "unchanged") == (0, 3)
    # Too deep to be read: what is below is kept, what is beside goes on.
    deep = tree / "b"
    for _ in range(260):
        deep = deep / "d"
    deep.mkdir(parents=True)
    (tree / "a/x").unlink()
    partly = Scan(hotline, tree, status=1)
    assert partly.of("gone", "failed", "read") == (1, 1, 0)
    assert partly.verdicts() == {str(kept): "block"}


def test_names_of_any_bytes_and_relative_directories(hotline, tmp_path):
    tree = tmp_path / "tree"
    tree.mkdir()
    odd = [b"new\nline", b"\xff\xfe", b"tab\t", "größe".encode(), b"-", b"a" * 250, b"{", b"0"]
    for name in odd:
        path = os.fsencode(tree) + b"/" + name
        with open(path, "wb") as file:
            file.write(b"7")
        os.utime(path, (1e9, 1e9))
    publish(hotline, digest(b"7"))
    first = Scan(hotline, "tree", cwd=tmp_path, status=1)
    assert len(first.said) == len(odd) and all(x["path"].startswith("tree/") for x in first.said)
    again = Scan(hotline, "tree", cwd=tmp_path, status=1)
    assert again.of("read", "unchanged") == (0, len(odd)) and again.said == first.said
    # Below another, or twice: once.
    assert Scan(hotline, "tree", ".", tree, cwd=tmp_path, status=1).of("files") == (len(odd),)


# --- what is new at the daemon ------------------------------------------------


def test_new_entries_are_held_against_files_that_are_not_there_any_more(hotline, tmp_path):
    """Files are scanned and then moved out of the way: every update is told
    from what is known of them."""
    tree = tmp_path / "tree"
    for n in range(2000):
        write(tree / f"d{n % 20:02}/f{n:04}", b"%d" % n)
    (tree / "p").mkdir()
    shutil.copy(PICTURES / "own0.jpg", tree / "p/picture")
    os.utime(tree / "p/picture", (1e9, 1e9))
    hotline.append("ncii", [item(n) for n in range(50)])
    until(lambda: hotline.match(sha256(49)), 60)
    assert Scan(hotline, tree, status=0).of("files", "read") == (2001, 2001)
    tree.rename(tmp_path / "away")

    assert Scan(hotline, "--update", status=0).of("files", "looked_up") == (2001, 0)
    md5 = hashlib.md5(b"1234").digest()
    publish(hotline, md5, algorithm=pb.ALGORITHM_MD5)
    publish(hotline, hashlib.sha1(b"77").digest(), algorithm=pb.ALGORITHM_SHA1)
    publish(hotline, digest(b"1999"), *[sha256(n) for n in range(1000, 1100)])
    made = hashfed(hotline, "hash", PICTURES / "own0.jpg").stdout
    picture = bytes.fromhex([r[1] for r in lines(made) if r[0] == "pdq"][0])
    publish(hotline, flip(picture, 20), algorithm=pb.ALGORITHM_PDQ)
    news = Scan(hotline, "--update", status=1)
    assert news.verdicts() == {f"{tree}/d14/f1234": "block", f"{tree}/d17/f0077": "block",
                               f"{tree}/d19/f1999": "block", f"{tree}/p/picture": "review"}
    # Only those were looked up, and nothing is told twice.
    assert news.of("files", "read", "looked_up") == (2001, 0, 4)
    assert Scan(hotline, "--update", status=0).verdicts() == {}

    # Taken back: told, once.
    hashfed(hotline, "retract", "--reason", "wrong", "md5:" + md5.hex())
    until(lambda: not hotline.match(md5, algorithm=pb.ALGORITHM_MD5), 60)
    gone = Scan(hotline, "--update", status=0)
    assert gone.said == [{"path": f"{tree}/d14/f1234", "verdict": None, "was": "block", "matches": []}]
    assert gone.of("withdrawn") == (1,)
    assert hashfed(hotline, "scan", "--update").stdout == ""
    publish(hotline, digest(b"5"), set_name="other")
    assert list(Scan(hotline, "--update").verdicts()) == [f"{tree}/d05/f0005"]

    # What came while nobody updated is told by a scan as well, without
    # reading what has not changed.
    publish(hotline, digest(b"6"))
    (tmp_path / "away").rename(tree)
    full = Scan(hotline, tree, status=1)
    assert full.of("read", "unchanged") == (0, 2001)
    assert set(full.verdicts()) == {f"{tree}/d17/f0077", f"{tree}/d19/f1999", f"{tree}/p/picture",
                                    f"{tree}/d05/f0005", f"{tree}/d06/f0006"}


def test_more_news_than_a_sieve_holds_and_a_new_policy_look_everything_up(hotline, tmp_path):
    tree = tmp_path / "tree"
    for n in range(100):
        write(tree / f"f{n}", b"%d" % n)
    Scan(hotline, tree)
    for k in range(5):
        hotline.append("ncii", [item(0, hashes=[pb.Hash(
            algorithm=pb.ALGORITHM_SHA256, digest=digest(b"%d" % (k * 4000 + n)))]) for n in range(4000)])
    until(lambda: hotline.match(digest(b"19999")), 60)
    many = Scan(hotline, "--update", tree, status=1)
    assert many.of("files", "looked_up", "block", "read") == (100, 100, 100, 0)
    assert Scan(hotline, "--update", tree).of("block") == (0,)
    # Another policy says something else of what was told.
    hotline.configure("policy:\n  - class: ncii\n    exact: review\n")
    hotline.restart()
    other = Scan(hotline, "--update", tree, status=1)
    assert other.of("review", "looked_up") == (100, 100)
    assert {(x["was"], x["verdict"]) for x in other.said} == {("block", "review")}


def test_an_update_makes_cases_of_what_it_finds(hotline, tmp_path):
    tree = tmp_path / "tree"
    write(tree / "x", b"1")
    Scan(hotline, "--cases", tree)
    publish(hotline, digest(b"1"))
    (found,) = Scan(hotline, "--update", "--cases").said
    assert found["case_how"] == "opened" and len(found["case"]) == 32
    (again,) = Scan(hotline, "--cases", tree).said
    assert (again["case"], again["case_how"]) == (found["case"], "known")


# --- lists --------------------------------------------------------------------


@pytest.mark.parametrize("options,separator", [((), "\n"), (("-0",), "\0"), (("--null",), "\0")])
def test_a_list_of_files_is_taken_in_any_order(hotline, tmp_path, options, separator):
    paths = [write(tmp_path / f"tree/{n}", b"%d" % n) for n in range(50)]
    publish(hotline, digest(b"7"))
    listed = separator.join(str(p) for p in reversed(paths)) + separator

    def scan(text, status=None):
        return Scan(hotline, "--inventory", tmp_path / "inventory", "--files-from", "-", *options,
                    input=text.encode(), status=status)

    first = scan(listed, status=1)
    assert first.of("files", "read") == (50, 50) and first.verdicts() == {str(paths[7]): "block"}
    again = scan(listed, status=1)
    assert again.of("read", "unchanged") == (0, 50) and again.verdicts() == first.verdicts()
    # One that went is forgotten; one that never was is an error; the others
    # of the inventory are left as they are.
    paths[7].unlink()
    part = scan(separator.join([str(paths[7]), "/no/such", str(paths[3])]), status=2)
    assert part.of("files", "read", "gone", "failed") == (1, 0, 1, 1)
    publish(hotline, digest(b"9"), digest(b"7"))
    news = Scan(hotline, "--update", "--inventory", tmp_path / "inventory", status=1)
    assert news.of("files") == (49,) and news.verdicts() == {str(paths[9]): "block"}


def test_a_list_that_is_none_harms_nothing(hotline, tmp_path):
    good = write(tmp_path / "good", b"7")
    publish(hotline, digest(b"7"))
    hostile = b"\n\n" + b"x" * 100000 + b"\n\x00\n" + b"\xff" * 300 + b"\n" + str(good).encode()
    done = Scan(hotline, "--files-from", "-", input=hostile, status=1)
    assert done.verdicts() == {str(good): "block"} and done.of("failed", "files") == (3, 1)


@pytest.mark.parametrize("args", [
    ("--files-from", "-", "/tmp"), ("--files-from", "-", "--update"), ("-0", "/tmp"), (), ("--update", "--fresh"),
    ("--rate", "fast", "/etc/hostname"), ("--update", "/etc/hostname"), ("--files-from", "/no/such/list"),
    ("/no/such/directory",)])
def test_what_does_not_go_together_is_refused(hotline, args):
    done = hashfed(hotline, "scan", *args, status=2, stdin=subprocess.DEVNULL)
    assert done.stderr and not done.stdout


# --- interruptions ------------------------------------------------------------


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_scan_that_was_interrupted_goes_on(hotline, tmp_path, how):
    """What was written down is not read again, and everything is told."""
    tree = tmp_path / "tree"
    for n in range(3000):
        write(tree / f"d{n % 30:02}/f{n:04}", b"%d" % (n % 100))
    publish(hotline, digest(b"7"))
    inventory = tmp_path / "inventory"
    out = tmp_path / "out"
    with open(out, "w") as file:
        # So slow that it is caught under way.
        first = subprocess.Popen([BIN / "hashfed", "--home", hotline.home, "scan", "--inventory", inventory,
                                  "--rate", "300/s", tree], stdout=file, stderr=subprocess.DEVNULL)
        until(lambda: (inventory / "inventory").exists(), 60)
        first.send_signal(how)
        first.wait()
    done = hashfed(hotline, "scan", "--inventory", inventory, "--json", tree, status=1)
    summary = json.loads(done.stdout.splitlines()[-1])["summary"]
    assert summary["files"] == 3000 and 0 < summary["read"] < 3000
    assert summary["read"] + summary["unchanged"] == 3000
    told = {row[-1] for row in lines(out.read_text())}
    told |= {json.loads(line).get("path") for line in done.stdout.splitlines()} - {None}
    assert told == {f"{tree}/d{n % 30:02}/f{n:04}" for n in range(3000) if n % 100 == 7}


def test_one_inventory_has_one_scan_at_a_time(hotline, tmp_path):
    tree = tmp_path / "tree"
    for n in range(2000):
        write(tree / f"{n}", b"%d" % n)
    first = subprocess.Popen([BIN / "hashfed", "--home", hotline.home, "scan", "--rate", "300/s", "--inventory",
                              tmp_path / "i", tree], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: (tmp_path / "i/inventory").exists(), 60)
    done = hashfed(hotline, "scan", "--inventory", tmp_path / "i", tree, status=2)
    assert "another scan" in done.stderr
    first.kill()
    first.wait()
    assert Scan(hotline, "--inventory", tmp_path / "i", tree).of("files") == (2000,)


def test_a_damaged_inventory_is_told_and_begun_anew(hotline, tmp_path):
    write(tmp_path / "tree/x", b"1")
    Scan(hotline, "--inventory", tmp_path / "i", tmp_path / "tree")
    (rows,) = (tmp_path / "i").glob("rows.*")
    rows.write_bytes(rows.read_bytes()[:-1] + b"?")
    done = hashfed(hotline, "scan", "--inventory", tmp_path / "i", tmp_path / "tree", status=2)
    assert "damaged" in done.stderr and "--fresh" in done.stderr
    assert Scan(hotline, "--fresh", "--inventory", tmp_path / "i", tmp_path / "tree").of("read") == (1,)
    assert Scan(hotline, "--inventory", tmp_path / "i", tmp_path / "tree").of("read") == (0,)
