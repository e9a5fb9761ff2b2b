"""hashfed-key as people and scripts use it: the real program, real files."""

import base64
import hashlib
import os
import pty
import re
import select
import shutil
import socket
import stat
import struct
import subprocess
import time
from pathlib import Path

import pytest

BIN = Path(os.environ.get("HASHFED_BIN", Path(__file__).parents[2] / "build/bin"))
KEY = BIN / "hashfed-key"
PASSPHRASE = "correct horse battery staple"
ONLINE = ["log", "cosigner", "agreement", "notice", "receive", "clients", "storage"]


class Home:
    """An organisation in one directory."""

    def __init__(self, path):
        self.path = Path(path)

    def run(self, *args, passphrase=None, stdin=None, ok=True):
        command = [str(KEY), "--home", str(self.path), *map(str, args)]
        fds = ()
        if passphrase is not None:
            read, write = os.pipe()
            os.write(write, "".join(p + "\n" for p in passphrase).encode())
            os.close(write)
            fds = (read,)
            command += ["--passphrase-fd", str(read)]
        try:
            done = subprocess.run(command, pass_fds=fds, input=stdin, text=True,
                                  capture_output=True, timeout=60, start_new_session=True)
        finally:
            for fd in fds:
                os.close(fd)
        assert "Sanitizer" not in done.stderr, done.stderr
        if ok:
            assert done.returncode == 0, done.stderr
        return done

    def refuse(self, *args, **named):
        """Exit 2, and one sentence that says why."""
        done = self.run(*args, ok=False, **named)
        assert done.returncode == 2, done.stdout + done.stderr
        assert done.stderr.startswith("hashfed-key: ") and done.stderr.count("\n") == 1
        return done.stderr

    def new(self, domain, *args, ok=True, passphrase=PASSPHRASE, recovery=True):
        options = ["new", domain, "--country", "NL", "--kdf-cost", "1/64", *args]
        if recovery:
            options += ["--recovery-file", self.path.with_suffix(".recovery")]
        run = self.run if ok else self.refuse
        return run(*options, passphrase=[passphrase])

    @property
    def recovery(self):
        return self.path.with_suffix(".recovery")

    @property
    def ring(self):
        return self.path / "lib/ring"

    @property
    def signer(self):
        return self.path / "lib/signer"

    def files(self):
        return {str(p.relative_to(self.path)) for p in self.path.rglob("*")} if self.path.exists() else set()

    def invite(self):
        path = self.path.with_suffix(".invite")
        path.write_text(self.run("invite").stdout)
        return path

    def fingerprint(self, invite):
        return self.run("peer", "fingerprint", invite).stdout.strip()

    def enrol(self, other, *args):
        invite = other.invite()
        self.run("peer", "add", invite, "--fingerprint", self.fingerprint(invite), *args)


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Two organisations, made once; tests work on copies."""
    folder = tmp_path_factory.mktemp("made")
    for name in ("hotline", "partner"):
        Home(folder / name).new(f"{name}.example", "--set", "ncii", "--endpoint", "127.0.0.1:7443")
    return folder


@pytest.fixture
def pair(made, tmp_path):
    for name in ("hotline", "partner"):
        shutil.copytree(made / name, tmp_path / name)
        shutil.copy(made / f"{name}.recovery", tmp_path)
    return Home(tmp_path / "hotline"), Home(tmp_path / "partner")


@pytest.fixture
def hotline(pair):
    return pair[0]


@pytest.fixture
def empty(tmp_path):
    return Home(tmp_path / "node")


def mode(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


def armoured(path):
    lines = Path(path).read_text().splitlines()
    return lines[0], bytearray(base64.b64decode("".join(lines[1:-1]))), lines[-1]


def put_armoured(path, first, data, last):
    text = base64.b64encode(bytes(data)).decode()
    lines = [text[i:i + 64] for i in range(0, len(text), 64)]
    Path(path).write_text("\n".join([first, *lines, last]) + "\n")


# --- new ---------------------------------------------------------------------


def test_new_makes_all_that_an_organisation_is(empty):
    said = empty.new("hotline.example", "--set", "ncii", "--set", "csam",
                     "--endpoint", "hotline.example:7443", "--listen", "127.0.0.1:0").stdout
    for name in ["root", *ONLINE]:
        assert mode(empty.signer / f"{name}.key") == 0o600
    assert mode(empty.signer) == 0o700
    assert mode(empty.path / "lib/tls") == 0o700
    assert mode(empty.path / "lib/tls/node.key") == 0o600
    assert mode(empty.ring) == 0o750
    assert mode(empty.recovery) == 0o600
    assert (empty.path / "run").is_dir()
    conf = (empty.path / "etc/hashfedd.conf").read_text()
    assert 'listen: "127.0.0.1:0"' in conf and "signer: spawn" in conf
    for words in ("hotline.example/ncii/1", "hotline.example/csam/1", "root.key", "self.manifest",
                  "hashfed publish --set ncii", "hashfed-key invite"):
        assert words in said
    assert "hotline.example:7443" in empty.run("manifest", "show").stdout
    assert "hotline.example/csam/1" in empty.run("agreement", "show", "csam").stdout
    assert empty.run("check").returncode == 0


def test_new_never_touches_what_is_there(empty):
    for name in ("etc/hashfedd.conf", "lib/signer/root.key", "lib/signer/log.key",
                 "lib/tls/node.key", "lib/ring", "lib/ledger"):
        path = empty.path / name
        path.parent.mkdir(parents=True)
        path.write_text("mine")
        assert name in empty.new("hotline.example", ok=False)
        assert path.read_text() == "mine"
        shutil.rmtree(empty.path)
        assert not empty.recovery.exists()


def test_new_twice_leaves_the_first_alone(hotline):
    before = {p: p.read_bytes() for p in hotline.path.rglob("*") if p.is_file()}
    hotline.recovery.unlink()
    assert "already" in hotline.new("other.example", ok=False)
    assert {p: p.read_bytes() for p in hotline.path.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("args, words", [
    (["Hotline.example"], "domain"),
    (["hotline"], "domain"),
    (["hotline.example", "--country", "nl"], "capital"),
    (["hotline.example", "--country", "NLD"], "capital"),
    (["hotline.example", "--set", "a b"], "set name"),
    (["hotline.example", "--endpoint", "nowhere"], "endpoint"),
    (["hotline.example", "--kdf-cost", "0/64"], "kdf-cost"),
    (["hotline.example", "--kdf-cost", "1/1"], "kdf-cost"),
    (["hotline.example", "--kdf-cost", "99/64"], "kdf-cost"),
    (["hotline.example", "--listen", "here"], "address"),
])
def test_new_says_what_is_wrong_and_makes_nothing(empty, args, words):
    assert words in empty.new(args[0], *args[1:], ok=False)
    assert not empty.path.exists() and not empty.recovery.exists()


def test_new_without_terminal_needs_a_file_for_the_recovery_copy(empty):
    assert "--recovery-file" in empty.new("hotline.example", ok=False, recovery=False)
    assert not empty.path.exists()


def test_new_does_not_overwrite_a_recovery_file(empty):
    empty.recovery.write_text("somebody's")
    empty.new("hotline.example", ok=False)
    assert empty.recovery.read_text() == "somebody's"
    assert not empty.path.exists()


def test_new_refuses_an_empty_passphrase(empty):
    empty.new("hotline.example", ok=False, passphrase="")
    assert not empty.path.exists()


def test_new_takes_back_what_it_made_when_a_step_fails(empty):
    (empty.path / "lib").mkdir(parents=True)
    (empty.path / "lib/tls").write_text("in the way")
    empty.new("hotline.example", ok=False)
    assert empty.files() == {"lib", "lib/tls"}
    assert not empty.recovery.exists()


class Terminal:
    """A person in front of the program."""

    def __init__(self, *args):
        self.text = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(str(KEY), [str(KEY), *map(str, args)])

    def until(self, pattern, seconds=60):
        end = time.monotonic() + seconds
        while True:
            found = re.search(pattern, self.text)
            if found:
                self.text = self.text[found.end():]
                return found
            ready, _, _ = select.select([self.fd], [], [], max(0, end - time.monotonic()))
            assert ready, f"no {pattern!r} in {self.text!r}"
            try:
                data = os.read(self.fd, 4096)
            except OSError:
                data = b""
            assert data, f"ended without {pattern!r}: {self.text!r}"
            self.text += data.decode()

    def type(self, line):
        os.write(self.fd, (line + "\n").encode())

    def end(self):
        while True:
            try:
                data = os.read(self.fd, 4096)
            except OSError:
                data = b""
            if not data:
                break
            self.text += data.decode()
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def begin_interactive(empty):
    person = Terminal("--home", empty.path, "new", "hotline.example", "--country", "NL",
                      "--kdf-cost", "1/64")
    for prompt in ("Passphrase for the root key: ", "The same again: "):
        person.until(prompt)
        person.type(PASSPHRASE)
    shown = person.until(r"(1: .*)\r?\n(2: .*)\r?\n(3: .*)\r?\n(4: .*)\r?\n")
    return person, [shown.group(i).strip() for i in range(1, 5)]


def test_a_person_types_two_lines_of_the_recovery_copy_back(empty):
    person, lines = begin_interactive(empty)
    asked = int(person.until(r"Type line (\d) .*: ").group(1))
    person.type(lines[asked % 4])
    person.until("not what it says")
    person.until(r"Type line \d .*: ")
    person.type(lines[asked - 1].lower())
    second = int(person.until(r"Type line (\d) .*: ").group(1))
    assert second != asked
    person.type(lines[second - 1][3:])
    assert person.end() == 0, person.text
    assert PASSPHRASE not in person.text
    copy = empty.path.with_suffix(".typed")
    copy.write_text("\n".join(lines) + "\n")
    empty.run("recovery", "verify", copy)
    empty.run("manifest", "sign", passphrase=[PASSPHRASE])


def test_who_cannot_type_the_copy_back_makes_nothing(empty):
    person, _ = begin_interactive(empty)
    for _ in range(3):
        person.until(r"Type line \d .*: ")
        person.type("I did not write it down")
    assert person.end() == 2
    assert not empty.path.exists()


def test_two_passphrases_that_differ_make_nothing(empty):
    person = Terminal("--home", empty.path, "new", "hotline.example", "--country", "NL",
                      "--kdf-cost", "1/64")
    for prompt, text in (("Passphrase for the root key: ", "one"), ("The same again: ", "other")):
        person.until(prompt)
        person.type(text)
    assert person.end() == 2
    assert "hashfed-key: " in person.text
    assert not empty.path.exists()


# --- Key files ---------------------------------------------------------------


def use_agreement_key(home):
    return home.refuse("agreement", "sign", "ncii")


def use_root_key(home):
    return home.refuse("manifest", "sign", passphrase=[PASSPHRASE])


USES = [("agreement", use_agreement_key), ("root", use_root_key)]


@pytest.mark.parametrize("name, use", USES)
@pytest.mark.parametrize("bits", [0o640, 0o604, 0o660, 0o610, 0o601])
def test_a_key_that_others_may_touch_is_refused(hotline, name, use, bits):
    (hotline.signer / f"{name}.key").chmod(bits)
    assert f"{name}.key" in use(hotline)


@pytest.mark.parametrize("name, use", USES)
def test_a_key_behind_a_link_is_refused(hotline, name, use):
    path = hotline.signer / f"{name}.key"
    path.rename(path.with_suffix(".real"))
    path.symlink_to(path.with_suffix(".real"))
    assert f"{name}.key" in use(hotline)


@pytest.mark.parametrize("name, use", USES)
def test_a_truncated_key_is_refused(hotline, name, use):
    path = hotline.signer / f"{name}.key"
    text = path.read_text()
    for keep in (0, 1, 30, len(text) // 2, len(text) - 30):
        path.write_text(text[:keep])
        assert f"{name}.key" in use(hotline)
    path.write_text(text)
    first, data, last = armoured(path)
    for cut in (1, 16, len(data) - 108):
        put_armoured(path, first, data[:-cut], last)
        assert f"{name}.key" in use(hotline)


@pytest.mark.parametrize("name, use", USES)
def test_a_key_altered_anywhere_is_refused(hotline, name, use):
    path = hotline.signer / f"{name}.key"
    first, data, last = armoured(path)
    # Magic, role, kdf, reserved, passes, memory, salt, nonce, id, public key, body, tag.
    for at in (0, 7, 8, 9, 10, 15, 18, 25, 40, 62, 80, 120, len(data) - 1):
        bad = bytearray(data)
        bad[at] ^= 1
        put_armoured(path, first, bad, last)
        assert f"{name}.key" in use(hotline), at
    put_armoured(path, first, data, last)
    hotline.run("agreement", "sign", "ncii")
    hotline.run("manifest", "sign", passphrase=[PASSPHRASE])


def test_one_key_does_not_pass_for_another(hotline):
    shutil.copy(hotline.signer / "log.key", hotline.signer / "agreement.key")
    assert "agreement.key" in use_agreement_key(hotline)


def test_a_wrong_passphrase_is_refused(hotline):
    assert "passphrase" in hotline.refuse("manifest", "sign", passphrase=["wrong"])
    assert "version        1" in hotline.run("manifest", "show").stdout


def test_the_passphrase_can_be_changed(hotline):
    assert "passphrase" in hotline.refuse("passwd", "--kdf-cost", "1/64",
                                          passphrase=["wrong", "new one"])
    hotline.run("passwd", "--kdf-cost", "1/64", passphrase=[PASSPHRASE, "new one"])
    assert mode(hotline.signer / "root.key") == 0o600
    use_root_key(hotline)
    hotline.run("manifest", "sign", passphrase=["new one"])


def test_a_recovery_copy_brings_the_root_key_back(pair):
    hotline, partner = pair
    hotline.run("recovery", "verify", hotline.recovery)
    assert "another root key" in hotline.refuse("recovery", "verify", partner.recovery)
    assert "already" in hotline.refuse("recovery", "restore", hotline.recovery, passphrase=["x"])
    (hotline.signer / "root.key").unlink()
    assert "another root key" in hotline.refuse("recovery", "restore", partner.recovery,
                                                passphrase=["x"])
    hotline.run("recovery", "restore", hotline.recovery, "--kdf-cost", "1/64",
                passphrase=["a new one"])
    assert mode(hotline.signer / "root.key") == 0o600
    hotline.run("manifest", "sign", passphrase=["a new one"])


def test_a_slip_in_a_recovery_copy_is_found_with_its_line(hotline):
    lines = hotline.recovery.read_text().splitlines()
    bad = lines[2][:4] + ("0" if lines[2][4] != "0" else "1") + lines[2][5:]
    said = hotline.refuse("recovery", "verify", "-", stdin="\n".join([*lines[:2], bad, lines[3]]))
    assert "line 3" in said
    hotline.refuse("recovery", "verify", "-", stdin="\n".join(lines[:3]))
    hotline.run("recovery", "verify", "-", stdin="\n".join(lines).lower().replace("0", "o"))


# --- Enrolment ---------------------------------------------------------------


def test_enrolment_goes_both_ways_after_comparing_one_fingerprint(pair):
    hotline, partner = pair
    of_partner, of_hotline = partner.invite(), hotline.invite()
    here, there = hotline.fingerprint(of_partner), partner.fingerprint(of_hotline)
    assert here == there
    assert re.fullmatch(r"(\d{5} ){7}\d{5}", here)

    done = hotline.run("peer", "add", of_partner, ok=False)
    assert done.returncode == 2 and here in done.stdout
    assert hotline.run("peer", "list").stdout == ""
    hotline.run("peer", "add", of_partner, "--fingerprint", here)
    partner.run("peer", "add", of_hotline, "--fingerprint", there.replace(" ", ""))
    assert "partner.example" in hotline.run("peer", "list").stdout
    assert "hotline.example" in partner.run("peer", "list").stdout

    hotline.run("peer", "remove", "partner.example")
    assert hotline.run("peer", "list").stdout == ""
    assert "no peer" in hotline.refuse("peer", "remove", "partner.example")


def test_a_wrong_fingerprint_enrols_nobody(pair):
    hotline, partner = pair
    invite = partner.invite()
    right = hotline.fingerprint(invite)
    for wrong in ("", "1", right[:-1], right + "0", right[:-1] + str((int(right[-1]) + 1) % 10),
                  hotline.invite().read_text()[:40]):
        assert "fingerprint" in hotline.refuse("peer", "add", invite, "--fingerprint", wrong)
    assert hotline.run("peer", "list").stdout == ""


def test_an_altered_invite_is_refused(pair):
    hotline, partner = pair
    invite = partner.invite()
    first, data, last = armoured(invite)
    for at in range(0, len(data), 7):
        bad = bytearray(data)
        bad[at] ^= 4
        put_armoured(invite, first, bad, last)
        hotline.refuse("peer", "fingerprint", invite)
    invite.write_text("hello\n")
    hotline.refuse("peer", "fingerprint", invite)
    assert "own" in hotline.refuse("peer", "add", hotline.invite(), "--fingerprint",
                                   hotline.fingerprint(hotline.invite()))


def test_a_peer_can_be_silent_or_dialled_elsewhere(pair):
    hotline, partner = pair
    hotline.enrol(partner, "--silent")
    assert "silent" in hotline.run("peer", "list").stdout
    hotline.enrol(partner, "--endpoint", "10.0.0.1:99")
    assert "10.0.0.1:99" in hotline.run("peer", "list").stdout
    invite = partner.invite()
    hotline.refuse("peer", "add", invite, "--fingerprint", hotline.fingerprint(invite),
                   "--endpoint", "nowhere")


def test_a_new_manifest_changes_the_fingerprint_and_old_ones_stay_out(pair):
    hotline, partner = pair
    old = partner.invite().rename(partner.path.with_suffix(".old"))
    before = hotline.fingerprint(old)
    said = partner.run("manifest", "sign", "--endpoint", "partner.example:1", passphrase=[PASSPHRASE])
    assert "- endpoint 127.0.0.1:7443" in said.stdout and "+ endpoint partner.example:1" in said.stdout
    new = partner.invite()
    assert hotline.fingerprint(new) != before
    hotline.refuse("peer", "add", new, "--fingerprint", before)
    hotline.enrol(partner)
    assert "version 2" in hotline.refuse("peer", "add", old, "--fingerprint", before)


def test_lost_root_keys_are_replaced_only_when_told_so(pair, tmp_path):
    hotline, partner = pair
    hotline.enrol(partner)
    again = Home(tmp_path / "again")
    again.new("partner.example")
    invite = again.invite()
    print_ = hotline.fingerprint(invite)
    assert "other root keys" in hotline.refuse("peer", "add", invite, "--fingerprint", print_)
    hotline.run("peer", "add", invite, "--fingerprint", print_, "--replaces")
    shown = again.run("manifest", "show").stdout
    id_ = re.search(r"^id +(\w+)", shown, re.M).group(1)
    hotline.run("agreement", "sign", "ncii", "--add", "partner.example")
    assert id_ in hotline.run("agreement", "show", "ncii").stdout


# --- Manifests and agreements ------------------------------------------------


def test_a_manifest_grows_one_version_at_a_time(hotline):
    pin = "ab" * 32
    said = hotline.run("manifest", "sign", "--add-pin", pin, passphrase=[PASSPHRASE]).stdout
    assert f"+ TLS pin  {pin}" in said
    assert pin in hotline.run("manifest", "show").stdout
    hotline.run("manifest", "sign", "--remove-pin", pin, "--no-endpoint", passphrase=[PASSPHRASE])
    shown = hotline.run("manifest", "show").stdout
    assert pin not in shown and "endpoint" not in shown
    assert re.search(r"version +3", shown)
    assert (hotline.ring / "history/hotline.example_2.manifest").exists()
    assert hotline.run("manifest", "show", hotline.invite()).stdout == shown


def test_a_manifest_keeps_the_rules_that_peers_check(hotline):
    own = re.search(r"TLS pin +(\w+)", hotline.run("manifest", "show").stdout).group(1)
    assert "pins" in hotline.refuse("manifest", "sign", "--remove-pin", own, passphrase=[PASSPHRASE])
    assert "no such" in hotline.refuse("manifest", "sign", "--remove-pin", "cd" * 32,
                                       passphrase=[PASSPHRASE])
    hotline.refuse("manifest", "sign", "--add-pin", "xyz", passphrase=[PASSPHRASE])
    hotline.refuse("manifest", "sign", "--country", "nederland", passphrase=[PASSPHRASE])
    hotline.refuse("manifest", "sign", "--endpoint", "x", passphrase=[PASSPHRASE])
    assert re.search(r"version +1", hotline.run("manifest", "show").stdout)


def test_the_root_key_can_be_kept_elsewhere(hotline, tmp_path):
    elsewhere = tmp_path / "stick.key"
    (hotline.signer / "root.key").rename(elsewhere)
    assert "root.key" in use_root_key(hotline)
    hotline.run("manifest", "sign", "--root", elsewhere, passphrase=[PASSPHRASE])
    assert "not on this machine" in hotline.run("check").stdout


def test_another_organisations_root_key_signs_nothing_here(pair):
    hotline, partner = pair
    hotline.refuse("manifest", "sign", "--root", partner.signer / "root.key",
                   passphrase=[PASSPHRASE])
    assert re.search(r"version +1", hotline.run("manifest", "show").stdout)


def test_root_keys_change_and_the_organisation_stays(pair, tmp_path):
    hotline, partner = pair
    hotline.enrol(partner)
    id_ = re.search(r"^id +(\w+)", partner.run("manifest", "show").stdout, re.M).group(1)
    for name in ("one", "two"):
        partner.run("root", "new", tmp_path / f"{name}.key", "--kdf-cost", "1/64",
                    "--recovery-file", tmp_path / f"{name}.copy", passphrase=[name])
        assert mode(tmp_path / f"{name}.key") == 0o600
    partner.refuse("root", "new", tmp_path / "one.key", "--recovery-file", tmp_path / "x",
                   passphrase=["x"])
    new = ["--new-root", tmp_path / "one.key", "--new-root", tmp_path / "two.key"]
    assert "cannot sign" in partner.refuse("manifest", "sign", *new, "--threshold", "3",
                                           passphrase=[PASSPHRASE])
    partner.run("manifest", "sign", *new, "--threshold", "2", passphrase=[PASSPHRASE, "one", "two"])
    partner.recovery.rename(partner.path.with_suffix(".old"))
    partner.run("recovery", "verify", tmp_path / "two.copy")
    partner.refuse("recovery", "verify", partner.path.with_suffix(".old"))

    both = ["--root", tmp_path / "one.key", "--root", tmp_path / "two.key"]
    assert "root keys" in partner.refuse("manifest", "sign", passphrase=[PASSPHRASE])
    assert "root keys" in partner.refuse("manifest", "sign", *both[:2], passphrase=["one"])
    partner.run("manifest", "sign", *both, passphrase=["one", "two"])
    shown = partner.run("manifest", "show").stdout
    assert re.search(r"version +3", shown) and "2 of 2 root keys" in shown and id_ in shown
    # The invite proves the id by its history: enrolled under the same id.
    hotline.enrol(partner)
    hotline.run("agreement", "sign", "ncii", "--add", "partner.example")
    assert id_ in hotline.run("agreement", "show", "ncii").stdout


def test_another_tls_key_is_made_and_pinned(hotline, tmp_path):
    out = tmp_path / "tls"
    said = hotline.run("tls", "new", "--out", out).stdout
    assert mode(out / "node.key") == 0o600
    der = subprocess.run(["openssl", "x509", "-in", out / "node.crt", "-noout", "-pubkey"],
                         capture_output=True, check=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=der,
                         capture_output=True, check=True).stdout
    pin = hashlib.sha256(der).hexdigest()
    assert pin in said
    hotline.run("manifest", "sign", "--add-pin", out / "node.crt", passphrase=[PASSPHRASE])
    assert pin in hotline.run("manifest", "show").stdout
    hotline.refuse("tls", "new", "--out", out)
    for name in ("node.key", "node.crt"):
        shutil.copy(out / name, hotline.path / "lib/tls" / name)
    assert hotline.run("check").returncode == 0


def test_a_tls_key_that_the_manifest_does_not_name_is_found(hotline, tmp_path):
    hotline.run("tls", "new", "--out", tmp_path / "tls")
    shutil.copy(tmp_path / "tls/node.crt", hotline.path / "lib/tls")
    done = hotline.run("check", ok=False)
    assert done.returncode == 1 and "--add-pin" in done.stdout


def test_an_agreement_says_who_may_have_a_set(pair):
    hotline, partner = pair
    hotline.enrol(partner)
    said = hotline.run("agreement", "sign", "ncii", "--add", "partner.example", "--relay", "members",
                       "--class", "ncii", "--purpose", "a trial").stdout
    assert re.search(r"version +2", said) and re.search(r"member .*partner\.example", said)
    assert re.search(r"relay +members", said) and re.search(r"class +ncii", said)
    shown = hotline.run("agreement", "show", "hotline.example/ncii/1").stdout
    assert shown == said
    file = hotline.ring / "agreements/hotline.example_ncii_1.agreement"
    assert hotline.run("agreement", "show", file).stdout == said

    said = hotline.run("agreement", "sign", "ncii", "--remove", "partner.example", "--relay", "listed",
                       "--relay-by", "partner.example").stdout
    assert "member " not in said and re.search(r"relay +\w{64}  partner\.example", said)
    assert re.search(r"purpose +a trial", said)


def test_a_set_is_opened_by_its_first_agreement(hotline):
    said = hotline.run("agreement", "sign", "extra", "--days", "10").stdout
    assert "hotline.example/extra/1" in said and re.search(r"version +1", said)


@pytest.mark.parametrize("args, words", [
    (["ncii", "--add", "nobody.example"], "no enrolled peer"),
    (["ncii", "--add", "hotline.example"], "we publish"),
    (["ncii", "--remove", "ab" * 32], "not in the audience"),
    (["ncii", "--relay", "all"], "none, members, listed"),
    (["ncii", "--relay-by", "ab" * 32], "listed"),
    (["ncii", "--class", "spam"], "class"),
    (["ncii", "--days", "0"], "number"),
    (["ncii", "--days", "398"], "number"),
    (["N C"], "neither"),
    (["partner.example/ncii/1"], "only its publisher"),
    (["ncii", "--purpose", "x" * 1025], "purpose"),
])
def test_an_agreement_that_may_not_be_is_not_signed(hotline, args, words):
    assert words in hotline.refuse("agreement", "sign", *args)
    assert re.search(r"version +1", hotline.run("agreement", "show", "ncii").stdout)


def test_an_altered_agreement_is_refused(hotline):
    path = hotline.ring / "agreements/hotline.example_ncii_1.agreement"
    first, data, last = armoured(path)
    data[-1] ^= 1
    put_armoured(path, first, data, last)
    hotline.refuse("agreement", "show", path)
    done = hotline.run("check", ok=False)
    assert done.returncode == 1 and "hotline.example_ncii_1.agreement" in done.stdout


def test_vkeys_are_those_of_c2sp(hotline):
    lines = hotline.run("vkey", "ncii").stdout.splitlines()
    for line, name, kind in zip(lines, ("hotline.example/ncii/1", "hotline.example/cosigner"), (1, 4)):
        got_name, got_id, key = line.split("+", 2)
        raw = base64.b64decode(key)
        assert (got_name, raw[0], len(raw)) == (name, kind, 33)
        assert got_id == hashlib.sha256(name.encode() + b"\n" + raw).hexdigest()[:8]
    hotline.refuse("vkey", "unknown")


# --- Clients -----------------------------------------------------------------


def test_clients_are_issued_listed_renewed_and_revoked(hotline, tmp_path):
    out = tmp_path / "ada"
    hotline.run("client", "issue", "Ada L.", "--duty", "analyst", "--out", out)
    assert mode(out / "client.key") == 0o600
    text = subprocess.run(["openssl", "x509", "-in", out / "client.crt", "-noout", "-text"],
                          capture_output=True, text=True, check=True).stdout
    assert "hashfed:duty:analyst" in text and "CN = Ada L." in text
    subprocess.run(["openssl", "verify", "-CAfile", hotline.ring / "clients-ca.crt",
                    out / "client.crt"], check=True, capture_output=True)
    assert (out / "node.crt").read_text() == (hotline.path / "lib/tls/node.crt").read_text()

    key, old = (out / "client.key").read_text(), (out / "client.crt").read_text()
    hotline.run("client", "renew", "Ada L.", "--out", out, "--days", "30")
    assert (out / "client.key").read_text() == key and (out / "client.crt").read_text() != old
    listed = hotline.run("client", "list").stdout.splitlines()[1:]
    assert len(listed) == 2 and all("valid" in line for line in listed)
    serial = listed[0].split("analyst")[1].split()[0]
    hotline.run("client", "revoke", serial)
    assert hotline.run("client", "list").stdout.count("revoked") == 1
    hotline.run("client", "revoke", "Ada L.")
    assert hotline.run("client", "list").stdout.count("revoked") == 2
    assert "no valid" in hotline.refuse("client", "revoke", "Ada L.")
    assert "not revoked" in hotline.refuse("client", "renew", "Ada L.", "--out", out)


@pytest.mark.parametrize("args, words", [
    (["Ada", "--out", "OUT"], "duty"),
    (["Ada", "--duty", "peer", "--out", "OUT"], "duty"),
    (["Ada", "--duty", "boss", "--out", "OUT"], "duty"),
    (["Ada", "--duty", "analyst"], "--out"),
    (["", "--duty", "analyst", "--out", "OUT"], "name"),
    (["x" * 65, "--duty", "analyst", "--out", "OUT"], "name"),
    (["Ada", "--duty", "analyst", "--out", "OUT", "--days", "1000"], "number"),
])
def test_a_client_that_may_not_be_is_not_issued(hotline, tmp_path, args, words):
    out = tmp_path / "out"
    assert words in hotline.refuse("client", "issue", *[out if a == "OUT" else a for a in args])
    assert not out.exists() and hotline.run("client", "list").stdout == ""


def test_a_second_client_does_not_overwrite_the_first(hotline, tmp_path):
    out = tmp_path / "ada"
    hotline.run("client", "issue", "Ada", "--duty", "analyst", "--out", out)
    before = {p.name: p.read_text() for p in out.iterdir()}
    hotline.refuse("client", "issue", "Bob", "--duty", "reader", "--out", out)
    assert {p.name: p.read_text() for p in out.iterdir()} == before
    assert "Bob" not in hotline.run("client", "list").stdout


# --- receive keys, the storage key --------------------------------------------


def next_receive_key(home, rotate_ms, keep_ms, named=None):
    """Ask a signer of its own for the receive key: verb 11 of keys/agent/DESIGN.md."""
    named = named or re.search(r"receive key +([0-9a-f]{64})", home.run("manifest", "show").stdout)[1]
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    signer = subprocess.Popen([BIN / "hashfed-signer", "--home", home.path, "--fd", str(theirs.fileno())],
                              pass_fds=(theirs.fileno(),), stderr=subprocess.PIPE, text=True)
    theirs.close()
    with ours:
        ours.settimeout(60)
        ours.send(b"HFA\x01" + struct.pack(">H32sQQ32s", 11, bytes(32), rotate_ms, keep_ms,
                                             bytes.fromhex(named)))
        answer = ours.recv(4096)
    said = signer.communicate(timeout=60)[1]
    assert answer[:6] == b"HFA\x01\0\0", (answer, said)
    # Field 1 of ReceiveKey: 32 bytes.
    assert answer[6:8] == b"\x0a\x20"
    return answer[8:40].hex()


def test_a_manifest_names_the_newest_receive_key(hotline):
    month = 30 * 86400 * 1000
    first = next_receive_key(hotline, month, month)
    assert f"receive key    {first}" in hotline.run("manifest", "show").stdout
    time.sleep(0.002)  # keys are as old as the clock's milliseconds say
    second = next_receive_key(hotline, 1, month)
    assert second != first
    assert next_receive_key(hotline, month, month) == second
    # Both are there: fine, and the next manifest names the newer.
    assert hotline.run("check").returncode == 0
    # The one that the manifest names is kept whatever its age.
    assert next_receive_key(hotline, month, 0) == second
    assert (hotline.signer / "receive.key").exists()
    # Were it gone: whoever knows the manifest alone seals in vain.
    assert next_receive_key(hotline, month, 0, named=second) == second
    assert not (hotline.signer / "receive.key").exists()
    done = hotline.run("check", ok=False)
    assert done.returncode == 1 and "receive key in the manifest has ended" in done.stdout
    said = hotline.run("manifest", "sign", passphrase=[PASSPHRASE]).stdout
    assert f"- receive key {first}\n+ receive key {second}\n" in said
    assert f"receive key    {second}" in hotline.run("manifest", "show").stdout
    assert hotline.run("check").returncode == 0
    assert "receive key" not in hotline.run("manifest", "sign", passphrase=[PASSPHRASE]).stdout


def test_an_older_organisation_gets_its_storage_key(hotline):
    path = hotline.signer / "storage.key"
    path.unlink()
    done = hotline.run("check", ok=False)
    assert done.returncode == 1 and "hashfed-key storage new" in done.stdout
    assert "Back it up" in hotline.run("storage", "new").stdout
    assert mode(path) == 0o600
    assert hotline.run("check").returncode == 0
    before = path.read_text()
    assert "storage.key" in hotline.refuse("storage", "new")
    assert path.read_text() == before


# --- check, and the command line ---------------------------------------------


def test_check_warns_before_things_expire(hotline, tmp_path):
    assert hotline.run("check").returncode == 0
    for days, words in ((50, "less than 60 days"), (20, "less than 30 days"), (5, "less than 7 days")):
        hotline.run("agreement", "sign", "ncii", "--days", days)
        done = hotline.run("check", ok=False)
        assert done.returncode == 1 and words in done.stdout
    hotline.run("agreement", "sign", "ncii")
    hotline.run("client", "issue", "Ada", "--duty", "reader", "--out", tmp_path / "ada", "--days", "3")
    done = hotline.run("check", ok=False)
    assert done.returncode == 1 and "certificate of Ada" in done.stdout


def test_check_finds_open_doors_and_damage(hotline):
    hotline.signer.chmod(0o755)
    assert "signer' has mode 0755" in hotline.run("check", ok=False).stdout
    hotline.signer.chmod(0o700)
    (hotline.signer / "log.key").chmod(0o644)
    assert "log.key" in hotline.run("check", ok=False).stdout
    (hotline.signer / "log.key").chmod(0o600)
    (hotline.ring / "peers/x.example.peer").write_text("nonsense")
    done = hotline.run("check", ok=False)
    assert done.returncode == 1 and "x.example.peer" in done.stdout


def test_a_damaged_manifest_of_our_own_stops_everything(hotline):
    path = hotline.ring / "self.manifest"
    first, data, last = armoured(path)
    data[len(data) // 2] ^= 1
    put_armoured(path, first, data, last)
    for args in (["check"], ["invite"], ["peer", "list"], ["agreement", "show", "ncii"]):
        assert "self.manifest" in hotline.refuse(*args)


@pytest.mark.parametrize("args, words", [
    (["frobnicate"], "no command"),
    (["peer"], "no command"),
    (["peer", "frob"], "no command"),
    (["peer", "add"], "usage"),
    (["invite", "extra"], "usage"),
    (["invite", "--silent"], "no option"),
    (["invite", "--frob"], "no option"),
    (["vkey", "--home"], "needs a value"),
])
def test_the_command_line_is_checked(hotline, args, words):
    assert words in hotline.refuse(*args)


def test_without_an_organisation_every_command_says_so(empty):
    for args in (["invite"], ["check"], ["peer", "list"], ["manifest", "sign"]):
        assert "self.manifest" in empty.refuse(*args)


def test_help_and_version():
    done = subprocess.run([KEY, "--help"], capture_output=True, text=True, check=True)
    assert "peer add" in done.stdout
    done = subprocess.run([KEY, "--version"], capture_output=True, text=True, check=True)
    assert re.fullmatch(r"hashfed-key \d+\.\d+\.\d+\n", done.stdout)
    done = subprocess.run([KEY], capture_output=True, text=True)
    assert done.returncode == 2 and "usage" in done.stderr
