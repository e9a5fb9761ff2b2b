"""kill -9 of a subscriber while it takes a set in."""

import os
import random
import signal
import threading

from net import pb, until
from order import DAEMON
from proof import item_of

ORIGIN = "hotline.example/ncii/1"
KILLS = 20
PLACES = ["entries-write", "entries-sync", "entries-meta"]


def append(node, digests):
    return node.append("ncii", [item_of(digest) for digest in digests]).size


class Growth(threading.Thread):
    """Appends until it is told to stop, so that there is always more."""

    def __init__(self, node):
        super().__init__()
        self.node, self.digests, self.failed = node, [], None
        self.stopping = threading.Event()

    def run(self):
        try:
            while not self.stopping.is_set():
                more = [os.urandom(32) for _ in range(random.choice([1, 20, 700]))]
                append(self.node, more)
                self.digests += more
                self.stopping.wait(0.02)
        except Exception as error:
            self.failed = error


def test_a_killed_subscriber_goes_on_where_it_was(net, page, capsys):
    publisher, subscriber = net.organisation("hotline", ["ncii"]), net.organisation("partner")
    publisher.enrol(subscriber, "--silent")
    subscriber.enrol(publisher)
    publisher.start()
    publisher.share("ncii", subscriber)
    subscriber.start(env=page.env)
    subscriber.follow(ORIGIN)

    growth = Growth(publisher)
    growth.start()
    mid_commit, marks = 0, []
    try:
        for kill in range(KILLS):
            if kill % 4 == 3:
                growth.stopping.wait(random.uniform(0, 0.3))
                subscriber.process.kill()
            else:
                place = random.choice(PLACES)
                page.arm(place, random.randint(1, 6), DAEMON)
                until(lambda: page.struck() == place, 120, f"a kill at {place}")
                page.disarm()
                mid_commit += 1
            assert subscriber.process.wait(timeout=60) == -signal.SIGKILL
            subscriber.kill()
            subscriber.start(env=page.env)
            info = subscriber.sets()[ORIGIN]
            assert info.state != pb.SET_STATE_FROZEN
            marks.append(info.applied)
    finally:
        growth.stopping.set()
        growth.join()
    assert growth.failed is None
    assert marks == sorted(marks) and marks[-1] > marks[0], "an applied mark never goes back"

    size = append(publisher, [os.urandom(32)])
    until(lambda: subscriber.applied(ORIGIN) == size, 300, "all of it is applied")
    notes = [node.admin.GetNote(pb.GetNoteRequest(set=ORIGIN), timeout=60).note.split(b"\n")[:3]
             for node in (publisher, subscriber)]
    assert notes[0] == notes[1]
    done = subscriber.admin.VerifySet(pb.VerifySetRequest(set=ORIGIN), timeout=60)
    assert (done.size, done.payloads, done.missing) == (size, size, 0)
    with capsys.disabled():
        print(f"\n{KILLS} kills of a subscriber, {mid_commit} mid-commit, {size} entries")
