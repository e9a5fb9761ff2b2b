"""hashfed match --stdin: one answer for every line, in order, at once, and
none lost when the daemon is killed and comes back."""

import json
import os
import random
import signal
import subprocess
import threading

import pytest

from net import BIN, TOP, flip, item, pb, pdq, sha256, until

PICTURES = TOP / "tests/pictures"


@pytest.fixture(scope="module")
def hotline(shared):
    node = shared.node("hotline", sets=["ncii"])
    node.append("ncii", [item(n) for n in range(50)])
    until(lambda: node.match(sha256(49)), 60)
    return node


class Pipe:
    """A running hashfed match --stdin."""

    def __init__(self, node, *options):
        self.process = subprocess.Popen(
            [str(a) for a in (BIN / "hashfed", "--home", node.home, "match", "--stdin", *options)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def put(self, *lines):
        for line in lines:
            raw = line if isinstance(line, bytes) else (line if isinstance(line, str) else json.dumps(line)).encode()
            self.process.stdin.write(raw + b"\n")
        self.process.stdin.flush()

    def take(self):
        """The next answer; it must come while the input stays open."""
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        return json.loads(line)

    def ask(self, line):
        self.put(line)
        return self.take()

    def end(self, status=None):
        out, err = self.process.communicate(timeout=60)
        assert status is None or self.process.returncode == status, (self.process.returncode, err)
        return [json.loads(line) for line in out.splitlines()], err.decode()


def hashes(n):
    return ["sha256:" + sha256(n).hex(), f"pdq:{pdq(n).hex()}:100"]


# --- lines --------------------------------------------------------------------


def test_every_line_is_answered_before_the_next_one_comes(hotline, tmp_path):
    tmp_path.joinpath("a b").write_bytes(b"line")
    pipe = Pipe(hotline)
    answer = pipe.ask({"id": 7, "hashes": hashes(1)})
    assert (answer["id"], answer["verdict"]) == (7, "block")
    assert {m["algorithm"] for m in answer["matches"]} == {"sha256", "pdq"}
    assert pipe.ask({"id": "x", "hashes": hashes(1000)}) == {"id": "x", "verdict": None, "matches": []}
    near = pipe.ask({"hashes": [f"pdq:{flip(pdq(2), 31).hex()}:50"]})
    assert (near["verdict"], near["matches"][0]["distance"]) == ("review", 31) and "id" not in near
    assert pipe.ask({"hashes": [f"pdq:{flip(pdq(2), 31).hex()}:49"]})["matches"] == []
    assert pipe.ask(str(tmp_path / "a b")) == {"path": str(tmp_path / "a b"), "verdict": None, "matches": []}
    assert pipe.ask({"id": None, "path": str(tmp_path / "a b")})["verdict"] is None
    rest, err = pipe.end(1)
    assert rest == [] and err == ""


def test_a_line_that_is_none_is_an_error_of_that_line_alone(hotline, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes((PICTURES / "own2.png").read_bytes()[:200])
    rows = [
        (b"", "empty"), (b"/no/such/file", "No such file"), (str(tmp_path).encode(), "directory"),
        (b"{", "JSON"), (b"{}", "path"), (b"[1]", "No such file"), (b"\x00\x01\xff", "zero byte"),
        (b'{"id":3,"hashes":["sha256:12"]}', "64 hex digits"), (b"p" * 5000, "4095"), (b"q" * 270000, "too long"),
        (b'{"path":"' + b"\xff" + b'"}', "JSON"), (b"{" * 60000, "JSON"), (b'{"id":4,"path":"/dev/zero"}', "regular"),
    ]
    pipe = Pipe(hotline)
    for raw, words in rows:
        answer = pipe.ask(raw)
        assert answer["verdict"] == "error" and words in answer["error"], (raw[:40], answer)
    assert pipe.ask(b'{"id":3,"hashes":[]}')["id"] == 3
    # One that goes on for ever takes no memory, and what is behind it is a line.
    for _ in range(200):
        pipe.process.stdin.write(b"z" * 65536)
    pipe.put(b"", {"id": "behind", "hashes": hashes(3)})
    assert "too long" in pipe.take()["error"]
    assert pipe.take()["id"] == "behind"
    half = pipe.ask(str(broken))
    assert half["verdict"] is None and half["warning"]
    # The last line needs no end.
    pipe.process.stdin.write(json.dumps({"id": "last", "hashes": hashes(1000)}).encode())
    answers, _ = pipe.end(1)
    assert [a["id"] for a in answers] == ["last"]


def test_many_lines_come_back_in_order_whatever_each_takes(hotline, tmp_path):
    big = tmp_path / "big"
    big.write_bytes(os.urandom(1 << 22))
    lines = []
    for n in range(3000):
        lines.append(json.dumps({"id": n, "hashes": hashes(n % 100)} if n % 7 else
                                {"id": n, "path": str(big if n % 2 else PICTURES / "own0.jpg")} if n % 21 == 0 else
                                {"id": n, "hashes": ["nonsense"]}))
    pipe = Pipe(hotline, "--quick")
    out, _ = pipe.process.communicate("\n".join(lines).encode(), timeout=300)
    answers = [json.loads(line) for line in out.splitlines()]
    assert [a["id"] for a in answers] == list(range(3000))
    for n, answer in enumerate(answers):
        want = ("block" if n % 100 < 50 else None) if n % 7 else None if n % 21 == 0 else "error"
        assert answer["verdict"] == want, (n, answer)


@pytest.mark.parametrize("args", [
    ("--stdin", "x"), ("--stdin", "--cases"), ("--stdin", "--unavailable", "never"), ("--unavailable", "hold", "x"), ()])
def test_options_that_do_not_go_together_are_refused(hotline, args):
    done = subprocess.run([str(a) for a in (BIN / "hashfed", "--home", hotline.home, "match", *args)],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and done.stderr and not done.stdout


# --- a daemon that goes away --------------------------------------------------


def test_without_a_daemon_a_line_waits_or_passes_or_fails(net):
    node = net.node("hotline", sets=["ncii"])
    node.append("ncii", [item(1)])
    until(lambda: node.match(sha256(1)), 60)
    node.kill()
    hold, passing, failing = Pipe(node), Pipe(node, "--unavailable", "pass"), Pipe(node, "--unavailable", "fail")
    assert passing.ask({"id": 1, "hashes": hashes(1)}) == {"id": 1, "verdict": "unavailable"}
    answer = failing.ask({"id": 1, "hashes": hashes(1)})
    assert answer["verdict"] == "unavailable" and answer["error"]
    hold.put({"id": 1, "hashes": hashes(1)})
    assert b"lines wait for it" in hold.process.stderr.readline()
    node.start()
    until(lambda: node.match(sha256(1)), 60)
    # The one that waited is answered, and the others are again.
    assert hold.take()["verdict"] == "block"
    for pipe in passing, failing:
        until(lambda pipe=pipe: pipe.ask({"id": 2, "hashes": hashes(1)})["verdict"] == "block", 60)
    hold.end(1)
    passing.end(1)
    failing.end(1)


def test_forty_clients_lose_nothing_when_the_daemon_is_killed_twice(net):
    """Every line that was sent gets one answer, in order, with the verdict
    that it had before: forty processes, a daemon that dies by kill -9 under
    them while lines are under way, and comes back."""
    node = net.node("hotline", sets=["ncii"])
    node.append("ncii", [item(n) for n in range(50)])
    until(lambda: node.match(sha256(49)), 60)
    clients, lines = 40, 400
    pipes = [Pipe(node, "--quiet") for _ in range(clients)]
    answers = [[] for _ in range(clients)]
    sent = [0] * clients
    halfway = threading.Semaphore(0)
    go_on = [threading.Event(), threading.Event()]

    def write(k):
        choose = random.Random(k)
        for n in range(lines):
            if n in (150, 300):
                halfway.release()
                go_on[n // 150 - 1].wait(300)
            pipes[k].put({"id": f"{k}/{n}", "hashes": hashes(choose.randrange(100))})
            sent[k] = n + 1
        pipes[k].process.stdin.close()

    def read(k):
        for line in pipes[k].process.stdout:
            answers[k].append(json.loads(line))

    threads = [threading.Thread(target=work, args=(k,), daemon=True) for k in range(clients) for work in (write, read)]
    for thread in threads:
        thread.start()
    for event in go_on:
        for _ in range(clients):
            assert halfway.acquire(timeout=300)
        # It answers nobody for a moment, so that everybody has asked something
        # when it dies.
        node.hang()
        event.set()
        until(lambda: all(s > len(a) for s, a in zip(sent, answers)), 120)
        node.kill()
        node.start()
    for thread in threads:
        thread.join(300)
        assert not thread.is_alive()
    for k in range(clients):
        choose = random.Random(k)
        assert [a["id"] for a in answers[k]] == [f"{k}/{n}" for n in range(lines)]
        assert [a["verdict"] for a in answers[k]] == [
            "block" if choose.randrange(100) < 50 else None for _ in range(lines)]
        assert pipes[k].process.wait(60) == 1
        assert pipes[k].process.stderr.read() == b""


def test_a_daemon_that_hangs_is_given_up_and_asked_again(net):
    node = net.node("hotline", sets=["ncii"])
    node.append("ncii", [item(1)])
    until(lambda: node.match(sha256(1)), 60)
    pipe = Pipe(node, "--unavailable", "pass")
    assert pipe.ask({"id": 0, "hashes": hashes(1)})["verdict"] == "block"
    node.hang()
    try:
        assert pipe.ask({"id": 1, "hashes": hashes(1)}) == {"id": 1, "verdict": "unavailable"}
    finally:
        node.process.send_signal(signal.SIGCONT)
    until(lambda: pipe.ask({"id": 2, "hashes": hashes(1)})["verdict"] == "block", 60)
    pipe.end(1)
