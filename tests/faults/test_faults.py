"""The disk refuses, half-writes or the process dies at every call that changes a
file, in publisher, subscriber, witness and their signers.

Whatever happens, nobody's tree forks, nothing that was acknowledged is lost,
nothing that was retracted matches, each daemon either goes on or ends and can
be started again, and all of them agree afterwards.
"""

import collections
import contextlib
import os
import random
import time

import grpc
import pytest

from faults import DEATH, IO_ERROR, LIE, NAMES, NO_SPACE, NONE, SHORT, Faults, kinds
from load import ORIGIN, Load, Model, Witness
from net import BIN, pb, until

# Of work until a site is left for another turn: so long, and so much of it.
MET_S, MET_ACKS, MET_MOST_S = 1.0, 100, 60
GOES_ON_S = 120
CHECK_EVERY = 20
FAULTS = int(os.environ.get("HASHFED_FAULTS", 500))
TRIES = 2        # of a site that working comes to now and then

# What a caller may be told while a disk fails.
BEARS = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL, grpc.StatusCode.RESOURCE_EXHAUSTED,
         grpc.StatusCode.DATA_LOSS)


class World:
    """A publisher, a witness whose word the subscriber waits for, and the
    subscriber; each with a page of its own."""

    def __init__(self, net):
        self.seed = int(os.environ.get("HASHFED_SEED", random.randrange(1 << 32)))
        random.seed(self.seed)
        self.publisher = net.organisation("hotline", ["ncii"])
        self.witness, self.subscriber = net.organisation("witness"), net.organisation("provider")
        self.nodes = [self.publisher, self.witness, self.subscriber]
        self.pages = {node: Faults(net.folder / f"{node.name}.faults", BIN / "faults-shim.so", f"{node.home}/")
                      for node in self.nodes}
        for node in self.nodes[1:]:
            self.publisher.enrol(node, "--silent")
            node.enrol(self.publisher)
        for node in self.nodes:
            self.start(node)
        self.publisher.share("ncii", self.witness, is_witness=True)
        self.witness.follow(ORIGIN)
        key = until(lambda: self.witness.admin.GetStatus(pb.GetStatusRequest(), timeout=60).cosigner_vkey, 60)
        self.publisher.share("ncii", self.subscriber)
        self.subscriber.follow(ORIGIN)
        for node in (self.publisher, self.subscriber):
            node.configure(f"witnesses:\n  - set: {ORIGIN}\n    from:\n      - {key}\n    need: 1\n")
            node.kill()
            self.start(node)
        self.model = Model()
        self.reader = Witness(self.publisher, self.subscriber, self.model)
        # Sites, as (node, number), that working and starting come to.
        self.at_work, self.at_start = set(), set()
        for node in self.nodes:
            node.kill()
            with self.seen_in(self.at_start):
                self.start(node)
        self.goes_on()

    def start(self, node):
        node.start(env=self.pages[node].env)

    def revive(self, node):
        """Start it again if it ended."""
        if node.process.poll() is not None:
            node.kill()
            self.start(node)

    def hits(self):
        return {(node, site): hits for node in self.nodes for site, (_, hits) in self.pages[node].sites().items()}

    @contextlib.contextmanager
    def seen_in(self, seen):
        """Adds the sites that the block comes to."""
        before = self.hits()
        yield
        seen |= {key for key, hits in self.hits().items() if hits > before.get(key, 0)}

    def name(self, node, site):
        return f"{node.name}: {self.pages[node].sites()[site][0]}"

    def load(self):
        return Load(self.publisher, self.model, BEARS)

    def retract(self):
        """One of what was acknowledged; it may be refused."""
        with self.model.lock:
            alive = sorted(set(self.model.at) - self.model.retracted - self.model.unsure)
            index = random.choice(alive)
            self.model.unsure.add(index)
        try:
            self.publisher.publish.Retract(pb.RetractRequest(
                entry=pb.EntryRef(origin=ORIGIN, index=index), reason=pb.RETRACT_REASON_WRONG), timeout=60)
        except grpc.RpcError:
            return
        with self.model.lock:
            self.model.unsure.discard(index)
            self.model.retracted.add(index)

    def agree(self):
        """All have everything, and find what they should."""
        size = self.reader.look()
        until(lambda: self.subscriber.applied(ORIGIN) >= size, GOES_ON_S, "the subscriber has it all")
        until(lambda: self.witness.sets()[ORIGIN].seen >= size, GOES_ON_S, "the witness saw it all")
        for node in (self.publisher, self.subscriber):
            self.reader.verify(node)
        # What could not be written into the audit when it was done comes there.
        until(self.is_audited, GOES_ON_S, "every entry stands in the audit")
        for node in self.nodes:
            assert node.sets()[ORIGIN].state != pb.SET_STATE_FROZEN, node.log()

    def is_audited(self):
        try:
            self.reader.audited()
        except AssertionError:
            return False
        return True

    def goes_on(self):
        """Something is acknowledged again."""
        with self.seen_in(self.at_work):
            load = self.load()
            try:
                until(lambda: load.acks() >= 2 or self.model.wrong, GOES_ON_S, "acknowledgements go on")
            finally:
                load.stop()
        assert not self.model.wrong, self.model.wrong[:3]


@pytest.fixture
def world(net):
    return World(net)


def dies(page, site):
    """Whether the daemon died of what was met, or is about to."""
    return page.struck() == DEATH and page.sites()[site][0].startswith("daemon")


def meet_under_load(world, node, site):
    """Whether the armed site is come to by working."""
    page, load = world.pages[node], world.load()
    try:
        began = time.monotonic()

        def is_enough():
            took = time.monotonic() - began
            return took > MET_MOST_S or (took > MET_S and load.acks() >= MET_ACKS)
        while page.struck() == NONE and not is_enough() and not world.model.wrong:
            if world.model.at:
                world.retract()
            load.stopping.wait(0.01)
    finally:
        load.stop()
    assert not world.model.wrong, world.model.wrong[:3]
    if dies(page, site):
        node.process.wait(timeout=60)
    return page.struck() != NONE


def meet_at_start(world, node, site):
    """Whether it is by starting.  A start that fails is for the next one."""
    page = world.pages[node]
    node.kill()
    node.spawn(env=page.env)
    until(lambda: node.process.poll() is not None or " hashfedd: ready " in node.log(), 120,
          f"{node.name} is ready or ends")
    if dies(page, site):
        node.process.wait(timeout=60)
    assert node.process.poll() is None or page.struck() != NONE, f"it ends without a fault: {node.log()}"
    return page.struck() != NONE


def inject(world, node, site, fault):
    """Whether the fault was met."""
    page = world.pages[node]
    if (node, site) in world.at_work:
        page.arm(site, fault, random.randint(1, 3))
        met = meet_under_load(world, node, site)
    else:
        page.arm(site, fault, 1)
        met = meet_at_start(world, node, site)
    page.disarm()
    world.revive(node)
    return met


def next_site(world, tried, met):
    """The site that had the fewest faults, and one that it had least of.
    Sites that working comes to only now and then are given up some time."""
    sites = [key for key in world.at_work | world.at_start if met[key] or tried[key].total() < TRIES]
    fewest = min(tried[key].total() for key in sites)
    node, site = random.choice([key for key in sites if tried[key].total() == fewest])
    able = kinds(world.pages[node].sites()[site][0])
    least = min(tried[node, site][kind] for kind in able)
    return node, site, random.choice([kind for kind in able if tried[node, site][kind] == least])


def test_no_call_that_fails_loses_or_forks_anything(world, capsys):
    tried, met = collections.defaultdict(collections.Counter), collections.defaultdict(collections.Counter)
    began = time.monotonic()
    total = 0
    while total < FAULTS or any(tried[key].total() == 0 for key in world.at_work | world.at_start):
        node, site, fault = next_site(world, tried, met)
        tried[node, site][fault] += 1
        if not inject(world, node, site, fault):
            continue
        met[node, site][fault] += 1
        total += 1
        try:
            world.goes_on()
            world.reader.look()
            if total % CHECK_EVERY == 0:
                world.agree()
        except BaseException as error:
            raise AssertionError(f"{world.name(node, site)}: {NAMES[fault]}, seed {world.seed}") from error
    world.agree()
    missed = [key for key in tried if not met[key]]
    by_fault = sum(met.values(), collections.Counter())
    with capsys.disabled():
        print(f"\n{total} faults at {len(tried) - len(missed)} sites in {time.monotonic() - began:.0f} s, "
              f"{world.reader.tree.size} entries, {len(world.model.retracted)} retracted, seed {world.seed}")
        for fault, count in by_fault.most_common():
            print(f"  {count:4} {NAMES[fault]}")
        for key in missed:
            print(f"  not met again: {world.name(*key)}")
    assert set(by_fault) == {IO_ERROR, NO_SPACE, SHORT, DEATH}
    # They are come to now and then: by sealing, by merging.
    assert len(missed) < len(tried) / 3


def test_a_disk_that_lies_is_found_out(world):
    """The checks above are worth something: a store that says it has written
    what it has not does not pass them."""
    node, page = world.publisher, world.pages[world.publisher]
    lies = [site for site, (name, _) in page.sites().items() if name == "daemon writev ledger/data.mdb"
            and (node, site) in world.at_work]
    assert lies
    for told in range(10):
        load = world.load()
        try:
            # An earlier lie may be of a set that nobody else has, as that of
            # the audit: the node finds out by itself, and takes nothing more.
            until(lambda: load.acks() >= 10 or (told and "ledger: damage found" in node.log()),
                  GOES_ON_S, "there is something to lose")
            if load.acks() < 10:
                break
            page.arm(random.choice(lies), LIE, 1)
            until(lambda: page.struck() == LIE, GOES_ON_S, "a lie")
        finally:
            load.stop()
        page.disarm()
        node.kill()
        try:
            world.start(node)
            world.reader.look(is_full=True)
            world.reader.verify()
        except (AssertionError, grpc.RpcError):
            break
    else:
        raise AssertionError("nobody noticed ten lies")
    # What it has now is not worth an orderly end.
    if node.process is not None:
        node.kill()
