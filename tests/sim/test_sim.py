"""A federation of many daemons in hubs and meshes on one machine: while all
is well, while nothing happens, and while a third of it is killed and the
links break.  HASHFED_SIM_NODES says how many, HASHFED_SEED repeats a run.

Tests run in this order, on one federation.  None of them fails because the
machine is slow: bounds are on bytes and on entries, times are printed.
"""

import os
import random
import statistics

import pytest

from conftest import report
from federation import Away, Federation
from net import pb, sha256, until
from wires import CUT, HELD, OPEN

NODES = int(os.environ.get("HASHFED_SIM_NODES", "50"))
SEED = int(os.environ.get("HASHFED_SEED", random.randrange(1 << 32)))
MANY = 1000
ROUNDS = 4


@pytest.fixture(scope="module")
def federation(net):
    report(f"{NODES} daemons, HASHFED_SEED={SEED}")
    made = Federation(net, NODES, SEED)
    try:
        made.make()
    except BaseException:
        made.close()
        made.wires.close()
        raise
    report(f"{len(made.links)} links, {len(made.publishers)} publishers; seconds: " +
           ", ".join(f"{name} {took:.1f}" for name, took in made.took.items()))
    yield made
    made.close()
    net.close()
    made.wires.close()


def times(name, samples):
    samples = sorted(samples)
    report(f"{name}: {len(samples)} arrivals, p50 {1000 * statistics.median(samples):.0f} ms, "
           f"p99 {1000 * samples[len(samples) * 99 // 100]:.0f} ms, most {1000 * samples[-1]:.0f} ms")


def sizes(name, spent):
    report(f"{name}: bytes a link: median {statistics.median(spent):.0f}, most {max(spent)}, all {sum(spent)}")


def test_each_entry_reaches_everybody_and_each_node_gets_it_once(federation):
    # One after the other, so that the times are those of a quiet federation.
    adds, retractions = [], []
    for _ in range(2):
        for publisher in federation.publishers:
            federation.publish(publisher, adds)
            federation.all_told()
    for publisher in federation.publishers:
        federation.retract(publisher, retractions)
        federation.all_told()
    times("calm, ADD found", adds)
    times("calm, RETRACT felt", retractions)

    # And many at once: what goes over a link is little more than the entries.
    def many():
        federation.each(lambda p: federation.publish_many(p, MANY), federation.publishers)
        federation.converge()
    before = federation.received()
    spent = federation.spent(many)
    sizes(f"calm, {MANY} entries in each of {len(federation.publishers)} sets", spent)
    once = 0
    for publisher in federation.publishers:
        end = publisher.size
        for chunk in publisher.node.federation(federation.member).GetChunks(
                pb.GetChunksRequest(origin=publisher.origin, size=end, first=end - MANY, end=end), timeout=60):
            once += len(chunk.SerializeToString())
    report(f"calm, the same entries once: {once} bytes")
    # No link had more than everything once, whichever way.
    assert max(spent) < 1.3 * once
    total = sum(publisher.size for publisher in federation.publishers)
    own = {publisher.node.name: publisher.size for publisher in federation.publishers}
    for name, entries in federation.received().items():
        assert entries == total - own.get(name, 0), f"{name} got each entry once, from one peer"
    assert sum(spent) < 1.3 * once * NODES, before


def test_an_idle_hour_takes_less_than_a_kibibyte_a_minute_of_each_link(federation):
    def hour():
        for _ in range(6):
            at = {node: {p.origin: node.sets()[p.origin].checkpoint_ms for p in federation.publishers}
                  for node in federation.nodes}
            federation.clock.move(minutes=10)
            federation.each(federation.clock.look, federation.nodes)
            for node in federation.nodes:
                until(lambda node=node: all(node.sets()[origin].checkpoint_ms > ms for origin, ms in at[node].items()),
                      120, "every set was signed again")
    signed = federation.spent(hour)
    sizes("idle, signed again through an hour", signed)
    # The hour was only on the clock: what connections cost takes a real minute.
    pings = federation.minute()
    sizes("idle, a minute of connections", pings)
    minute = [each / 60 + ping for each, ping in zip(signed, pings)]
    report(f"idle, bytes a link and minute: median {statistics.median(minute):.0f}, most {max(minute):.0f}")
    assert max(minute) <= 1024


def test_a_third_is_killed_and_links_break_and_in_the_end_all_is_the_same_everywhere(federation):
    chance = federation.random
    victims = chance.sample(federation.nodes, len(federation.nodes) // 3)
    adds, retractions, late = [], [], []
    before = [link.bytes(federation.wires) for link in federation.links]
    for turn in range(ROUNDS):
        down = set(victims[turn::ROUNDS])
        federation.each(federation.kill, down)
        # Half of the turns, the federation falls in two.
        side = set(chance.sample(federation.nodes, len(federation.nodes) // 2)) if turn % 2 else set()
        broken = {link for link in federation.links if (link.ends[0] in side) != (link.ends[1] in side)}
        for mode in (HELD, CUT):
            federation.wires.set([w for link in broken for w in link.wires if w % 2 == mode - 1], mode)
        up = [p for p in federation.publishers if p.node not in down]
        reached = {p: federation.reach(p.node, down, broken) for p in up}
        away = {p: Away(set(federation.nodes) - reached[p]) for p in up}
        for publisher in up:
            for _ in range(3):
                federation.publish(publisher, adds, away[publisher])
            federation.retract(publisher, retractions, away[publisher])
        # Whoever can be reached at all is.
        for publisher in up:
            federation.all_told(reached[publisher], [publisher.origin])
        federation.notice(down, broken)

        def comes_back(node):
            for each in away.values():
                each.returns(node)
        for node in set(federation.nodes) - down:
            comes_back(node)
        federation.wires.set([w for link in broken for w in link.wires], OPEN)
        federation.each(lambda node: (comes_back(node), federation.start(node)), down)
        late += away.values()
    took = federation.converge()
    federation.all_told()
    times("churn, ADD found by those in reach", adds)
    times("churn, RETRACT felt by those in reach", retractions)
    times("churn, either, by the others once they are back", [s for each in late for s in each.samples])
    report(f"churn, all the same {took:.1f} s after the last start")
    sizes("churn", [link.bytes(federation.wires) - b for link, b in zip(federation.links, before)])


def test_in_the_end_every_set_verifies_and_matches_what_was_not_taken_back(federation):
    live = {number for publisher in federation.publishers for number in publisher.live}
    gone = {number for publisher in federation.publishers for number in publisher.retracted}

    def check(node):
        for publisher in federation.publishers:
            done = node.admin.VerifySet(pb.VerifySetRequest(set=publisher.origin), timeout=60)
            assert (done.size, done.missing) == (publisher.size, 0)
        digests = [sha256(number) for number in sorted(live | gone)]

        def finds():
            found = set()
            for at in range(0, len(digests), 5000):
                found |= {hit.digest for hit in node.match(*digests[at:at + 5000])}
            return found == {sha256(number) for number in live}
        until(finds, 60, f"{node.name} matches what is live and nothing else")
    federation.each(check, federation.nodes)
    report(f"{len(live)} entries found at every node, {len(gone)} retracted ones at none")
    report(f"memory of {NODES} daemons and their signers: {federation.memory():.0f} MiB")
