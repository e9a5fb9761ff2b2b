"""How much goes over the links of a federation: each entry once, and next to
nothing when nothing happens."""

import itertools

import pytest
from clock import Clock
from net import item, pb, sha256, until
from wire import Wire

ORIGIN = "a.example/ncii/1"
ENTRIES = 10000


class Loop:
    """a, b and c, each enrolled with both others, every link over a wire each
    way; b and c follow a's set and may pass it on."""

    def __init__(self, net):
        self.clock = Clock(net)
        self.nodes = [net.organisation(name, ["ncii"] if name == "a" else []) for name in "abc"]
        self.wires = {}
        for one, two in itertools.permutations(self.nodes, 2):
            wire = self.wires[one.name + two.name] = Wire(net, two)
            one.enrol(two, "--endpoint", wire.address)
        for node in self.nodes:
            node.env = self.clock.env
            node.start()
        self.a, self.b, self.c = self.nodes
        for node in (self.b, self.c):
            self.a.share("ncii", node, may_relay=True)
            node.follow(ORIGIN)
        self.publish(0, 1)

    def publish(self, first, count):
        for at in range(first, first + count, 1000):
            self.a.append("ncii", [item(n) for n in range(at, min(at + 1000, first + count))])
        for node in (self.b, self.c):
            until(lambda node=node: node.applied(ORIGIN) == first + count, 300)

    def links(self):
        """Bytes between each two, both connections together."""
        return {pair: self.wires[pair].bytes + self.wires[pair[::-1]].bytes for pair in ("ab", "bc", "ac")}

    def settle(self):
        """Nothing has gone over any link for longer than a daemon waits with
        what is not urgent."""
        until(lambda: all(w.quiet_for() > 3 for w in self.wires.values()), 120, "the links fall quiet")

    def spent(self, what):
        """What this takes, link by link."""
        self.settle()
        before = self.links()
        what()
        self.settle()
        return {pair: now - before[pair] for pair, now in self.links().items()}

    def close(self):
        for wire in self.wires.values():
            wire.close()


@pytest.fixture
def loop(net):
    made = Loop(net)
    yield made
    for node in made.nodes:
        node.stop()
    made.close()


def test_case_31_in_a_loop_each_entry_crosses_a_link_once_and_then_it_is_quiet(loop):
    spent = loop.spent(lambda: loop.publish(1, ENTRIES))
    chunks = list(loop.a.federation(loop.b).GetChunks(
        pb.GetChunksRequest(origin=ORIGIN, size=ENTRIES + 1, first=0, end=ENTRIES + 1), timeout=60))
    once = sum(len(chunk.SerializeToString()) for chunk in chunks)
    assert once > ENTRIES * 64
    # Two of the three are enough to reach both, and no link had it twice.
    assert all(link < 1.3 * once for link in spent.values()), (spent, once)
    assert sum(spent.values()) < 2.4 * once, (spent, once)
    for node in (loop.b, loop.c):
        done = node.admin.VerifySet(pb.VerifySetRequest(set=ORIGIN), timeout=60)
        assert (done.size, done.missing) == (ENTRIES + 1, 0)
        until(lambda node=node: node.match(sha256(ENTRIES)), 60)


def test_a_set_that_is_signed_again_is_told_over_each_link_one_way(loop):
    def again():
        at = loop.a.sets()[ORIGIN].checkpoint_ms
        loop.clock.move(minutes=10)
        loop.clock.look(loop.a)
        for node in (loop.b, loop.c):
            until(lambda node=node: node.sets()[ORIGIN].checkpoint_ms > at, 60, "it is signed again")
        # A slow machine may fall quiet before the last one has told it.
        until(lambda: all(now > before[pair] + note for pair, now in loop.links().items()), 60, "every link has it")
    note = len(loop.a.admin.GetNote(pb.GetNoteRequest(set=ORIGIN), timeout=60).note)
    for _ in range(10):
        loop.settle()
        before = loop.links()
        spent = loop.spent(again)
        # Two that hear it from a third at once may both be on the way to the
        # other; that is rare.
        assert all(note < link < 4 * note for link in spent.values()), (spent, note)
        if all(link < 2 * note for link in spent.values()):
            return
    raise AssertionError(f"two always told each other: {spent}, {note}")


def test_an_idle_hour_takes_less_than_a_kibibyte_a_minute_of_each_link(loop):
    def hour():
        for _ in range(6):
            at = {node.name: node.sets()[ORIGIN].checkpoint_ms for node in loop.nodes}
            loop.clock.move(minutes=10)
            for node in loop.nodes:
                loop.clock.look(node)
            for node in loop.nodes:
                until(lambda node=node: node.sets()[ORIGIN].checkpoint_ms > at[node.name], 60, "it is signed again")
    spent = loop.spent(hour)
    assert all(0 < link < 60 * 1024 for link in spent.values()), spent
