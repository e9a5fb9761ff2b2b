"""What `cmake --install` brings, and what systemd makes of it."""

import os
import shutil
import stat
import subprocess

import pytest

from net import BIN, SANITIZE

PROGRAMS = ["hashfed", "hashfed-key", "hashfed-signer", "hashfedd"]
UNITS = ["hashfed-signer.service", "hashfedd.service"]
HOOKS = ["disable-exact", "log", "mail-on-call"]
LIBRARY = ["include/hashfed.h", "lib/libhashfed.a", "lib/libhashfed.so", "lib/libhashfed.so.0", "lib/libhashfed.so.0.1.0",
           "lib/pkgconfig/hashfed.pc", "share/doc/hashfed/example.c"]
PAGES = ["man1/hashfed-key.1", "man1/hashfed.1", "man3/hashfed.3", "man5/hashfedd.conf.5",
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
        # Only where libav was found.
        + ["usr/libexec/hashfed/hashfed-video"] * (BIN / "hashfed-video").exists()
        + [f"usr/lib/systemd/system/{name}" for name in UNITS]
        + ["usr/lib/sysusers.d/hashfed.conf", "usr/lib/tmpfiles.d/hashfed.conf"]
        + [f"usr/share/man/{page}" for page in PAGES]
        + [f"usr/{name}" for name in LIBRARY]
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


def flags(root, *which):
    """What pkg-config says of the library that was installed there."""
    env = {**os.environ, "PKG_CONFIG_PATH": str(root / "usr/lib/pkgconfig"), "PKG_CONFIG_SYSROOT_DIR": str(root)}
    return subprocess.run(["pkg-config", *which, "hashfed"], check=True, capture_output=True, text=True,
                          env=env).stdout.split()


@pytest.mark.parametrize("kind", ["shared", "static", "c++"])
def test_a_program_can_be_built_with_the_library(root, tmp_path, kind):
    source = root / "usr/share/doc/hashfed/example.c"
    program = tmp_path / "example"
    if kind == "shared":
        subprocess.run(["cc", *SANITIZE, "-Werror", source, *flags(root, "--cflags", "--libs"), "-o", program], check=True)
    elif kind == "static":
        libs = [root / "usr/lib/libhashfed.a" if flag == "-lhashfed" else flag
                for flag in flags(root, "--static", "--cflags", "--libs")]
        subprocess.run(["cc", *SANITIZE, "-Werror", source, *libs, "-o", program], check=True)
    else:
        other = tmp_path / "other.cc"
        other.write_text("#include <hashfed.h>\nint main() { return hashfed_words(0)[0] != 'o'; }\n")
        subprocess.run(["c++", *SANITIZE, "-Werror", other, *flags(root, "--cflags", "--libs"), "-o", program], check=True)
    env = {**os.environ, "LD_LIBRARY_PATH": str(root / "usr/lib")}
    done = subprocess.run([program, tmp_path, "00" * 32], capture_output=True, text=True, env=env)
    assert done.returncode == (0 if kind == "c++" else 2), done.stderr
    if kind != "c++":
        assert "live" in done.stderr


def test_the_library_shows_nothing_but_its_own_names(root):
    for flag, name in (("-D", "libhashfed.so"), ("-g", "libhashfed.a")):
        out = subprocess.run(["nm", flag, "--defined-only", root / "usr/lib" / name], check=True, capture_output=True,
                             text=True).stdout
        names = {line.split()[-1].partition("@")[0] for line in out.splitlines() if len(line.split()) == 3}
        assert "hashfed_lookup" in names
        assert all(n.startswith("hashfed_") or n == "HASHFED_0" for n in names), names


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
    lines = [line.split(":") for line in (root / "etc/group").read_text().splitlines()]
    groups = {line[0]: line[3].split(",") for line in lines}
    gids = {line[0]: int(line[2]) for line in lines}
    # The daemon hands its sockets to these groups; the signer makes its own
    # in the daemon's directory.
    for duty in ("operators", "analysts", "scanners", "readers"):
        assert "hashfed" in groups["hashfed-" + duty]
    assert groups["hashfed"] == ["hashfed-signer"]
    for path, mode, user, group in (
            ("etc/hashfed", 0o755, "root", "root"),
            ("var/lib/hashfed", 0o751, "hashfed", "hashfed"),
            # Who matches in place may read this, and nothing else.
            ("var/lib/hashfed/index", 0o2750, "hashfed", "hashfed-scanners"),
            ("var/lib/hashfed/signer", 0o700, "hashfed-signer", "hashfed-signer"),
            ("run/hashfed", 0o775, "hashfed", "hashfed")):
        found = (root / path).stat()
        uid = 0 if user == "root" else users[user][0]
        gid = 0 if group == "root" else gids[group]
        assert (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid) == (mode, uid, gid), path
