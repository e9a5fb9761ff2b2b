"""What `cmake --install` brings, and what systemd makes of it."""

import os
import shutil
import stat
import subprocess

import pytest

from net import BIN

PROGRAMS = ["hashfed", "hashfed-key", "hashfed-signer", "hashfedd"]
UNITS = ["hashfed-signer.service", "hashfedd.service"]
HOOKS = ["disable-exact", "log", "mail-on-call"]
PAGES = ["man1/hashfed-key.1", "man1/hashfed.1", "man5/hashfedd.conf.5",
         "man8/hashfed-signer.8", "man8/hashfedd.8"]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """An empty system with nothing but hashfed, installed under /usr."""
    folder = tmp_path_factory.mktemp("root")
    subprocess.run(["cmake", "--install", BIN.parent, "--prefix", "/usr"], check=True,
                   capture_output=True, env={**os.environ, "DESTDIR": str(folder)})
    for name in ("etc", "run", "var/lib"):
        (folder / name).mkdir(parents=True)
    return folder


def need(program):
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


def test_every_file_is_in_its_place(root):
    found = sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())
    expected = sorted(
        [f"usr/bin/{name}" for name in PROGRAMS]
        + ["usr/libexec/hashfed/hashfed-media"]
        + [f"usr/lib/systemd/system/{name}" for name in UNITS]
        + ["usr/lib/sysusers.d/hashfed.conf", "usr/lib/tmpfiles.d/hashfed.conf"]
        + [f"usr/share/man/{page}" for page in PAGES]
        + ["usr/share/doc/hashfed/hashfedd.conf"]
        + [f"usr/share/hashfed/hooks/{name}" for name in HOOKS])
    assert found == expected


@pytest.mark.parametrize("program", PROGRAMS)
def test_an_installed_program_runs_where_it_was_put(root, program):
    done = subprocess.run([root / "usr/bin" / program, "--version"], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith(program + " "), done.stderr


def test_hooks_are_programs(root):
    for name in HOOKS:
        assert (root / "usr/share/hashfed/hooks" / name).stat().st_mode & 0o111 == 0o111


def test_units_start_what_was_installed(root):
    for unit in UNITS:
        text = (root / "usr/lib/systemd/system" / unit).read_text()
        assert "@" not in text.replace("@system-service", "").split("SystemCallFilter")[0]
        for line in text.splitlines():
            if line.startswith("Exec"):
                program = line.partition("=")[2].split()[0]
                assert (root / program.lstrip("/")).is_file(), line


def test_another_prefix_moves_what_units_start(tmp_path):
    subprocess.run(["cmake", "--install", BIN.parent, "--prefix", tmp_path / "opt"], check=True,
                   capture_output=True)
    text = (tmp_path / "opt/lib/systemd/system/hashfedd.service").read_text()
    assert f"ExecStart={tmp_path}/opt/bin/hashfedd\n" in text


def test_systemd_understands_the_units(root):
    need("systemd-analyze")
    paths = [root / "usr/lib/systemd/system" / unit for unit in UNITS]
    # It looks for the programs on this machine: point it to ours.
    checked = []
    for path in paths:
        copy = root / "run" / path.name
        copy.write_text(path.read_text().replace("=/usr/bin/", f"={root}/usr/bin/"))
        checked.append(copy)
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *checked],
                          capture_output=True, text=True)
    said = [line for line in done.stderr.splitlines() if "hashfed" in line]
    for copy in checked:
        copy.unlink()
    assert not said and done.returncode == 0, done.stderr


def test_users_and_directories_are_made(root):
    need("systemd-sysusers")
    need("systemd-tmpfiles")
    if os.geteuid() != 0:
        pytest.skip("only root can make users and give directories to them")
    subprocess.run(["systemd-sysusers", f"--root={root}"], check=True, capture_output=True)
    subprocess.run(["systemd-tmpfiles", f"--root={root}", "--create"], check=True, capture_output=True)
    users = {}
    for line in (root / "etc/passwd").read_text().splitlines():
        fields = line.split(":")
        users[fields[0]] = (int(fields[2]), int(fields[3]))
    groups = {line.split(":")[0]: line.split(":")[3].split(",")
              for line in (root / "etc/group").read_text().splitlines()}
    # The daemon hands its sockets to these groups; the signer makes its own
    # in the daemon's directory.
    for duty in ("operators", "analysts", "scanners", "readers"):
        assert "hashfed" in groups["hashfed-" + duty]
    assert groups["hashfed"] == ["hashfed-signer"]
    for path, mode, user, group in (
            ("etc/hashfed", 0o755, "root", "root"),
            ("var/lib/hashfed", 0o750, "hashfed", "hashfed"),
            ("var/lib/hashfed/signer", 0o700, "hashfed-signer", "hashfed-signer"),
            ("run/hashfed", 0o775, "hashfed", "hashfed")):
        found = (root / path).stat()
        uid = 0 if user == "root" else users[user][0]
        gid = 0 if group == "root" else users[group][1]
        assert (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid) == (mode, uid, gid), path
