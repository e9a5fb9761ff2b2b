"""hashfed notify, cases and watch against a played daemon: what they send, what
they print, what they refuse, and that a watcher loses nothing."""

import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from fake import FIRST_MS, Fake, request_ids
from net import BIN, TOP, pb, until

PICTURES = TOP / "tests/pictures"
PLACE = "https://a.example/place"
NOTICE = ("notify", "--provider", "host.example", "--regime", "ntd", "--class", "ncii")


@pytest.fixture
def daemon():
    home = Path(tempfile.mkdtemp(prefix="hf-"))
    made = Fake(home).start()
    yield made
    made.stop()
    shutil.rmtree(home, True)


def hashfed(daemon, *args, status=0, **options):
    done = subprocess.run([str(a) for a in (BIN / "hashfed", "--home", daemon.home, *args)],
                          capture_output=True, text=True, timeout=120, cwd=daemon.home, **options)
    assert done.returncode == status, (args, done.returncode, done.stdout, done.stderr)
    return done


def objects(text):
    return [json.loads(line) for line in text.splitlines()]


# --- notify ---------------------------------------------------------------------


def test_a_notice_carries_all_that_was_said_and_the_file_stays_here(daemon, tmp_path):
    why = tmp_path / "why.txt"
    why.write_text("It shows\n  somebody who did\tnot agree.\n")
    picture = PICTURES / "own2.png"
    done = hashfed(daemon, *NOTICE, "--url", PLACE, "--url", "http://b.example/2", "--hash", "md5:" + "0" * 32,
                   "--file", picture, "--explanation-file", why, "--contact", "Desk <desk@hotline.example> +31 20 0",
                   "--good-faith", "--reference", "R-1", "--jurisdiction", "NL", "--legal-basis", "art. 254ba Sr",
                   "--entry", "ncii:41", "--label", "iwf=B")
    (request,) = daemon.calls["SendNotice"]
    notice = request.notice
    assert len(request.request_id) == 16 and request.kind == pb.CASE_EVENT_KIND_NOTICE and request.hold == 0
    assert [p.url for p in notice.locators] == [PLACE, "http://b.example/2"]
    assert [h.algorithm for h in notice.hashes] == [
        pb.ALGORITHM_MD5, pb.ALGORITHM_SHA256, pb.ALGORITHM_SHA1, pb.ALGORITHM_MD5, pb.ALGORITHM_PDQ]
    assert notice.explanation == "It shows somebody who did not agree."
    assert (notice.contact.name, notice.contact.email, notice.contact.phone) == ("Desk", "desk@hotline.example", "+31 20 0")
    assert notice.is_good_faith and notice.reference == "R-1" and notice.jurisdiction == "NL"
    assert notice.legal_basis == "art. 254ba Sr" and notice.labels[0].value == "B"
    assert (notice.entries[0].origin, notice.entries[0].index) == ("ncii", 41)
    assert picture.read_bytes()[:64] not in request.SerializeToString()
    (case_id,) = daemon.cases
    assert f"case {case_id}: noticed; host.example, 2 places, 5 hashes" in done.stdout and "next: " in done.stdout


def test_what_is_wrong_with_a_notice_is_said_and_nothing_is_sent(daemon, tmp_path):
    (tmp_path / "order").write_text("reference: 1\nfrob: 2\n")
    for args, says in [
        (("notify", "--regime", "ntd", "--class", "ncii", "--url", PLACE), "--provider"),
        (("notify", "--provider", "host.example", "--class", "ncii", "--url", PLACE), "--regime"),
        (("notify", "--provider", "host.example", "--regime", "ntd", "--url", PLACE), "--class"),
        (NOTICE, "--url"),
        ((*NOTICE, "--url", "a.example/x"), "https://host/path"),
        ((*NOTICE, "--hash", "ab" * 32), "sha256 or pdq"),
        ((*NOTICE, "--hash", "md5:123"), "32 hex digits"),
        ((*NOTICE, "--file", tmp_path / "missing"), "missing"),
        ((*NOTICE, "--url", PLACE, "--contact", "desk@hotline.example"), "Desk <desk"),
        ((*NOTICE, "--url", PLACE, "--regime", "frob"), "ntd, dsa"),
        ((*NOTICE, "--url", PLACE, "--hold", "frob"), "draft"),
        ((*NOTICE, "--url", PLACE, "--entry", "41"), "SET:INDEX"),
        ((*NOTICE, "--url", PLACE, "--jurisdiction", "nl"), "two capitals"),
        ((*NOTICE, "--url", PLACE, "--order", tmp_path / "order"), "line 2: frob: no such key"),
        ((*NOTICE, "--url", PLACE, "--explanation", "a", "--explanation-file", "b"), "not both"),
        ((*NOTICE, "--url", PLACE, "--request", "12"), "32 hex digits"),
        (("notify", "--letter", "--language", "fr"), "en or nl"),
    ]:
        done = hashfed(daemon, *args, status=2)
        assert says in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert "SendNotice" not in daemon.calls


def test_what_the_law_asks_for_beside_is_said_and_the_notice_is_sent(daemon):
    done = hashfed(daemon, *NOTICE, "--regime", "dsa", "--url", PLACE)
    assert "DSA Art. 16(2)" in done.stderr and "--contact" in done.stderr and "--url" not in done.stderr
    done = hashfed(daemon, *NOTICE, "--regime", "dsa", "--url", PLACE, "--class", "csam", "--explanation", "x", "--good-faith")
    assert done.stderr == "" and len(daemon.calls["SendNotice"]) == 2


def test_a_notice_that_broke_off_is_sent_once_with_the_id_that_was_printed(daemon):
    daemon.refusals = [("UNAVAILABLE", "going down")]
    done = hashfed(daemon, *NOTICE, "--url", PLACE, status=2)
    request = done.stderr.split("--request ")[1].split()[0]
    assert len(daemon.cases) == 0
    for _ in range(2):
        hashfed(daemon, *NOTICE, "--url", PLACE, "--request", request)
    assert len(daemon.cases) == 1 and len(set(request_ids(daemon.calls["SendNotice"]))) == 1

    daemon.refusals = [("PERMISSION_DENIED", "no role")]
    done = hashfed(daemon, *NOTICE, "--url", PLACE, status=2)
    assert "no role" in done.stderr and "--request" not in done.stderr


def test_a_daemon_that_is_down_is_said(daemon):
    daemon.stop()
    done = hashfed(daemon, *NOTICE, "--url", PLACE, status=2)
    assert "no daemon answers at" in done.stderr


def test_the_mail_for_one_who_is_no_member_is_written_and_how_it_was_sent_is_recorded(daemon):
    mails = daemon.home / "mails"
    mails.mkdir()
    done = hashfed(daemon, *NOTICE, "--provider", "Small.Example", "--url", PLACE, "--mail-dir", mails)
    (case_id,) = daemon.cases
    assert (mails / f"{case_id}.eml").read_bytes().startswith(b"To: abuse@small.example\r\n")
    assert (mails / f"{case_id}.eml").stat().st_mode & 0o777 == 0o600
    assert f"cases sent {case_id[:12]} --means mail --address" in done.stdout
    hashfed(daemon, "cases", "sent", case_id[:12], "--means", "mail", "--address", "abuse@small.example",
            "--reference", "<1@hotline.example>", "--at", "2026-01-10T05:25:00+01:00", "--failed")
    event = daemon.calls["UpdateCase"][0].event
    assert event.kind == pb.CASE_EVENT_KIND_DELIVERY and event.acted_ms == 0
    delivery = event.delivery
    assert (delivery.means, delivery.address, delivery.reference, delivery.has_failed, delivery.sent_ms) == (
        "mail", "abuse@small.example", "<1@hotline.example>", True, 1768019100000)
    done = hashfed(daemon, *NOTICE, "--provider", "small.example", "--url", PLACE, "--mail-dir", daemon.home / "no", status=2)
    assert "--request" in done.stderr


ORDER = """\ufeff# an order
reference: ATKM-2026-1
issuing-state: NL
authority: Autoriteit online
  Terroristisch en Kinderporno Materiaal
ground: it shows a minor
ground: it is spread
deadline: 1h
covers-similar: yes
series: s1
emergency: no
"""


def test_an_order_is_read_from_a_file_and_opens_a_case_or_goes_into_one(daemon, tmp_path):
    path = tmp_path / "order"
    path.write_text(ORDER)
    hashfed(daemon, "notify", "--provider", "host.example", "--class", "csam", "--url", PLACE, "--order", path)
    request = daemon.calls["SendNotice"][0]
    order = request.notice.order
    assert request.kind == pb.CASE_EVENT_KIND_ORDER and request.notice.regime == pb.REGIME_CSAM_ORDER
    assert order.authority == "Autoriteit online Terroristisch en Kinderporno Materiaal"
    assert list(order.grounds) == ["it shows a minor", "it is spread"] and order.covers_similar
    assert request.notice.deadline_ms == 3600000 and not order.is_emergency

    hashfed(daemon, *NOTICE, "--url", "https://b.example/b", "--hash", "md5:" + "1" * 32)
    case_id = list(daemon.cases)[1]
    hashfed(daemon, "cases", "order", case_id[:10], "--order", path)
    request = daemon.calls["SendNotice"][-1]
    assert request.case_id == case_id and request.kind == pb.CASE_EVENT_KIND_ORDER
    assert request.notice.provider == "host.example" and request.notice.regime == pb.REGIME_CRIMINAL_ORDER
    assert request.notice.locators[0].url == "https://b.example/b" and len(request.notice.hashes) == 1
    assert "--order" in hashfed(daemon, "cases", "order", case_id, status=2).stderr


def test_a_notice_can_wait_for_the_police(daemon):
    done = hashfed(daemon, *NOTICE, "--url", PLACE, "--hold", "police")
    assert daemon.calls["SendNotice"][0].hold == pb.CASE_STATE_HELD_POLICE and "nobody was told" in done.stdout
    hashfed(daemon, "cases", "release", list(daemon.cases)[0])
    request = daemon.calls["UpdateCase"][0]
    assert request.is_release and not request.HasField("event")


def test_a_letter_needs_no_daemon_and_says_nothing_intimate(daemon):
    daemon.stop()
    for language, says in (("en", "Article 16 of the Digital Services Act"), ("nl", "artikel 16 van de")):
        done = hashfed(daemon, "notify", "--letter", "--language", language, "--provider", "host.example", "--url", PLACE,
                       "--contact", "A. Person <a@person.example>")
        assert says in done.stdout and PLACE in done.stdout and "254ba" in done.stdout
        assert "A. Person <a@person.example>" in done.stdout
        csam = hashfed(daemon, "notify", "--letter", "--language", language, "--class", "csam").stdout
        assert "252" in csam and "254ba" not in csam and "2016/679" not in csam
        for word in ("naked", "naakt", "0900", "0800", "112"):
            assert word not in done.stdout + csam


# --- lists ----------------------------------------------------------------------


def test_a_scart_list_becomes_one_notice_for_each_256_places(daemon, tmp_path):
    path = tmp_path / "ntd.csv"
    path.write_text('"url";"IP";"firstseen";"lastseen";"note"\n' + "".join(
        f'"https://a.example/{n}";"192.0.2.1";"2026-01-10 05:25:00";"2026-01-11 06:00:00";"n ""{n}"""\n' for n in range(300)))
    done = hashfed(daemon, *NOTICE, "--import", path, "--reference", "R1")
    # They are under way side by side.
    sent = sorted(daemon.calls["SendNotice"], key=lambda r: -len(r.notice.locators))
    assert [len(r.notice.locators) for r in sent] == [256, 44] and "2 notices are sent: 300 places" in done.stdout
    place = sent[0].notice.locators[0]
    assert (place.url, place.ip, place.note) == ("https://a.example/0", "192.0.2.1", 'n "0"')
    assert (place.first_seen_ms, place.last_seen_ms) == (1768022700000, 1768111200000)

    hashfed(daemon, *NOTICE, "--import", path, "--reference", "R1")
    ids = request_ids(daemon.calls["SendNotice"])
    assert sorted(ids[:2]) == sorted(ids[2:]) and len(daemon.cases) == 2
    hashfed(daemon, *NOTICE, "--import", path, "--reference", "R2")
    assert len(daemon.cases) == 4


def test_rows_that_agree_make_one_notice(daemon, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("provider,url,hash,class,reference,group,explanation\r\n"
                    "host.example,https://a.example/1,,ncii,R1,,\r\n"
                    "other.example,https://a.example/2,,csam,R1,,\r\n"
                    'host.example,https://a.example/3,md5:' + "0" * 32 + ',ncii,R1,,"in\r\ntwo lines"\r\n'
                    "host.example,https://a.example/4,,ncii,R1,,\r\n"
                    "host.example,https://a.example/5,,ncii,R1,b,\r\n"
                    "\r\n"
                    "small.example,,sha1:" + "0" * 40 + ",ncii,R1,,\r\n")
    done = hashfed(daemon, "notify", "--regime", "ntd", "--import", path, "--json", "--mail-dir", tmp_path)
    sent = [(r.notice.provider, r.notice.explanation, [p.url[-1] for p in r.notice.locators])
            for r in daemon.calls["SendNotice"]]
    assert sorted(sent) == [("host.example", "", ["1", "4"]), ("host.example", "", ["5"]),
                            ("host.example", "in two lines", ["3"]), ("other.example", "", ["2"]),
                            ("small.example", "", [])]
    printed = objects(done.stdout)
    assert len(printed) == 5 and sum("mail" in p for p in printed) == 1
    assert len(list(tmp_path.glob("*.eml"))) == 1


def test_bad_rows_are_named_and_nothing_is_sent_unless_they_are_left_out(daemon, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("url;firstseen;hash\nhttps://a.example/1;;\nfrob;;\nhttps://a.example/2;soon;\nhttps://a.example/3;;md5:1\n;;\n")
    done = hashfed(daemon, *NOTICE, "--import", path, status=2)
    said = done.stderr.splitlines()
    assert said[0].startswith(f"hashfed: {path}:3: url: 'frob' is no location: give")
    assert said[1].startswith(f"hashfed: {path}:4: firstseen: 'soon' is no time: give 2026-01-31")
    assert said[2].startswith(f"hashfed: {path}:5: hash: '1' is no md5") or ":5: hash: " in said[2]
    assert ":6: neither a url nor a hash" in said[3] and "nothing was sent: bad rows: 4" in said[4]
    assert "SendNotice" not in daemon.calls and not (tmp_path / "list.csv.rejects").exists()
    done = hashfed(daemon, *NOTICE, "--import", path, "--skip-bad")
    assert "1 notices are sent: 1 places, 4 rows left out" in done.stdout
    left = (tmp_path / "list.csv.rejects").read_text()
    assert left == "url;firstseen;hash\nfrob;;\nhttps://a.example/2;soon;\nhttps://a.example/3;;md5:1\n;;\n"


def test_a_list_can_be_looked_at_first(daemon, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("url\nhttps://a.example/1\n")
    daemon.stop()
    done = hashfed(daemon, *NOTICE, "--import", path, "--dry-run")
    assert "host.example\t1 places\t0 hashes\tline 2" in done.stdout and "nothing was, as asked" in done.stdout


def test_a_list_that_broke_off_goes_on_and_sends_nothing_twice(daemon, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("url;group\n" + "".join(f"https://a.example/{n};{n:02}\n" for n in range(20)))
    daemon.refuses = {"https://a.example/7": ("INVALID_ARGUMENT", "not this one"),
                      "https://a.example/10": ("UNAVAILABLE", "away")}
    done = hashfed(daemon, *NOTICE, "--import", path, status=2)
    assert f"{path}:9: not this one" in done.stderr and "9 of 20 notices are sent" in done.stderr
    done = hashfed(daemon, *NOTICE, "--import", path)
    assert "20 notices are sent" in done.stdout and len(daemon.cases) == 20
    assert sorted(s.locators for s in daemon.cases.values()) == [1] * 20


# --- cases ----------------------------------------------------------------------


def test_the_list_asks_for_what_was_chosen_and_fetches_every_page(daemon):
    for n in range(8):
        daemon.open_case("host.example", is_overdue=n == 2, due_ms=FIRST_MS)
    done = hashfed(daemon, "cases", "--state", "noticed", "--state", "removed", "--overdue", "--open", "--provider",
                   "host.example", "--hash", "pdq:" + "0" * 64, "--from", "2026-01-01", "--to", "31-01-2026 12:00Z")
    request = daemon.calls["ListCases"][0]
    assert list(request.states) == [pb.CASE_STATE_NOTICED, pb.CASE_STATE_REMOVED]
    assert request.only_overdue and request.only_open and request.provider == "host.example"
    assert request.hash.algorithm == pb.ALGORITHM_PDQ
    assert (request.from_ms, request.to_ms) == (1767225600000, 1769860800000)
    rows = done.stdout.splitlines()
    assert len(daemon.calls["ListCases"]) == 3 and len(rows) == 9 and rows[0].startswith("CASE ")
    assert sum("OVERDUE" in r for r in rows) == 1 and "\x1b" not in done.stdout
    assert {o["case_id"] for o in objects(hashfed(daemon, "cases", "--json").stdout)} == set(daemon.cases)
    assert "still-online" in hashfed(daemon, "cases", "--state", "frob", status=2).stderr
    assert "--from: 'x' is no time" in hashfed(daemon, "cases", "--from", "x", status=2).stderr


def test_a_case_is_shown_with_its_places_and_its_events(daemon):
    hashfed(daemon, *NOTICE, "--url", PLACE, "--reference", "R-9", "--explanation", "because\u2066")
    (case_id,) = daemon.cases
    hashfed(daemon, "cases", "rejected", case_id[:6], "--reason", "not-illegal", "--text", "a\\b: \u202ewe looked")
    done = hashfed(daemon, "cases", "show", case_id[:6])
    # What would rule a terminal or turn a line around is shown as bytes.
    for says in ("state         rejected (not-illegal)", PLACE, "R-9", "because\\xe2\\x81\\xa6", "not-illegal",
                 "a\\\\b: \\xe2\\x80\\xaewe looked"):
        assert says in done.stdout, done.stdout
    (shown,) = objects(hashfed(daemon, "cases", "show", case_id, "--json").stdout)
    assert shown["timeline"][0]["notice"]["locators"] == [{"url": PLACE}]
    assert (shown["timeline"][1]["event"], shown["timeline"][1]["reason"]) == ("rejected", "not-illegal")
    assert "no case 'ffff'" in hashfed(daemon, "cases", "show", "ffff", status=2).stderr
    assert "is no case" in hashfed(daemon, "cases", "show", "FROB", status=2).stderr
    done = subprocess.run([BIN / "hashfed", "--home", daemon.home, "cases", "bundle", case_id], capture_output=True)
    assert done.stdout == b"\0bundle of " + case_id.encode()


ACTS = [
    (("review",), "REVIEW", {}),
    (("removed", "--at", "2026-01-10 05:25", "--automatic"), "REMOVED", {"acted_ms": 1768022700000, "is_automatic": True}),
    (("disabled",), "DISABLED", {}),
    (("rejected", "--reason", "adult", "--text", "no"), "REJECTED", {"reason": pb.CASE_REASON_ADULT, "text": "no"}),
    (("needs-info", "--reason", "not-precise"), "NEEDS_INFO", {"reason": pb.CASE_REASON_NOT_PRECISE}),
    (("impossible", "--reason", "force-majeure"), "IMPOSSIBLE", {"reason": pb.CASE_REASON_FORCE_MAJEURE}),
    (("moved", "--host", "other.example", "--country", "DE"), "MOVED", {"moved_host": "other.example", "moved_country": "DE"}),
    (("unavailable",), "UNAVAILABLE", {}),
    (("complied",), "COMPLIED", {}),
    (("contest", "--text", "we object"), "CONTEST", {"text": "we object"}),
    (("reinstated", "--reason", "complaint-upheld"), "REINSTATED", {"reason": pb.CASE_REASON_COMPLAINT_UPHELD}),
    (("withdraw", "--reason", "victim-wish"), "WITHDRAW", {"reason": pb.CASE_REASON_VICTIM_WISH}),
    (("offline",), "OFFLINE", {}),
    (("online",), "ONLINE", {}),
    (("reappeared",), "REAPPEARED", {}),
    (("renotify",), "RENOTIFY", {}),
    (("escalate", "--lea"), "ESCALATE_LEA", {}),
    (("escalate", "--to", "atkm.example"), "ESCALATE_AUTHORITY", {"to": "atkm.example"}),
    (("forward", "--to", "partner.example", "--country", "FR"), "FORWARD", {"to": "partner.example", "moved_country": "FR"}),
    (("close", "--reason", "done"), "CLOSE", {"reason": pb.CASE_REASON_DONE}),
    (("penalty", "--text", "last onder dwangsom"), "PENALTY", {"text": "last onder dwangsom"}),
]


@pytest.mark.parametrize("words,kind,fields", ACTS, ids=[" ".join(a[0][:2]) for a in ACTS])
def test_an_act_is_one_word(daemon, words, kind, fields):
    case_id = daemon.open_case("host.example")
    done = hashfed(daemon, "cases", words[0], case_id[:8], *words[1:])
    (request,) = daemon.calls["UpdateCase"]
    assert request.event.kind == pb.CaseEventKind.Value("CASE_EVENT_KIND_" + kind) and len(request.request_id) == 16
    for name, value in fields.items():
        assert getattr(request if name == "to" else request.event, name) == value, name
    assert f"case {case_id}: " in done.stdout


def test_more_places_go_with_info_and_wrong_acts_are_refused(daemon):
    case_id = daemon.open_case("host.example")
    hashfed(daemon, "cases", "info", case_id, "--url", PLACE, "--text", "here")
    assert daemon.calls["UpdateCase"][0].event.locators[0].url == PLACE
    for args, says in [
        (("rejected", case_id), "--reason"),
        (("rejected", case_id, "--reason", "frob"), "age-over-threshold"),
        (("removed", case_id, "--at", "never"), "--at: 'never' is no time"),
        (("removed", case_id, "--to", "x"), "no option '--to'"),
        (("escalate", case_id), "--lea"),
        (("escalate", case_id, "--lea", "--to", "a.example"), "--lea"),
        (("forward", case_id), "partner"),
        (("forward", case_id, "--to", "x y"), "domain"),
        (("sent", case_id), "--means"),
        (("frob", case_id), "no command 'cases frob'"),
        (("removed",), "usage: hashfed cases removed CASE"),
    ]:
        assert says in hashfed(daemon, "cases", *args, status=2).stderr
    assert len(daemon.calls["UpdateCase"]) == 1


# --- watch ----------------------------------------------------------------------


class Watcher:
    """A watcher with a hook that writes what it got to a file."""

    def __init__(self, daemon, *options, hook=None):
        self.daemon = daemon
        self.log = daemon.home / "hook.log"
        self.said = daemon.home / "watch.err"
        self.hook = hook or f"cat >> {self.log}"
        self.options = options
        self.process = None

    def start(self):
        with open(self.said, "ab") as said:
            self.process = subprocess.Popen(
                [BIN / "hashfed", "--home", self.daemon.home, "watch", "--exec", self.hook, *self.options],
                stdout=said, stderr=said, start_new_session=True)
        return self

    def stop(self, status=0, number=signal.SIGTERM):
        self.process.send_signal(number)
        assert self.process.wait(120) == status, self.said.read_text()

    def kill(self):
        self.process.kill()
        self.process.wait(120)

    def given(self):
        """What the hook took, a line each; the last may be in the making."""
        if not self.log.exists():
            return []
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.endswith("}")]


@pytest.fixture
def watcher(daemon):
    made = []

    def make(*options, hook=None):
        made.append(Watcher(daemon, *options, hook=hook))
        return made[-1].start()

    yield make
    for one in made:
        if one.process.poll() is None:
            one.kill()


def test_watch_prints_a_line_for_each_change_and_ends(daemon):
    first, second = daemon.open_case("host.example"), daemon.open_case("other.example")
    printed = objects(hashfed(daemon, "watch", "--once").stdout)
    assert [(p["case_id"], p["why"]) for p in printed] == [(first, "new"), (second, "new")]
    assert hashfed(daemon, "watch", "--once", "--from-now").stdout == ""
    assert "go with --exec" in hashfed(daemon, "watch", "--once", "--jobs", "2", status=2).stderr


def test_a_hook_is_called_for_each_new_or_changed_case_and_told_why(daemon, watcher):
    one = daemon.open_case("host.example")
    watching = watcher()
    until(lambda: len(watching.given()) == 1, 15)
    two = daemon.open_case("other.example", side=pb.CASE_SIDE_PROVIDER, is_priority=True)
    until(lambda: len(watching.given()) == 2, 15)
    daemon.change(one, state=pb.CASE_STATE_REMOVED)
    until(lambda: len(watching.given()) == 3, 15)
    daemon.change(two, clock="warning")
    until(lambda: len(watching.given()) == 4, 15)
    daemon.change(two, clock="overdue", is_overdue=True)
    until(lambda: len(watching.given()) == 5, 15)
    given = watching.given()
    assert [(g["case_id"], g["why"], g["state"], g["repeat"]) for g in given] == [
        (one, "new", "noticed", False), (two, "new", "noticed", False), (one, "changed", "removed", False),
        (two, "warning", "noticed", False), (two, "overdue", "noticed", False)]
    assert given[1]["priority"] and given[1]["side"] == "provider" and given[4]["overdue"]
    watching.stop()
    hashfed(daemon, "watch", "--once", "--exec", watching.hook)
    assert len(watching.given()) == 5


def test_a_hook_finds_case_reason_and_home_in_its_environment(daemon):
    case_id = daemon.open_case("host.example")
    out = daemon.home / "out"
    hashfed(daemon, "watch", "--once", "--exec", f'echo "$HASHFED_CASE $HASHFED_WHY $HASHFED_HOME" > {out}')
    assert out.read_text() == f"{case_id} new {daemon.home}\n"


def test_a_hook_that_fails_is_called_again_and_told_so(daemon, watcher):
    case_id = daemon.open_case("host.example")
    log, good, well = (daemon.home / name for name in ("hook.log", "good", "well"))
    watching = watcher(hook=f"cat >> {log}; test -e {good} && echo $HASHFED_CASE >> {well}")
    until(lambda: len(watching.given()) >= 2, 15)
    other = daemon.open_case("other.example")
    until(lambda: any(g["case_id"] == other for g in watching.given()), 15)
    until(lambda: "hook ended with 1; again in 2 s" in watching.said.read_text(), 15)
    good.touch()
    until(lambda: well.exists() and case_id in well.read_text(), 15)
    mine = [g for g in watching.given() if g["case_id"] == case_id]
    assert len(mine) >= 3 and {g["why"] for g in mine} == {"new"}
    assert [g["repeat"] for g in mine] == [False] + [True] * (len(mine) - 1)
    watching.stop()
    count = len(watching.given())
    assert hashfed(daemon, "watch", "--once", "--exec", watching.hook).returncode == 0
    assert len([g for g in watching.given()[count:] if g["case_id"] == case_id]) == 0


def test_with_once_a_hook_that_fails_is_left_for_the_next_time(daemon):
    daemon.open_case("host.example")
    assert "again next time" in hashfed(daemon, "watch", "--once", "--exec", "cat; exit 7", status=1).stderr
    (given,) = objects(hashfed(daemon, "watch", "--once", "--exec", "cat").stdout)
    assert given["repeat"] and given["why"] == "new"
    assert hashfed(daemon, "watch", "--once", "--exec", "cat").stdout == ""
    daemon.stop()
    assert "no daemon answers" in hashfed(daemon, "watch", "--once", "--exec", "cat", status=2).stderr


def test_a_newer_change_takes_the_place_of_one_that_waits(daemon, watcher):
    case_id = daemon.open_case("host.example")
    gate = daemon.home / "gate"
    os.mkfifo(gate)
    watching = watcher(hook=f"echo begun >> {daemon.home}/begun; read x < {gate}; cat >> {daemon.home}/hook.log")
    until((daemon.home / "begun").exists, 15)
    positions = daemon.home / f"lib/watch/{os.geteuid()}.state"
    for state in ("ACKNOWLEDGED", "UNDER_REVIEW", "REMOVED"):
        daemon.change(case_id, state=pb.CaseState.Value("CASE_STATE_" + state))
        want = daemon.numbers.to_bytes(8, "big").hex()
        until(lambda: positions.exists() and f"position x{want}" in positions.read_text(), 15)
    for count in (1, 2):
        gate.write_text("go\n")
        until(lambda: len(watching.given()) == count, 15)
    assert [g["state"] for g in watching.given()] == ["noticed", "removed"]
    watching.stop()


def test_what_the_clock_says_of_a_case_hides_from_nobody_that_it_is_new(daemon):
    case_id = daemon.open_case("host.example")
    daemon.change(case_id, clock="overdue", is_overdue=True)
    (given,) = objects(hashfed(daemon, "watch", "--once", "--exec", "cat").stdout)
    assert (given["why"], given["overdue"]) == ("new", True)


def test_a_case_is_new_until_a_hook_that_was_told_so_has_ended_well(daemon, watcher):
    case_id = daemon.open_case("host.example")
    log, gate, good = (daemon.home / name for name in ("hook.log", "gate", "good"))
    os.mkfifo(gate)
    # Says that it began, waits, and writes what it got only if it may.
    hook = f"echo $HASHFED_WHY >> {daemon.home}/begun; read x < {gate}; test -e {good} && cat >> {log}"
    begun = lambda: (daemon.home / "begun").read_text().split() if (daemon.home / "begun").exists() else []
    watching = watcher(hook=hook)
    positions = daemon.home / f"lib/watch/{os.geteuid()}.state"
    until(lambda: len(begun()) == 1, 15)
    # The watcher dies while its hook runs, which dies then; the case changes
    # before, while nobody watches, and behind the next run.
    daemon.change(case_id, renotified=1)
    until(lambda: positions.exists() and "\nnext " in positions.read_text(), 15)
    watching.kill()
    daemon.change(case_id, renotified=2)
    gate.write_text("die\n")
    watching.start()
    until(lambda: len(begun()) == 2, 15)
    daemon.change(case_id, clock="overdue", is_overdue=True)
    want = daemon.numbers.to_bytes(8, "big").hex()
    until(lambda: f"position x{want}" in positions.read_text(), 15)
    gate.write_text("fail\n")
    until(lambda: len(begun()) == 3, 15)
    good.touch()
    gate.write_text("well\n")
    until(lambda: len(watching.given()) == 1, 15)
    (given,) = watching.given()
    assert (given["why"], given["overdue"], given["repeat"]) == ("new", True, False)
    assert begun() == ["new"] * 3
    daemon.change(case_id, renotified=3)
    until(lambda: len(begun()) == 4, 15)
    gate.write_text("well\n")
    until(lambda: len(watching.given()) == 2, 15)
    assert begun()[3] == watching.given()[1]["why"] == "changed"
    watching.stop()


def test_cases_run_side_by_side_up_to_jobs_and_one_case_never_twice(daemon, watcher):
    folder = daemon.home / "runs"
    folder.mkdir()
    # A run that finds its own case running, or too many, says so.
    hook = (f'mkdir {folder}/$HASHFED_CASE || echo twice >> {folder}/bad; '
            f'test $(ls -d {folder}/*/ | wc -l) -le 3 || echo many >> {folder}/bad; '
            f'ls -d {folder}/*/ | wc -l >> {folder}/most; cat >> {daemon.home}/hook.log; sleep 0.02; rmdir {folder}/$HASHFED_CASE')
    watching = watcher("--jobs", "3", hook=hook)
    cases = [daemon.open_case("host.example") for _ in range(12)]
    for turn in range(40):
        daemon.change(cases[turn % 12], renotified=turn + 1)
    last = {c: daemon.cases[c].changed_ms for c in cases}
    until(lambda: {g["case_id"]: g["changed_ms"] for g in watching.given()} == last, 30)
    watching.stop()
    assert not (folder / "bad").exists(), (folder / "bad").read_text()
    assert max(int(n) for n in (folder / "most").read_text().split()) > 1
    order = {}
    for g in watching.given():
        assert g["changed_ms"] > order.get(g["case_id"], 0)
        order[g["case_id"]] = g["changed_ms"]


def test_a_second_watcher_is_refused_and_other_files_are_fine(daemon, watcher):
    watching = watcher()
    until(lambda: daemon.watchers == 1, 15)
    done = hashfed(daemon, "watch", "--exec", "cat", status=2)
    assert "another watcher has it" in done.stderr and "--state" in done.stderr
    hashfed(daemon, "watch", "--once", "--exec", "cat", "--state", daemon.home / "mine")
    watching.stop()


def test_a_watcher_waits_for_the_daemon_and_comes_back(daemon, watcher):
    daemon.stop()
    watching = watcher()
    until(lambda: "waiting for it" in watching.said.read_text(), 15)
    daemon.start()
    daemon.open_case("host.example")
    until(lambda: len(watching.given()) == 1, 30)
    daemon.stop()
    until(lambda: watching.said.read_text().count("waiting for it") == 2, 30)
    other = daemon.open_case("other.example")
    daemon.start()
    until(lambda: len(watching.given()) == 2, 30)
    assert watching.given()[1]["case_id"] == other and "the daemon is back" in watching.said.read_text()
    watching.stop()


def test_from_now_only_what_comes_is_given(daemon, watcher):
    daemon.open_case("host.example")
    watching = watcher("--from-now")
    until(lambda: daemon.watchers == 1, 15)
    other = daemon.open_case("other.example")
    until(lambda: watching.given(), 15)
    assert [g["case_id"] for g in watching.given()] == [other]
    watching.stop()


def test_sigterm_lets_the_hook_end_and_the_second_one_ends_it(daemon, watcher):
    daemon.open_case("host.example")
    gate, log = daemon.home / "gate", daemon.home / "hook.log"
    os.mkfifo(gate)
    watching = watcher(hook=f"echo begun >> {daemon.home}/begun; read x < {gate}; cat >> {log}")
    until((daemon.home / "begun").exists, 15)
    watching.process.send_signal(signal.SIGTERM)
    gate.write_text("go\n")
    assert watching.process.wait(120) == 0 and len(watching.given()) == 1
    watching.start()
    daemon.change(list(daemon.cases)[0], state=pb.CASE_STATE_REMOVED)
    until(lambda: (daemon.home / "begun").read_text().count("begun") == 2, 15)
    watching.process.send_signal(signal.SIGTERM)
    until(lambda: daemon.watchers == 0, 15)
    watching.process.send_signal(signal.SIGTERM)
    assert watching.process.wait(120) == 0
    done = hashfed(daemon, "watch", "--once", "--exec", "cat")
    assert objects(done.stdout)[0]["repeat"]


def test_a_new_watcher_waits_for_the_hook_of_one_that_was_killed(daemon, watcher):
    daemon.open_case("host.example")
    gate, log = daemon.home / "gate", daemon.home / "hook.log"
    os.mkfifo(gate)
    watching = watcher(hook=f"echo begun >> {daemon.home}/begun; read x < {gate}; cat >> {log}")
    until((daemon.home / "begun").exists, 15)
    watching.kill()
    again = watcher(hook=f"cat >> {log}")
    until(lambda: "waiting for a hook of an earlier run" in again.said.read_text(), 15)
    assert again.given() == []
    gate.write_text("go\n")
    until(lambda: len(again.given()) == 2, 15)
    assert [g["repeat"] for g in again.given()] == [False, True]
    again.stop()


def test_a_state_that_is_none_is_refused(daemon):
    path = daemon.home / "state"
    path.write_text("hashfed-watch 1\nposition x00\ncase frob\nend\n")
    assert "not the state of a watcher" in hashfed(daemon, "watch", "--once", "--exec", "cat", "--state", path, status=2).stderr


def test_killed_at_any_moment_a_watcher_loses_nothing_and_says_what_is_a_repeat(daemon, watcher):
    chance = random.Random(7)
    cases = [daemon.open_case("host.example") for _ in range(5)]
    began = time.monotonic()
    watching = watcher("--jobs", "3", hook=f"cat >> {daemon.home}/hook.log; sleep 0.02")
    # A turn is long enough for a hook to run in it, on whatever machine this is.
    until(watching.given, 30)
    longest = max(0.25, 2 * (time.monotonic() - began))
    for turn in range(100):
        if turn >= 10 and time.monotonic() > began + 120 and any(g["repeat"] for g in watching.given()):
            break
        for _ in range(chance.randrange(4)):
            if chance.random() < 0.3:
                cases.append(daemon.open_case("host.example"))
            else:
                daemon.change(chance.choice(cases), renotified=turn + 1)
        deadline = time.monotonic() + chance.random() * longest
        until(lambda: time.monotonic() > deadline, 600)
        watching.kill()
        watching.start()
    last = {c: daemon.cases[c].changed_ms for c in cases}

    def latest():
        found = {}
        for g in watching.given():
            found[g["case_id"]] = max(found.get(g["case_id"], 0), g["changed_ms"])
        return found

    until(lambda: latest() == last, 60)
    # One more, so that this watcher is known to be at work.
    cases.append(daemon.open_case("host.example"))
    last = {c: daemon.cases[c].changed_ms for c in cases}
    until(lambda: latest() == last, 60)
    watching.stop()
    seen, told = set(), {}
    for g in watching.given():
        change = (g["case_id"], g["changed_ms"])
        assert change not in seen or g["repeat"], g
        assert g["changed_ms"] >= told.get(g["case_id"], 0), "an older change behind a newer one"
        told[g["case_id"]] = g["changed_ms"]
        seen.add(change)
    firsts = {}
    for g in watching.given():
        firsts.setdefault(g["case_id"], g["why"])
    assert set(firsts.values()) == {"new"}
    assert any(g["repeat"] for g in watching.given()), "it was never killed while the hook ran"
