"""A store of an older format is brought to the present one while lookups go on.

The daemon is the same program with two more formats, whose steps wait at a gate
(next/ledger_next.c): "2" has every value turned round and "3" has them as they
were, so a value that was left out or had twice is damage.
"""

import contextlib
import json
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import threading

import grpc
import pytest

from clock import Clock
from net import BIN, flip, hashes, item, pb, pdq, refused, sha256, until
from test_client import hashfed
from test_place import PDQ, SHA256, Place, daemon_says

BLOCK, REVIEW, IGNORE = pb.VERDICT_BLOCK, pb.VERDICT_REVIEW, pb.VERDICT_IGNORE

LISTED, RETRACTED, IGNORED, EXPIRING, UNLISTED = 0, 1, 2, 3, 10 ** 6
ASKED = [(n, SHA256, None, sha256(k)) for n, k in enumerate((LISTED, RETRACTED, IGNORED, EXPIRING, UNLISTED))]
ASKED.append((5, PDQ, 100, flip(pdq(LISTED), 3)))
ASKED.append((6, PDQ, 100, flip(pdq(RETRACTED), 3)))


class Gate:
    """What each part of a step waits at, until it is let through."""

    def __init__(self, folder):
        self.path = folder / "gate"
        os.mkfifo(self.path)

    @property
    def env(self):
        return {"HF_TEST_GATE": str(self.path)}

    def _open(self):
        try:
            return os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # nobody waits
            return None

    def let_through(self, node, parts):
        """That many parts; then the next one waits."""
        for _ in range(parts):
            fd = until(self._open, 60, "a part waits at the gate")
            done = progress(node)
            os.write(fd, b"x")
            os.close(fd)
            until(lambda: progress(node) != done, 60, "the part is done")

    def open(self):
        """All that come, from now on."""
        self.closed = threading.Event()
        self.thread = threading.Thread(target=self._let, args=(self.closed,), daemon=True)
        self.thread.start()

    def _let(self, closed):
        while not closed.wait(0.002) and self.path.exists():
            fd = self._open()
            if fd is None:
                continue
            # Who waited may have had the last one's byte, and be gone.
            with contextlib.suppress(BrokenPipeError):
                os.write(fd, b"x")
            os.close(fd)

    def close(self):
        self.closed.set()
        self.thread.join()


@pytest.fixture
def gate(net):
    made = Gate(net.folder)
    yield made
    # So that a daemon that waits can be asked to end.
    made.open()


def status(node):
    return node.admin.GetStatus(pb.GetStatusRequest(), timeout=60)


def progress(node):
    migration = status(node).migration
    return migration.to, migration.done, migration.is_opening


def migrates(node):
    """Its sockets are there, and it answers."""
    assert node.process.poll() is None, node.log()
    return " hashfedd: migrating the store " in node.log()


def verdicts(told):
    return {of: verdict for of, verdict, *_ in reversed(told)}


def publisher_and_provider(net):
    """A set that the provider matches on, with an entry that was taken back and one that its operator ignores, and a
    set of its own with another that was taken back."""
    hotline = net.organisation("hotline", ["ncii"])
    provider = net.organisation("provider", ["own"])
    net.enrol(hotline, provider)
    hotline.start()
    provider.start()
    origin = hotline.origin("ncii")
    hotline.append("ncii", [item(n) for n in range(400)])
    hotline.share("ncii", provider)
    provider.follow(origin)
    until(lambda: [h.verdict for h in provider.match(sha256(LISTED))] == [BLOCK], 60)
    until(lambda: hotline.match(sha256(RETRACTED)), 60)
    hotline.publish.Retract(pb.RetractRequest(hash=hashes(RETRACTED)[0], reason=1), timeout=60)
    hashfed(provider, "override", origin, str(IGNORED), "--ignore", "--reason", "common", "--until", "2099-01-01")
    provider.append("own", [item(n) for n in (500, 501)])
    until(lambda: provider.match(sha256(501)), 60)
    provider.publish.Retract(pb.RetractRequest(hash=hashes(501)[0], reason=1), timeout=60)
    until(lambda: not provider.match(sha256(RETRACTED)), 60)
    until(lambda: provider.match(sha256(IGNORED))[0].verdict == IGNORE, 60)
    return hotline, provider, origin


def begin(node, gate, **env):
    node.program = "hashfedd-next"
    node.spawn(env={**gate.env, **env})
    until(lambda: migrates(node), 60, "it migrates")
    return status(node)


def end(node, gate):
    gate.open()
    until(node._is_ready, 120, "ready")


def whole(node):
    """Every set as it is stored, each value verified."""
    found = {}
    for origin in node.sets():
        done = node.admin.VerifySet(pb.VerifySetRequest(set=origin), timeout=60)
        assert done.missing == 0
        note = node.admin.GetNote(pb.GetNoteRequest(set=origin), timeout=60).note
        found[origin] = (done.size, note.split(b"\n")[:3])
    return found


def is_right(node, before):
    told = daemon_says(node, *ASKED)
    assert told == before
    # And so that it is seen what that is.
    assert verdicts(told) == {0: BLOCK, 2: IGNORE, 3: BLOCK, 5: REVIEW}
    assert [h.verdict for h in node.match(sha256(500))] == [BLOCK] and not node.match(sha256(501))


def test_lookups_go_on_while_a_store_is_migrated_and_the_rest_says_how_far_it_is(net, gate):
    hotline, provider, origin = publisher_and_provider(net)
    before, stored = daemon_says(provider, *ASKED), whole(provider)
    labels = provider.match(sha256(LISTED))[0].labels
    assert labels
    provider.stop()

    first = begin(provider, gate)
    assert (first.migration.step, first.migration.steps) == (1, 2)
    assert first.organisation == "provider.example"
    gate.let_through(provider, 3)
    is_right(provider, before)
    place = Place(provider)
    assert place.look_up(*ASKED) == before, "in place as well"

    # What was said of it is what it was, and says so.
    answer = provider.scanner.Match(pb.MatchRequest(batches=[pb.DigestBatch(algorithm=SHA256, digests=sha256(LISTED))]), timeout=60)
    assert answer.is_migrating and answer.hits[0].freshness == pb.FRESHNESS_FRESH and not answer.hits[0].labels

    # Everything else says that it waits, for what, and how far that is.
    said = r"^the store is being migrated \(step 1 of 2, 300 of \d+ entries\); lookups go on$"
    for call in (lambda: provider.sets(), lambda: provider.append("own", [item(600)]),
                 lambda: provider.publish.Retract(pb.RetractRequest(hash=hashes(500)[0], reason=1), timeout=60),
                 lambda: hashfed_explain(provider)):
        with refused("UNAVAILABLE", "UNAVAILABLE") as problem:
            call()
        assert re.search(said, problem.text), problem.text
    shown = hashfed(provider, "status").stdout
    assert "migration     the store is being migrated (step 1 of 2, 300 of " in shown
    assert json.loads(hashfed(provider, "status", "--json").stdout)["migration"]["done"] == 300
    done = hashfed(provider, "match", sha256(LISTED).hex(), status=1)
    assert done.stdout.startswith("block\t") and "without labels" in done.stderr
    # A peer is told no more than that it is so now.
    with refused("UNAVAILABLE") as problem:
        provider.federation(hotline).Hello(pb.HelloRequest(), timeout=60)
    assert "store" not in problem.text
    health = pb.std_health_v1.HealthStub(provider.channel("scanner"))
    assert health.Check(pb.std_health_v1.HealthCheckRequest(), timeout=60).status == 1

    # The publisher takes another entry back: here that comes at the end.
    hotline.publish.Retract(pb.RetractRequest(hash=hashes(EXPIRING)[0], reason=1), timeout=60)

    # A stream goes on over the end of it.
    asked = queue.Queue()
    stream = provider.scanner.MatchStream(iter(asked.get, None), timeout=120)

    def next_answer(*keys):
        asked.put(pb.MatchStreamRequest(batch=pb.MatchRequest(batches=[
            pb.DigestBatch(algorithm=SHA256, digests=b"".join(sha256(k) for k in keys))])))
        return next(stream).batch

    assert next_answer(LISTED, RETRACTED).is_migrating
    gate.let_through(provider, 1)
    end(provider, gate)
    later = next_answer(LISTED, RETRACTED)
    assert not later.is_migrating and [h.item for h in later.hits] == [0]
    asked.put(None)

    until(lambda: not provider.match(sha256(EXPIRING)), 60)
    assert provider.match(sha256(LISTED))[0].labels == labels
    assert place.look_up(*ASKED) == daemon_says(provider, *ASKED)
    place.close()
    # Nothing is missing, and nothing was done twice: as it was, and what came since.
    now = whole(provider)
    assert set(now) == set(stored) and now[provider.origin("own")] == stored[provider.origin("own")]
    assert now[origin][0] == stored[origin][0] + 1
    assert provider.append("own", [item(600)]).size == stored[provider.origin("own")][0] + 1
    assert not status(provider).HasField("migration")
    assert "migration" not in json.loads(hashfed(provider, "status", "--json").stdout)


def hashfed_explain(node):
    return node.admin.Explain(pb.ExplainRequest(entry=pb.EntryRef(origin=node.origin("own"), index=0)), timeout=60)


@contextlib.contextmanager
def always_told(node, keys, wanted):
    """Lookups without end, several at a time, are all answered, and all so; yields how many were, while it migrated
    and after it."""
    wrong, count, is_over = [], [0, 0], threading.Event()
    channels = [grpc.insecure_channel(f"unix:{node.home}/run/scanner.sock", [("n", n)]) for n in range(3)]
    request = pb.MatchRequest(batches=[pb.DigestBatch(algorithm=SHA256, digests=b"".join(sha256(k) for k in keys))])

    def ask(channel):
        stub = pb.MatchStub(channel)
        while not is_over.is_set():
            try:
                answer = stub.Match(request, timeout=60)
            except Exception as error:
                wrong.append(error)
                return
            count[not answer.is_migrating] += 1
            told = {h.item: h.verdict for h in answer.hits}
            if told != wanted:
                wrong.append((answer.is_migrating, told))

    threads = [threading.Thread(target=ask, args=(c,)) for c in channels]
    for thread in threads:
        thread.start()
    try:
        yield count
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
        for channel in channels:
            channel.close()
    assert not wrong, wrong[:5]


def test_nobody_is_told_anything_wrong_from_the_first_word_to_the_last(net, gate):
    hotline, provider, origin = publisher_and_provider(net)
    before = daemon_says(provider, *ASKED)
    provider.stop()
    begin(provider, gate)
    with always_told(provider, (LISTED, RETRACTED, IGNORED, EXPIRING, UNLISTED), {0: BLOCK, 2: IGNORE, 3: BLOCK}) as count:
        until(lambda: count[0] > 0, 60, "an answer while it migrates")
        end(provider, gate)
        until(lambda: count[1] > 100, 60, "answers after it")
    assert daemon_says(provider, *ASKED) == before


def test_a_retraction_that_could_not_be_written_acts_meanwhile_and_is_written_after(net, gate):
    hotline = net.organisation("hotline", ["ncii"])
    path = hotline.home / "run/signer.sock"
    hotline.conf.write_text(re.sub(r"(?m)^signer:.*\n", "", hotline.conf.read_text()) + f"signer: {path}\n")

    @contextlib.contextmanager
    def signing():
        said = net.folder / "signer.log"
        with open(said, "wb") as log:
            signer = subprocess.Popen([BIN / "hashfed-signer", "--home", hotline.home], stdout=log, stderr=log)
        try:
            # Its socket is there a moment before it listens.
            until(lambda: " signer: listening " in said.read_text(), 60, "the signer listens")
            yield
        finally:
            signer.kill()
            signer.wait()
            path.unlink(missing_ok=True)

    hotline.expect_error("")
    with signing():
        hotline.start()
        hotline.append("ncii", [item(0), item(0, labels=[]), item(1)])
        until(lambda: len(hotline.match(sha256(0))) == 2, 60)
    with refused("UNAVAILABLE") as problem:
        hotline.publish.Retract(pb.RetractRequest(hash=hashes(0)[0], reason=1), timeout=60)
    assert "acts on this node" in problem.text
    assert not hotline.match(sha256(0)) and hotline.match(sha256(1))
    hotline.stop()
    with signing():
        begin(hotline, gate)
        with always_told(hotline, (0, 1), {1: BLOCK}) as count:
            until(lambda: count[0] > 0, 60, "an answer while it migrates")
            end(hotline, gate)
            until(lambda: count[1] > 100, 60, "answers after it")
        until(lambda: not os.listdir(hotline.lib / "intents"), 60, "written, and the intent gone")
        assert not hotline.match(sha256(0))
        hotline.stop()


def test_a_daemon_killed_while_it_migrates_goes_on_where_it_was_and_answers_at_once(net, gate):
    hotline, provider, origin = publisher_and_provider(net)
    before, stored = daemon_says(provider, *ASKED), whole(provider)
    provider.stop()
    begin(provider, gate)
    gate.let_through(provider, 2)
    seen = progress(provider)
    # At the gate, in the middle of a transaction.
    provider.kill()

    # So often that some of them are in the next step.
    kept = (provider.lib / "ledger.format-1/data.mdb").stat().st_ino
    for _ in range(6):
        begin(provider, gate)
        is_right(provider, before)
        gate.let_through(provider, 1)
        assert progress(provider) > seen
        seen = progress(provider)
        provider.kill()
    assert seen[0] == "hashfed-ledger/3"
    begin(provider, gate)
    end(provider, gate)
    is_right(provider, before)
    assert whole(provider) == stored
    # What was kept was kept once, before the first of it, and is a store.
    assert (provider.lib / "ledger.format-1/data.mdb").stat().st_ino == kept
    provider.stop()
    shutil.rmtree(provider.lib / "ledger")
    shutil.copytree(provider.lib / "ledger.format-1", provider.lib / "ledger")
    provider.program = "hashfedd"
    provider.start()
    assert whole(provider) == stored
    is_right(provider, before)


def test_who_is_asked_to_end_ends_and_goes_on_at_the_next_start(net, gate):
    hotline, provider, origin = publisher_and_provider(net)
    before, stored = daemon_says(provider, *ASKED), whole(provider)
    provider.stop()
    begin(provider, gate)
    gate.let_through(provider, 2)
    provider.process.send_signal(signal.SIGTERM)
    gate.open()
    assert provider.process.wait(60) == 0, provider.log()
    gate.close()
    provider._gone()
    provider.check_log()
    begin(provider, gate)
    assert status(provider).migration.step == 1
    end(provider, gate)
    is_right(provider, before)
    assert whole(provider) == stored


def test_an_index_that_cannot_be_read_is_said_and_lookups_wait(net, gate):
    hotline, provider, origin = publisher_and_provider(net)
    before = daemon_says(provider, *ASKED)
    provider.stop()
    shutil.rmtree(provider.lib / "index")
    found = begin(provider, gate)
    assert "; lookups wait: " in found.migration.sentence and found.migration.lookups_wait
    with refused("UNAVAILABLE") as problem:
        provider.match(sha256(LISTED))
    assert "lookups wait" in problem.text
    end(provider, gate)
    until(lambda: provider.match(sha256(LISTED)), 60)
    until(lambda: daemon_says(provider, *ASKED) == before, 60)


@pytest.mark.parametrize("ends", ("in order", "killed"))
def test_an_upgrade_that_starts_the_machine_anew_goes_on_with_lookups_if_the_daemon_ended_in_order(net, gate, ends):
    hotline, provider, origin = publisher_and_provider(net)
    before = daemon_says(provider, *ASKED)
    provider.stop() if ends == "in order" else provider.kill()
    # By the clock the machine was started since.
    clock = Clock(net)
    clock.move(hours=1)
    found = begin(provider, gate, **clock.env)
    if ends == "in order":
        assert found.migration.sentence.endswith("lookups go on")
        is_right(provider, before)
    else:
        assert "written before this machine was started" in found.migration.lookups_wait
        with refused("UNAVAILABLE"):
            provider.match(sha256(LISTED))
    end(provider, gate)
    until(lambda: daemon_says(provider, *ASKED) == before, 60)


def test_the_supervisor_is_told_that_it_takes_longer(net, gate):
    hotline = net.node("hotline", ["ncii"])
    hotline.append("ncii", [item(n) for n in range(50)])
    hotline.stop()
    path = net.folder / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(path))
        heard.settimeout(60)
        begin(hotline, gate, NOTIFY_SOCKET=str(path))
        # The signer that it started speaks too, which counts for nothing.
        said = [heard.recv(4096).decode()]
        while not said[-1].startswith("STATUS="):
            said.append(heard.recv(4096).decode())
        lines = said.pop().split("\n")
        assert lines[0].startswith("STATUS=the store is being migrated (step 1 of 2")
        assert lines[1:] == ["EXTEND_TIMEOUT_USEC=120000000"]
        said.clear()
        end(hotline, gate)
        while "STATUS=store migrated" not in said or "READY=1" not in said:
            said.append(heard.recv(4096).decode())


def test_a_client_that_is_revoked_meanwhile_is_cut(net, gate):
    hotline, provider, origin = publisher_and_provider(net)
    key, cert = provider.client("scan1", "scanner")
    provider.stop()
    begin(provider, gate)
    gate.let_through(provider, 1)
    scanner = pb.MatchStub(provider.tls(key, cert))
    request = pb.MatchRequest(batches=[pb.DigestBatch(algorithm=SHA256, digests=sha256(LISTED))])
    assert scanner.Match(request, timeout=60).hits
    provider.key("client", "revoke", "scan1")
    gate.let_through(provider, 1)

    def is_refused():
        try:
            scanner.Match(request, timeout=60)
        except grpc.RpcError as error:
            return error.code() in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.UNAVAILABLE)
        return False

    until(is_refused, 60)
    assert provider.match(sha256(LISTED))
    end(provider, gate)
