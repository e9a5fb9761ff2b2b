"""Many organisations in hubs and meshes, each with its real daemon, keys and
peers, and a wire in each direction between two that dial each other.

Three hubs are meshed; every other node is attached to one hub or to two, and
some nodes to each other without a hub, so that there are loops of every
length.  Publishers have a set each, which all others follow and may pass on.
They are enrolled with everybody, as signatures want, and dial only where a
link is.
"""

import itertools
import random
import re
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import SimpleNamespace

from clock import Clock
from net import item, pb, sha256, until
from watch import Watch
from wires import CUT, Wires

HUBS = 3
SET = "ncii"


class Link:
    """Two nodes that dial each other, by a wire each way."""

    def __init__(self, wires, *ends):
        self.ends = ends
        self.wires = wires

    def bytes(self, of):
        return sum(of.bytes(wire) for wire in self.wires)


class Publisher:
    """What one of them published, and what of it was taken back."""

    def __init__(self, node):
        self.node = node
        self.origin = node.origin(SET)
        self.size = 0
        self.live = {}  # number -> index
        self.retracted = set()


class Away:
    """Who cannot be reached while something is published; when each of them
    can be again, and how long after that it found it."""

    def __init__(self, nodes):
        self.nodes = nodes
        self.back = {}
        self.samples = []

    def returns(self, node):
        self.back[node] = time.monotonic()

    def found(self, node, acknowledged, when):
        self.samples.append(max(0.0, when - max(acknowledged, self.back.get(node, when))))


NOBODY = Away(())


class Federation:
    def __init__(self, net, count, seed):
        self.net = net
        self.random = random.Random(seed)
        self.numbers = itertools.count()
        self.pool = ThreadPoolExecutor(4)
        self.clock = Clock(net)
        self.wires = Wires(net)
        self.took = {}
        self.watches = {}
        self.nodes = []
        self.count = count
        self.at = self.at_rest = None  # what had gone over the links, since when

    def make(self):
        net, count = self.net, self.count
        publishers = [f"n{i}" for i in range(HUBS, HUBS + max(2, count // 5))]
        with self.timed("keys"):
            names = [f"n{i}" for i in range(count)]
            nodes = self.each(lambda name: net.organisation(name, [SET] if name in publishers else []), names)
            self.nodes = sorted(nodes, key=lambda node: names.index(node.name))
            self.member = net.organisation("watcher", endpoint=False)
        self.publishers = [Publisher(node) for node in self.nodes if node.name in publishers]
        self.links = [Link([self._lay(two), self._lay(one)], one, two) for one, two in self._shape()]
        with self.timed("enrolment"):
            self._enrol()
        with self.timed("agreements"):
            everyone = [*self.nodes, self.member]
            self.each(lambda p: p.node.key("agreement", "sign", SET, "--relay", "members",
                                           *(a for n in everyone if n is not p.node for a in ("--add", n.domain))),
                      self.publishers)
        self.wires.start()
        self.watches = {node: Watch(node, self.member) for node in self.nodes}
        with self.timed("start"):
            for node in self.nodes:
                node.env = self.clock.env
            self.each(self.start, self.nodes)
        with self.timed("following"):
            self.each(self._follow_all, self.nodes)
            for publisher in self.publishers:
                self.publish_many(publisher, 1)
            self.converge()

    # Making it.

    def each(self, what, things):
        """What for each of them, some at a time; the first failure is raised."""
        return list(self.pool.map(what, things))

    def timed(self, name):
        federation = self

        class Timed:
            def __enter__(self):
                self.began = time.monotonic()

            def __exit__(self, *_):
                federation.took[name] = time.monotonic() - self.began
        return Timed()

    def _shape(self):
        hubs, rest = self.nodes[:HUBS], self.nodes[HUBS:]
        pairs = set(itertools.combinations(hubs, 2))
        for node in rest:
            pairs |= {(hub, node) for hub in self.random.sample(hubs, self.random.choice([1, 2]))}
        while len(pairs) < HUBS + len(rest) * 2:
            pairs.add(tuple(sorted(self.random.sample(rest, 2), key=self.nodes.index)))
        return sorted(pairs, key=lambda pair: [self.nodes.index(node) for node in pair])

    def _lay(self, node):
        return self.wires.lay(self.net.free_port(), node.port)

    def _enrol(self):
        """Both compare the fingerprint of the pair, and add each other."""
        endpoints = {}
        for link in self.links:
            for one, two, wire in zip(link.ends, reversed(link.ends), link.wires):
                endpoints[one, two] = f"127.0.0.1:{self.wires.port(wire)}"
        know = {tuple(sorted(pair, key=self.nodes.index)) for pair in endpoints}
        for publisher in self.publishers:
            know |= {tuple(sorted((publisher.node, node), key=self.nodes.index))
                     for node in self.nodes if node is not publisher.node}
        know |= {(node, self.member) for node in self.nodes}
        invites = dict(zip([*self.nodes, self.member], self.each(lambda n: n.invite(), [*self.nodes, self.member])))

        def ask(pair):
            out = pair[0].key("peer", "fingerprint", invites[pair[1]]).stdout
            return re.search(r"\d{5}( \d{5}){7}", out).group()
        digits = dict(zip(know, self.each(ask, know)))

        def add_all(node):
            for pair in know:
                if node in pair:
                    other = pair[1 - pair.index(node)]
                    endpoint = endpoints.get((node, other))
                    node.key("peer", "add", invites[other], "--fingerprint", digits[pair],
                             *(["--endpoint", endpoint] if endpoint else ["--silent"]))
        self.each(add_all, self.nodes)

    def _follow_all(self, node):
        for publisher in self.publishers:
            if publisher.node is not node:
                node.follow(publisher.origin)

    # What happens to it.

    def start(self, node):
        node.start()
        self.watches[node].begin()

    def kill(self, node):
        self.watches[node].end()
        node.kill()

    def close(self):
        for node in self.nodes:
            if node in self.watches:
                self.watches[node].end()
        # One by one, as the network ends them, takes a minute; it finds what
        # is wrong with how they ended as well.
        self.each(lambda node: node.stop(), self.nodes)
        self.pool.shutdown()

    def publish(self, publisher, samples, away=NOBODY):
        """One entry more; how long after its acknowledgement each node finds
        it goes into samples."""
        number = next(self.numbers)
        self._change(publisher, sha256(number), True, samples, away,
                     lambda: publisher.node.append(SET, [item(number)]))
        publisher.live[number] = publisher.size - 1

    def retract(self, publisher, samples, away=NOBODY):
        number = self.random.choice(sorted(publisher.live))
        entry = pb.EntryRef(origin=publisher.origin, index=publisher.live.pop(number))
        for watch in self.watches.values():
            watch.forget(sha256(number))
        self._change(publisher, sha256(number), False, samples, away,
                     lambda: publisher.node.publish.Retract(pb.RetractRequest(entry=entry, reason=1), timeout=60))
        publisher.retracted.add(number)

    def publish_many(self, publisher, count):
        numbers = [next(self.numbers) for _ in range(count)]
        publisher.node.append(SET, [item(n) for n in numbers])
        publisher.live.update(zip(numbers, itertools.count(publisher.size)))
        publisher.size += count

    def _change(self, publisher, digest, is_there, samples, away, call):
        change = SimpleNamespace(acknowledged=None, early=[])

        def told(node, when):
            # Others may know before the publisher's client does.
            if change.acknowledged is None:
                change.early.append(when)
            elif node in away.nodes:
                away.found(node, change.acknowledged, when)
            else:
                samples.append(when - change.acknowledged)
        for node in self.nodes:
            if node is not publisher.node:
                self.watches[node].expect(publisher.origin, publisher.size, digest, is_there, partial(told, node))
        call()
        change.acknowledged = time.monotonic()
        samples.extend(0.0 for _ in change.early)
        publisher.size += 1

    # What is so.

    def roots(self, node):
        """The size and root of each set here, as signed, where all is applied."""
        sets = node.sets()
        marks = {}
        for publisher in self.publishers:
            about = sets.get(publisher.origin)
            if about is None or not 0 < about.applied == about.seen or about.missing:
                return None
            note = node.admin.GetNote(pb.GetNoteRequest(set=publisher.origin), timeout=60).note
            marks[publisher.origin] = tuple(note.split(b"\n")[1:3])
            if int(marks[publisher.origin][0]) != about.applied:
                return None
        return marks

    def converge(self, seconds=600):
        """Every set is the same everywhere; how long that took."""
        began = time.monotonic()
        wanted = {}
        for publisher in self.publishers:
            note = publisher.node.admin.GetNote(pb.GetNoteRequest(set=publisher.origin), timeout=60).note
            wanted[publisher.origin] = tuple(note.split(b"\n")[1:3])
            assert int(wanted[publisher.origin][0]) == publisher.size
        for node in self.nodes:
            until(lambda node=node: self.roots(node) == wanted, seconds, f"{node.name} has what everybody has")
        return time.monotonic() - began

    def all_told(self, nodes=None, origins=None, seconds=600):
        for node in nodes or self.nodes:
            until(lambda node=node: self.watches[node].has_all(origins), seconds, f"{node.name} finds what is published")

    def notice(self, down, broken):
        """Wait until those who dial one that is down, or over a wire that is
        cut, know: what is shorter nobody would have to recover from."""
        for link in self.links:
            for one, two, wire in zip(link.ends, reversed(link.ends), link.wires):
                if one not in down and (two in down or link in broken and self.wires.mode(wire) == CUT):
                    until(lambda one=one, two=two: not one.peers()[two.domain].is_connected, 600,
                          f"{one.name} notices that {two.name} is gone")

    def reach(self, node, down, broken):
        """The nodes that a node reaches while some are down and links broken."""
        found, todo = {node}, [node]
        while todo:
            here = todo.pop()
            for link in self.links:
                if here in link.ends and link not in broken:
                    there = link.ends[1 - link.ends.index(here)]
                    if there not in found and there not in down:
                        found.add(there)
                        todo.append(there)
        return found

    def spent(self, what):
        """The bytes that this takes of each link, till all of them rest."""
        self.settle()
        before = [link.bytes(self.wires) for link in self.links]
        what()
        self.settle()
        return [link.bytes(self.wires) - b for link, b in zip(self.links, before)]

    def minute(self):
        """The bytes of each link while a minute goes by and nothing happens."""
        self.settle()
        before = [link.bytes(self.wires) for link in self.links]
        end = time.monotonic() + 60
        until(lambda: time.monotonic() > end, 90)
        return [link.bytes(self.wires) - b for link, b in zip(self.links, before)]

    def settle(self, window=6.0, ping_bytes=300):
        """Nothing but pings has gone over any link for longer than the slowest
        timer of a daemon that has something to tell."""
        def rests():
            now = {link: link.bytes(self.wires) for link in self.links}
            if not self.at or any(now[link] - self.at[link] > ping_bytes for link in self.links):
                self.at, self.at_rest = now, time.monotonic()
            return time.monotonic() - self.at_rest > window
        until(rests, 300, "the links rest")

    def received(self):
        """The entries that each node got, from all of its peers."""
        return {node.name: sum(p.entries_received for p in node.peers().values()) for node in self.nodes}

    def memory(self):
        """What daemons and signers take, shared pages counted once, in MiB."""
        total = 0
        for node in self.nodes:
            for pid in children(node.process.pid):
                with open(f"/proc/{pid}/smaps_rollup") as file:
                    total += int(re.search(r"^Pss:\s+(\d+)", file.read(), re.M).group(1))
        return total / 1024


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [pid, *map(int, file.read().split())]
