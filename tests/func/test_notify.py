"""hashfed notify --import: many notices under way at once, told in the order of
the list, and none twice."""

import fcntl
import json
import os
import signal
import subprocess

from net import BIN, until
from takedown import cases, pair


def a_list(tmp_path, count, bad=()):
    """One notice a row; those of `bad` are to ourselves, which the daemon refuses."""
    path = tmp_path / "list.csv"
    rows = [f"https://host.example/{n},{n:04},{'hotline.example' if n in bad else 'provider.example'}" for n in range(count)]
    path.write_text("\n".join(["url,group,provider", *rows]) + "\n")
    return path


def command(node, path, *more):
    return [BIN / "hashfed", "--home", node.home, "notify", "--import", path, "--regime", "ntd", "--class", "ncii",
            "--explanation", "Intimate images, published without consent.", "--contact",
            "Hotline <desk@hotline.example>", "--good-faith", *more]


def notify(node, path, *more, status=0):
    done = subprocess.run(command(node, path, *more), capture_output=True, text=True, timeout=120)
    assert done.returncode == status, done.stderr
    return done


def test_a_list_is_sent_in_its_order_and_once(net, tmp_path):
    hotline, provider = pair(net)
    path = a_list(tmp_path, 100)
    told = [json.loads(line) for line in notify(hotline, path, "--json").stdout.splitlines()]
    assert [t["line"] for t in told] == list(range(2, 102))
    assert len({t["case_id"] for t in told}) == 100
    again = [json.loads(line) for line in notify(hotline, path, "--json").stdout.splitlines()]
    assert [t["case_id"] for t in again] == [t["case_id"] for t in told]
    assert set(cases(hotline)) == {t["case_id"] for t in told}
    until(lambda: len(cases(provider)) == 100, 60, "100 cases at the provider")


def test_notices_that_are_refused_leave_the_others(net, tmp_path):
    hotline, provider = pair(net)
    path = a_list(tmp_path, 60, bad=(3, 20, 59))
    done = notify(hotline, path, status=1)
    assert [f"list.csv:{line}:" in done.stderr for line in (5, 22, 61)] == [True] * 3
    assert "57 notices are sent" in done.stdout and "3 notices refused" in done.stdout
    assert len(cases(hotline)) == 57


def test_an_import_that_is_interrupted_goes_on(net, tmp_path):
    hotline, provider = pair(net)
    path = a_list(tmp_path, 400)
    read, write = os.pipe()
    # What it tells has room for some of the list, so it cannot be through when
    # it is interrupted.
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
    importing = subprocess.Popen(command(hotline, path), stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    with open(read) as told:
        told.readline()
        importing.send_signal(signal.SIGINT)
        told.read()
    said = importing.communicate(timeout=60)[1]
    assert importing.returncode != 0 and "sends none of them twice" in said
    notify(hotline, path)
    assert len(cases(hotline)) == 400
    until(lambda: len(cases(provider)) == 400, 60, "400 cases at the provider")
