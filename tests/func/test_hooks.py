"""The hooks of deploy/hooks, called by a real watcher of a played daemon."""

import email
import email.policy
import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from fake import Fake
from net import BIN, TOP, pb
from test_case_client import hashfed

HOOKS = TOP / "deploy/hooks"


@pytest.fixture
def daemon():
    home = Path(tempfile.mkdtemp(prefix="hf-"))
    made = Fake(home).start()
    yield made
    made.stop()
    shutil.rmtree(home, True)


def script(daemon, name, text):
    path = daemon.home / name
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return path


def watch(daemon, hook, status=0, **environment):
    words = " ".join(f"{k}={v}" for k, v in environment.items())
    return hashfed(daemon, "watch", "--once", "--jobs", "1", "--exec", f"{words} {hook}", status=status)


def mails(daemon):
    made = [p for p in daemon.home.iterdir() if p.name.startswith("mail.")]
    return [email.message_from_bytes(p.read_bytes(), policy=email.policy.default)
            for p in sorted(made, key=lambda p: p.stat().st_mtime_ns)]


def test_whoever_is_on_call_gets_a_mail_that_gives_nothing_away(daemon):
    sendmail = script(daemon, "sendmail", f'echo "$@" >> {daemon.home}/to; cat > $(mktemp {daemon.home}/mail.XXXXXX)\n')
    due_ms = int((time.time() + 3600) * 1000)
    case_id = daemon.open_case("host.example", side=pb.CASE_SIDE_PROVIDER, is_priority=True, locators=2, due_ms=due_ms,
                               sites=["secret.example"], reference="R-1")
    hook = f"{HOOKS}/mail-on-call night@host.example boss@host.example"
    watch(daemon, hook, SENDMAIL=sendmail)
    (mail,) = mails(daemon)
    assert (daemon.home / "to").read_text() == "-i -- night@host.example boss@host.example\n"
    assert mail["Subject"] == f"[hashfed] new: case {case_id[:12]}" and mail["To"] == "night@host.example, boss@host.example"
    body = mail.get_content()
    assert "60 min left" in body and "trusted flagger" in body and f"hashfed cases show {case_id[:12]}" in body
    assert "second mail" not in body and "secret.example" not in mail.as_string()

    # What we do ourselves is not mailed; what runs out is.
    daemon.change(case_id, state=pb.CASE_STATE_UNDER_REVIEW)
    watch(daemon, hook, SENDMAIL=sendmail)
    assert len(mails(daemon)) == 1
    daemon.change(case_id, clock="overdue", is_overdue=True, due_ms=due_ms - 7200_000)
    watch(daemon, hook, SENDMAIL=sendmail)
    assert mails(daemon)[-1]["Subject"].startswith("[hashfed] OVERDUE overdue") and "ago" in mails(daemon)[-1].get_content()


def test_a_mail_that_could_not_be_sent_is_sent_later_and_says_so(daemon):
    daemon.open_case("host.example", side=pb.CASE_SIDE_PROVIDER)
    hook = f"{HOOKS}/mail-on-call night@host.example"
    watch(daemon, hook, status=1, SENDMAIL=script(daemon, "no-mail", "exit 75\n"))
    watch(daemon, hook, SENDMAIL=script(daemon, "sendmail", f"cat > {daemon.home}/mail.1\n"))
    assert "second mail" in mails(daemon)[0].get_content()
    assert "usage" in subprocess.run([HOOKS / "mail-on-call"], capture_output=True, text=True, input="{}").stderr


def notice(daemon, *options, **fields):
    """A notice in the daemon, as its provider has it."""
    hashfed(daemon, "notify", "--provider", "host.example", "--regime", "ntd", "--class", "ncii", "--url",
            "https://a.example/1", *options)
    case_id = list(daemon.cases)[-1]
    for name, value in {"side": pb.CASE_SIDE_PROVIDER, "is_priority": True, **fields}.items():
        setattr(daemon.cases[case_id], name, value)
    return case_id


def test_what_a_trusted_flagger_names_by_an_exact_hash_is_disabled_at_once(daemon):
    exact = notice(daemon, "--hash", "md5:" + "0" * 32, "--hash", "pdq:" + "1" * 64)
    notice(daemon, "--hash", "pdq:" + "1" * 64)                                   # near only
    notice(daemon, "--hash", "md5:" + "2" * 32, is_priority=False)                # anybody's
    notice(daemon, "--hash", "md5:" + "3" * 32, side=pb.CASE_SIDE_NOTIFIER)       # not ours to disable
    notice(daemon, "--hash", "md5:" + "4" * 32, state=pb.CASE_STATE_REMOVED)      # done already
    disable = script(daemon, "disable", f"cat >> {daemon.home}/asked\n")
    watch(daemon, f"{HOOKS}/disable-exact {disable}", HASHFED=BIN / "hashfed")
    (asked,) = [json.loads(line) for line in (daemon.home / "asked").read_text().splitlines()]
    assert asked == {"case_id": exact, "hashes": [{"algorithm": "md5", "hex": "0" * 32}],
                     "locators": [{"url": "https://a.example/1"}]}
    (update,) = daemon.calls["UpdateCase"]
    assert update.case_id == exact and update.event.kind == pb.CASE_EVENT_KIND_DISABLED and update.event.is_automatic
    # Its own act is a change as well, and is no reason to act again.
    watch(daemon, f"{HOOKS}/disable-exact {disable}", HASHFED=BIN / "hashfed")
    assert len(daemon.calls["UpdateCase"]) == 1


def test_what_cannot_be_disabled_is_tried_again_and_what_is_not_there_is_left(daemon):
    notice(daemon, "--hash", "md5:" + "0" * 32)
    watch(daemon, f"{HOOKS}/disable-exact {script(daemon, 'broken', 'exit 1')}", status=1, HASHFED=BIN / "hashfed")
    watch(daemon, f"{HOOKS}/disable-exact {script(daemon, 'nothing', 'exit 3')}", HASHFED=BIN / "hashfed")
    assert "UpdateCase" not in daemon.calls


def test_every_call_is_written_down(daemon):
    case_id = daemon.open_case("host.example")
    log = daemon.home / "calls"
    watch(daemon, f"{HOOKS}/log {log}")
    stamp, _, rest = log.read_text().partition(" ")
    assert stamp.endswith("Z") and json.loads(rest)["case_id"] == case_id
    assert log.stat().st_mode & 0o777 == 0o600
    logger = script(daemon, "logger", f'echo "$@" > {daemon.home}/said; cat >> {daemon.home}/said\n')
    daemon.change(case_id, state=pb.CASE_STATE_REMOVED)
    watch(daemon, f"{HOOKS}/log", PATH=f"{logger.parent}:$PATH")
    assert "hashfed-watch" in (daemon.home / "said").read_text() and case_id in (daemon.home / "said").read_text()
