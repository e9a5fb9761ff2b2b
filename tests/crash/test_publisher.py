"""kill -9 of daemon, signer or both while entries are appended.

Every cycle loads a publisher, kills at a chosen place of the publisher's order
or at a random moment, lets it start again, and compares all that was
acknowledged with what is there: read over the wire, checked with a tree and a
commitment that this file computes itself.
"""

import collections
import itertools
import os
import random
import signal
import time
from pathlib import Path

import grpc
import pytest

from net import is_stopped, pb, until
from load import Batch, Load, Model, Witness
from order import DAEMON, DAEMON_PID, GAPS, MID_COMMIT, PUBLISHING, SIGNER, SIGNER_PID
from proof import parse_note

STRIKE_S = 120
FULL_CHECK_EVERY = 10
VICTIMS = {DAEMON: "daemon", SIGNER: "signer", DAEMON | SIGNER: "both"}


def plan():
    """(place or None for a random moment, victims), shuffled."""
    rounds = {DAEMON: 6, DAEMON | SIGNER: 5, SIGNER: 3}
    kills = [(place, victims) for place in PUBLISHING for victims, times in rounds.items() for _ in range(times)]
    kills += [(None, victims) for victims, times in {DAEMON: 24, DAEMON | SIGNER: 16, SIGNER: 14}.items()
              for _ in range(times)]
    random.shuffle(kills)
    return kills


def strike_outside(node, page, victims, load):
    """At a moment that has to do with nothing in there."""
    work = random.randint(0, 40)
    until(lambda: load.acks() >= work or load.model.wrong, STRIKE_S, "acknowledgements")
    load.stopping.wait(random.uniform(0, 0.25))
    if victims & SIGNER:
        pid = page.get(SIGNER_PID)
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            assert victims & DAEMON, "no signer to kill"
    if victims & DAEMON:
        node.process.kill()


def strike(node, page, place, victims, load):
    """Load until death came where it was ordered."""
    if place is None:
        strike_outside(node, page, victims, load)
    else:
        page.arm(place, random.randint(1, 40), victims)
        until(lambda: page.struck() == place or load.model.wrong, STRIKE_S, f"a kill at {place}")
        page.disarm()
        assert not load.model.wrong, load.model.wrong[:3]
    if victims & DAEMON:
        assert node.process.wait(timeout=STRIKE_S) == -signal.SIGKILL
        return
    # The daemon lives on, starts the signer again, and goes on acknowledging.
    before = load.acks()
    until(lambda: load.acks() >= before + 10 or load.model.wrong, STRIKE_S, "acknowledgements go on")
    assert node.process.poll() is None


@pytest.fixture
def publisher(net):
    """One that loads are put on, and a peer whose keys read it."""
    node, peer = net.organisation("hotline", ["ncii"]), net.organisation("partner")
    net.enrol(node, peer, "--silent")
    return node, peer


def test_nothing_acknowledged_is_lost_and_no_tree_forks(publisher, page, capsys):
    seed = int(os.environ.get("HASHFED_SEED", random.randrange(1 << 32)))
    random.seed(seed)
    node, peer = publisher
    model = Model()
    witness = Witness(node, peer, model)
    done = collections.Counter()
    acks, began = [], time.monotonic()

    node.start(env=page.env)
    node.share("ncii", peer)
    for cycle, (place, victims) in enumerate(plan(), 1):
        signer = page.get(SIGNER_PID)
        load = Load(node, model)
        try:
            strike(node, page, place, victims, load)
        finally:
            load.stop()
        assert not model.wrong, (seed, place, VICTIMS[victims], model.wrong[:3])
        done[place, victims] += 1
        acks.append(load.acks())
        if victims & DAEMON:
            assert page.get(DAEMON_PID) == node.process.pid
            node.kill()
            node.start(env=page.env)
        assert page.get(SIGNER_PID) != signer, "the signer is another one"
        witness.look(is_full=cycle % FULL_CHECK_EVERY == 0)
        if cycle % FULL_CHECK_EVERY == 0:
            witness.verify()
            witness.audited()
            witness.repeat()

    # Nothing is left over: what was in flight at a kill is there once.
    while not model.again.empty():
        batch = model.again.get()
        model.acknowledge(batch, node.publish.Append(batch.requests(), timeout=60))
    assert not model.wrong, model.wrong[:3]
    size = witness.look(is_full=True)
    assert sorted(model.at) == list(range(size)), "an entry that nobody sent, or one sent twice"
    witness.verify()
    witness.audited()
    node.stop()
    node.start()
    assert witness.look(is_full=True) == size

    report(done, acks, size, len(witness.notes), time.monotonic() - began, seed, capsys)


def report(done, acks, size, notes, seconds, seed, capsys):
    kills = sum(done.values())
    by_place = collections.Counter()
    for (place, _), count in done.items():
        by_place[place] += count
    mid_commit = sum(by_place[place] for place in MID_COMMIT)
    lines = [f"{kills} kills in {seconds:.0f} s, {mid_commit} mid-commit, {sum(acks)} acknowledgements "
             f"({sum(acks) / len(acks):.0f} a cycle), {size} entries, {notes} checkpoints compared, seed {seed}"]
    lines += [f"  {sum(by_place[place] for place in places):4} {gap}" for gap, places in GAPS.items()]
    lines.append(f"  {by_place[None]:4} at a random moment")
    lines += [f"  {sum(c for (_, v), c in done.items() if v == victims):4} of {name}"
              for victims, name in VICTIMS.items()]
    with capsys.disabled():
        print("\n" + "\n".join(lines))
    assert kills >= 200
    assert mid_commit >= kills / 10
    assert all(any(by_place[place] for place in places) for places in GAPS.values())
    assert all(by_place[place] for place in itertools.chain(*GAPS.values()))
    assert sum(acks) / len(acks) >= 30


def test_a_batch_sent_again_waits_for_its_signature_and_stays_what_it_was(publisher, page):
    """Its entries are durable, the signer does not answer: that is no yes."""
    node, _ = publisher
    node.start(env=page.env)
    stub, batch = node.publish, Batch()
    first = parse_note(node.admin.GetNote(pb.GetNoteRequest(set="ncii")).note)[1]
    asked = page.passes("ask")
    os.kill(page.get(SIGNER_PID), signal.SIGSTOP)
    tasks = Path(f"/proc/{page.get(SIGNER_PID)}/task")
    until(lambda: all(is_stopped(task) for task in tasks.iterdir()), 60, "the signer hangs")
    try:
        before = stub.Append.future(batch.requests(), timeout=60)
        until(lambda: page.passes("ask") > asked, 60, "the signer is asked")
        again = stub.Append.future(batch.requests(), timeout=60)
        with pytest.raises(grpc.FutureTimeoutError):
            again.result(timeout=0.5)
    finally:
        os.kill(page.get(SIGNER_PID), signal.SIGCONT)
    answer = before.result()
    assert answer.ranges[0].first == first and list(again.result().ranges) == list(answer.ranges)
    assert again.result().size >= sum(len(part) for part in batch.parts) + first

    # And with other items it is another batch, which cannot have this name.
    batch.parts[0][0] = os.urandom(32)
    with pytest.raises(grpc.RpcError) as refused:
        stub.Append(batch.requests(), timeout=60)
    assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION
