"""What hashfedd says about a configuration, key or store it cannot use: one
sentence with file, line and remedy, and status 2."""

import os
import re
import socket
import subprocess

import pytest

from net import BIN, item


def run(node, *options):
    return subprocess.run([BIN / "hashfedd", "--home", node.home, *options], capture_output=True, text=True, timeout=120)


def sentence(done):
    """The one sentence; log lines of the signer do not count."""
    said = [line for line in done.stderr.splitlines() if not re.match(r"\d{4}-\d\d-\d\dT", line)]
    assert done.returncode == 2 and len(said) == 1 and said[0].startswith("hashfedd: "), done.stderr
    return said[0]


@pytest.fixture
def node(net):
    return net.organisation("hotline", ["ncii"])


ROWS = [
    ("an unknown key", "lissen: 127.0.0.1:1\n", ["lissen"]),
    ("a size without unit", "store-max: 100\n", ["store-max", "GiB"]),
    ("a size with a bad unit", "disk-reserve: 5parsec\n", ["disk-reserve"]),
    ("a time without unit", "peer-timeout: 30\n", ["peer-timeout", "s"]),
    ("a time out of range", "peer-timeout: 0s\n", ["peer-timeout"]),
    ("a bad level", "log-level: loud\n", ["log-level"]),
    ("a bad count", "calls-per-peer: many\n", ["calls-per-peer"]),
    ("a bad policy class", "policy:\n  - class: cats\n", ["cats"]),
    ("a bad policy distance", "policy:\n  - near: 65\n", ["near"]),
    ("an unknown policy field", "policy:\n  - nearr: off\n", ["nearr"]),
    ("the same option twice", "log-level: info\nlog-level: debug\n", ["log-level"]),
    ("no YAML", "policy: [\n", []),
]


@pytest.mark.parametrize("what,text,words", [pytest.param(*row, id=row[0]) for row in ROWS])
@pytest.mark.parametrize("options", [(), ("-n",)], ids=["start", "check"])
def test_a_bad_configuration_is_named_with_its_line(node, what, text, words, options):
    before = len(node.conf.read_text().splitlines())
    node.configure(text)
    said = sentence(run(node, *options))
    found = re.search(re.escape(str(node.conf)) + r":(\d+)", said)
    assert found and before < int(found[1]) <= before + text.count("\n") + 1, said
    for word in words:
        assert word in said


def test_a_good_configuration_passes_the_check_and_nothing_is_started_or_made(node):
    files = sorted(str(p) for p in node.home.rglob("*"))
    done = run(node, "-n")
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")
    assert sorted(str(p) for p in node.home.rglob("*")) == files


def test_a_configuration_that_is_not_there_is_named(node):
    node.conf.unlink()
    said = sentence(run(node, "-f", str(node.conf)))
    assert str(node.conf) in said


@pytest.mark.parametrize("options", [(), ("-n",)], ids=["start", "check"])
def test_a_tls_key_that_others_can_read_is_refused(node, options):
    path = node.lib / "tls/node.key"
    path.chmod(0o644)
    said = sentence(run(node, *options))
    assert str(path) in said and "chmod 600" in said


@pytest.mark.parametrize("name", ["log.key", "cosigner.key", "agreement.key"])
def test_a_signers_key_that_others_can_read_is_refused(node, name):
    path = node.lib / "signer" / name
    path.chmod(0o644)
    done = run(node)
    assert done.returncode == 2 and name in done.stderr and "chmod" in done.stderr, done.stderr


@pytest.mark.parametrize("name", ["tls/node.key", "tls/node.crt", "ring/self.manifest"])
@pytest.mark.parametrize("damage", ["missing", "empty", "noise"])
def test_a_file_that_is_missing_or_damaged_is_named(node, name, damage):
    path = node.lib / name
    mode = path.stat().st_mode & 0o777
    path.unlink()
    if damage != "missing":
        path.write_bytes(b"" if damage == "empty" else os.urandom(300))
        path.chmod(mode)
    done = run(node)
    assert done.returncode == 2 and name.split("/")[1] in done.stderr, done.stderr


def test_a_tls_key_of_another_certificate_is_refused(node):
    other = node.net.organisation("other")
    (node.lib / "tls/node.key").write_bytes(other.key_pem)
    said = sentence(run(node, "-n"))
    assert "node.key" in said and "certificate" in said


@pytest.mark.parametrize("name", ["log.key", "cosigner.key"])
def test_a_signers_key_that_is_cut_short_is_refused(node, name):
    path = node.lib / "signer" / name
    path.write_bytes(path.read_bytes()[:-20])
    done = run(node)
    assert done.returncode == 2 and name in done.stderr, done.stderr


def test_a_port_in_use_is_named_with_the_file_that_asks_for_it(node):
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", node.port))
        other.listen()
        said = sentence(run(node))
    assert str(node.conf) in said and str(node.port) in said and "listen" in said


def test_a_store_of_another_version_is_refused_and_left_alone(node):
    node.start()
    node.append("ncii", [item(1)])
    node.stop()
    ledger = node.lib / "ledger"
    (data,) = [p for p in ledger.iterdir() if p.name.startswith("data")]
    raw = data.read_bytes()
    assert b"hashfed-ledger/1" in raw
    newer = raw.replace(b"hashfed-ledger/1", b"hashfed-ledger/9")
    data.write_bytes(newer)
    said = sentence(run(node))
    assert "hashfed-ledger/9" in said and str(ledger) in said and "run the version that wrote it" in said
    assert data.read_bytes() == newer
    data.write_bytes(raw)
    node.start()
    assert node.applied(node.origin("ncii")) == 1


def test_a_second_daemon_on_one_store_is_refused_wherever_its_sockets_are(node):
    node.start()
    other = node.home / "etc/other.conf"
    text = node.conf.read_text().replace(node.address, f"127.0.0.1:{node.net.free_port()}")
    other.write_text(text + f"run-dir: {node.home}/run2\n")
    done = run(node, "-f", str(other))
    assert done.returncode == 2, done.stderr
    assert "ledger" in done.stderr or "in use" in done.stderr or "another" in done.stderr, done.stderr
    assert node.append("ncii", [item(1)]).size == 1


def test_a_directory_that_cannot_be_written_is_named(node):
    if os.geteuid() == 0:
        (node.lib / "ledger").write_text("not a directory")
    else:
        node.lib.chmod(0o500)
    done = run(node)
    node.lib.chmod(0o700)
    assert done.returncode == 2 and "ledger" in done.stderr, done.stderr


def test_bad_arguments_show_the_usage(node):
    for arguments in (["-x"], ["too", "many"], ["--hoem", "x"], ["-f"]):
        done = subprocess.run([BIN / "hashfedd", *arguments], capture_output=True, text=True, timeout=120)
        assert done.returncode == 2 and "usage: hashfedd" in done.stderr
    done = subprocess.run([BIN / "hashfedd", "-V"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stdout.startswith("hashfedd ")
