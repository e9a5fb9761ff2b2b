"""The program hashfed against real daemons: what it prints, what it refuses,
and that what was interrupted goes on."""

import hashlib
import json
import shutil
import subprocess

import pytest

from net import BIN, TOP, until

PICTURES = TOP / "tests/pictures"


@pytest.fixture
def hotline(net):
    return net.node("hotline", sets=["ncii"])


def hashfed(node, *args, status=0, **options):
    """Run hashfed for a node; check its exit status, return the process."""
    done = subprocess.run([str(a) for a in (BIN / "hashfed", "--home", node.home, *args)],
                          capture_output=True, text=True, timeout=120, **options)
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    return done


def found(node, *args):
    """What a match prints, once it finds something: the index follows what was published."""
    def look():
        done = subprocess.run([str(a) for a in (BIN / "hashfed", "--home", node.home, "match", *args)],
                              capture_output=True, text=True, timeout=120)
        assert done.returncode in (0, 1), done.stderr
        return done.returncode == 1 and done.stdout
    return until(look, 30)


def lines(text):
    return [line.split("\t") for line in text.splitlines()]


def digest(n):
    return hashlib.sha256(b"line %d" % n).hexdigest()


def a_list(folder, count, name="list", bad=()):
    path = folder / name
    path.write_text("".join("sha256 %s\n" % ("z" * 64 if n + 1 in bad else digest(n)) for n in range(count)))
    return path


def applied(node):
    return node.applied(node.origin("ncii"))


# --- hash ---------------------------------------------------------------------


def test_hash_needs_no_daemon_and_goes_on_after_a_file_that_fails(net, tmp_path):
    node = net.organisation("hotline")
    text = tmp_path / "a\tb.txt"
    text.write_bytes(b"abc")
    done = hashfed(node, "hash", tmp_path / "missing", text, PICTURES / "own0.jpg", status=1)
    rows = lines(done.stdout)
    assert [r[0] for r in rows] == ["md5", "sha1", "sha256", "md5", "sha1", "sha256", "pdq"]
    assert rows[2][1:] == [hashlib.sha256(b"abc").hexdigest(), "-", str(text).replace("\t", "\\t")]
    assert 0 <= int(rows[6][2]) <= 100
    assert "missing" in done.stderr


# --- publish, match, retract --------------------------------------------------


def test_a_published_file_is_matched_and_a_retracted_one_is_not(hotline):
    picture, altered = PICTURES / "own2.png", PICTURES / "own2-q40.jpg"
    hashfed(hotline, "match", picture)
    done = hashfed(hotline, "publish", "--set", "ncii", "--label", "iwf=B", picture)
    assert "1 new, 0 already there" in done.stdout
    (exact,) = lines(found(hotline, picture))
    assert "0 new, 1 already there" in hashfed(hotline, "publish", "--set", "ncii", picture).stdout
    assert exact[0] == "block" and exact[2:7] == ["0", hotline.origin("ncii"), "0", "ncii", "iwf=B"]
    assert exact[-1] == str(picture)
    (near,) = lines(hashfed(hotline, "match", altered, status=1).stdout)
    assert near[:2] == ["review", "pdq"]
    both = hashfed(hotline, "match", "--json", altered, "md5:" + "0" * 32, status=1).stdout.splitlines()
    assert [json.loads(x)["verdict"] for x in both] == ["review", None]

    assert "1 retracted" in hashfed(hotline, "retract", picture).stdout
    assert hashfed(hotline, "match", picture, altered).stdout.count("none\t") == 2
    assert "nothing was retracted" in hashfed(hotline, "retract", "md5:" + "0" * 32, status=2).stderr


def test_what_is_refused_is_said_in_one_sentence(hotline):
    picture = PICTURES / "own2.png"
    for args, says in [
        (("publish", "--set", "nowhere", "--class", "other", picture), "no set 'nowhere' of ours"),
        (("publish", "--set", "case", picture), "--class csam"),
        (("proof", "ncii", "7"), "no entry 7"),
        (("checkpoint", "nowhere"), "nowhere"),
        (("sets", "share", "ncii", "nobody.example"), "nobody.example"),
    ]:
        done = hashfed(hotline, *args, status=2)
        assert says in done.stderr and done.stderr.count("\n") == 1, done.stderr


def test_a_daemon_that_is_down_is_said_with_what_to_do(net):
    node = net.organisation("hotline", sets=["ncii"])
    done = hashfed(node, "publish", "--set", "ncii", PICTURES / "own2.png", status=2)
    assert "no daemon answers at" in done.stderr and "start it with hashfedd" in done.stderr


# --- import -------------------------------------------------------------------


def test_a_bad_line_stops_an_import_before_anything_is_published(hotline, tmp_path):
    path = a_list(tmp_path, 50000, bad=[48213])
    done = hashfed(hotline, "publish", "--set", "ncii", "--import", path, status=2)
    assert "line 48213" in done.stderr and "nothing was published" in done.stderr
    assert (tmp_path / "list.rejects").read_text().startswith("48213: ")
    assert applied(hotline) == 0

    done = hashfed(hotline, "publish", "--set", "ncii", "--import", path, "--skip-bad")
    assert "49999 new, 0 already there, 1 rejected" in done.stdout
    assert applied(hotline) == 49999


def test_an_import_that_was_killed_goes_on_and_its_batch_is_undone(hotline, tmp_path):
    path = a_list(tmp_path, 60000)
    command = [BIN / "hashfed", "--home", hotline.home, "publish", "--set", "ncii", "--import", path]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: applied(hotline) > 0 or first.poll() is not None, 60)
    first.kill()
    first.wait()

    summary = json.loads(hashfed(hotline, "publish", "--set", "ncii", "--import", path, "--json").stdout)
    assert summary["new"] + summary["earlier"] == 60000 and summary["known"] == 0
    assert applied(hotline) == 60000
    again = json.loads(hashfed(hotline, "publish", "--set", "ncii", "--import", path, "--json").stdout)
    assert (again["new"], again["earlier"], again["batch"]) == (0, 60000, summary["batch"])
    assert applied(hotline) == 60000

    found(hotline, "sha256:" + digest(59999))
    assert "60000 retracted" in hashfed(hotline, "retract", "--batch", summary["batch"]).stdout
    hashfed(hotline, "match", "sha256:" + digest(59999))


def test_lists_of_the_pytx_tools_keep_their_labels(hotline, tmp_path):
    path = tmp_path / "pytx.csv"
    path.write_bytes(b"\xef\xbb\xbfsignal_type,signal_str,collab,category,tags\r\n"
                     b"video_md5,FACEFACEFACEFACEFACEFACEFACEFACE,\"Sample, A\",POSITIVE,one two\r\n")
    hashfed(hotline, "publish", "--set", "ncii", "--import", path)
    shown = found(hotline, "--json", "md5:" + "face" * 8)
    labels = [(x["scheme"], x["value"]) for x in json.loads(shown)["matches"][0]["labels"]]
    assert labels == [("pytx", "one"), ("pytx", "two"), ("pytx-category", "POSITIVE"), ("pytx-collab", "Sample, A")]


# --- scan ---------------------------------------------------------------------


def make_tree(folder, dirs, files):
    for d in range(dirs):
        (folder / f"d{d:02}").mkdir(parents=True)
        for f in range(files):
            (folder / f"d{d:02}/f{f:03}").write_text(f"{d} {f}")
        shutil.copy(PICTURES / "own2.png", folder / f"d{d:02}/picture")
    return folder


def test_a_scan_finds_every_copy_and_says_so_by_its_exit_status(hotline, tmp_path):
    tree = make_tree(tmp_path / "tree", 5, 20)
    assert hashfed(hotline, "scan", tree).stdout == ""
    hashfed(hotline, "publish", "--set", "ncii", PICTURES / "own2.png")
    found(hotline, PICTURES / "own2.png")
    rows = lines(hashfed(hotline, "scan", tree, status=1).stdout)
    assert [r[-1] for r in rows] == [f"{tree}/d{d:02}/picture" for d in range(5)]
    summary = json.loads(hashfed(hotline, "scan", "--json", "--quick", tree, status=1).stdout.splitlines()[-1])
    assert (summary["summary"]["files"], summary["summary"]["block"]) == (105, 5)


# --- elsewhere ----------------------------------------------------------------


def test_a_scanner_elsewhere_needs_its_certificate_and_the_right_pin(hotline, net):
    hotline.client("scan1", "scanner")
    folder = net.folder / "hotline-scan1"
    shown = hotline.key("manifest", "show").stdout
    pin = next(line.split()[-1] for line in shown.splitlines() if line.startswith("TLS pin"))
    away = ["--server", hotline.address, "--cert", folder / "client.crt", "--key", folder / "client.key"]
    hashfed(hotline, "match", *away, "--pin", pin, "md5:" + "0" * 32)
    done = hashfed(hotline, "match", *away, "--pin", "0" * 64, "md5:" + "0" * 32, status=2)
    assert "wrong server" in done.stderr
    done = hashfed(hotline, "publish", *away, "--pin", pin, "--set", "ncii", PICTURES / "own2.png", status=2)
    assert "duties" in done.stderr

    hotline.key("client", "revoke", "scan1")
    until(lambda: subprocess.run([str(a) for a in (BIN / "hashfed", "match", *away, "--pin", pin, "md5:" + "0" * 32)],
                                 capture_output=True).returncode == 2, 10, "the revoked certificate is refused")


def test_two_organisations_enrol_share_and_follow_by_command(net, tmp_path):
    hotline, provider = net.node("hotline", sets=["ncii"]), net.node("provider")
    for node, other in ((hotline, provider), (provider, hotline)):
        invite = tmp_path / (other.name + ".invite")
        invite.write_text(hashfed(other, "invite").stdout)
        asked = json.loads(hashfed(node, "peers", "add", invite, "--json").stdout)
        assert not asked["enrolled"] and other.domain not in node.peers()
        hashfed(node, "peers", "add", invite, "--fingerprint", asked["fingerprint"])
    hashfed(hotline, "publish", "--set", "ncii", PICTURES / "own2.png")
    hashfed(hotline, "sets", "share", "ncii", provider.domain)
    origin = hotline.origin("ncii")
    until(lambda: origin in hashfed(provider, "sets").stdout, 20, "the set is offered")
    assert "following" in hashfed(provider, "sets", "follow", "--all-from", hotline.domain).stdout
    until(lambda: provider.applied(origin) == 1, 10)
    until(lambda: "block" in subprocess.run([BIN / "hashfed", "--home", provider.home, "match", PICTURES / "own2.png"],
                                            capture_output=True, text=True).stdout, 10)
    assert "0 are missing" in hashfed(provider, "sets", "verify", origin).stdout
    hashfed(hotline, "peers", "remove", provider.domain)
    assert json.loads(hashfed(hotline, "peers", "--json").stdout)["peers"] == []
