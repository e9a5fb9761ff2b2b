"""kill -9 of either side at random moments of the takedown story.

A hotline sends notices all the time, and sends each again until it is
acknowledged.  A provider runs `hashfed watch --exec` with a hook that takes
down what it is given, and the hotline confirms that it is offline.  Meanwhile
the daemons with their signers, the watcher and the hook are killed, at places
of a commit, a few milliseconds after a call began, or at no place in
particular.  When everything is quiet, what both sides have is compared with
what was acknowledged, with what the hook was given, and with the number of
entries in every set: nothing lost, nothing twice.
"""

import collections
import os
import random
import signal
import subprocess
import threading
import time
from pathlib import Path

import grpc
import pytest

from net import BIN, pb, until
from order import DAEMON, PLACES, SIGNER, SIGNER_PID, Page
from takedown import case, notice, takedown

HOOK = Path(__file__).parent / "hook.sh"
STRIKE_S = 120
QUIET_S = 300
# Cases on their way at most: more would only wait for each other.
OPEN_MOST = 32
STRANGERS = 6

# (victim, how): how is a place of shim.c, a moment behind the begin of a call,
# or None for no place in particular; and how often.
PLAN = {
    **{(side, place): 2 for side in ("hotline", "provider") for place in PLACES[1:]},
    ("hotline", None): 20, ("hotline", "call"): 28,
    ("provider", None): 20, ("provider", "call"): 22,
    ("watcher", None): 12, ("watcher", "call"): 18,
    ("hook", "call"): 30,
    ("hotline signer", "call"): 10, ("provider signer", "call"): 10,
}
# What a server that dies in mid-call, or is away, looks like.
AWAY = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED}


class Begun:
    """Counts what begins, for whoever wants to come right behind it."""

    def __init__(self):
        self.count, self.changed = 0, threading.Condition()

    def tell(self):
        with self.changed:
            self.count += 1
            self.changed.notify_all()

    def wait(self, seconds):
        with self.changed:
            before = self.count
            return self.changed.wait_for(lambda: self.count > before, seconds)


class Client:
    """Calls one node as a client does that never gives up."""

    def __init__(self, story, node):
        self.story = story
        self.address = f"unix:{node.home}/run/operator.sock"
        self.channel = None
        self.connect()

    def connect(self):
        """Anew: a channel without calls is looked after once in 5 s."""
        if self.channel is not None:
            self.channel.close()
        self.channel = grpc.insecure_channel(self.address, [("grpc.use_local_subchannel_pool", 1)])
        self.stub = pb.TakedownStub(self.channel)

    def ask(self, name, request):
        """Once; None when the node was away, or died meanwhile."""
        try:
            return getattr(self.stub, name)(request, timeout=60)
        except grpc.RpcError as error:
            if error.code() not in AWAY:
                self.story.wrong.append(f"{name}: {error.code()}: {error.details()}")
                raise
            self.connect()
            return None

    def insist(self, name, request):
        """The answer, however often it takes: the same request each time."""
        again = 0
        while True:
            self.story.in_flight[self] = name
            self.story.begun.tell()
            answer = self.ask(name, request)
            self.story.in_flight.pop(self, None)
            if answer is not None:
                self.story.retried[name] += again > 0
                return answer
            again += 1
            # It is away, or just died under the call: until it is back, or soon.
            self.story.back.wait(0.05)


class Sender(threading.Thread):
    """Sends notices, one after the other."""

    def __init__(self, story):
        super().__init__(daemon=True)
        self.story = story
        self.client = Client(story, story.hotline)

    def run(self):
        story = self.story
        while not story.is_ending:
            if len(story.sent) - story.confirmed >= OPEN_MOST:
                story.freed.wait(0.1)
                continue
            self.send("provider.example")

    def send(self, provider):
        request = pb.SendNoticeRequest(
            request_id=os.urandom(16),
            notice=notice(provider, urls=["https://images.host.example/" + os.urandom(8).hex()]))
        summary = self.client.insist("SendNotice", request).summary
        with self.story.lock:
            if summary.case_id in self.story.sent.values():
                self.story.wrong.append("two notices, one case")
            self.story.sent[request.request_id] = summary.case_id


class Confirmer(threading.Thread):
    """Looks for what was taken down, and says that it is offline.  A case is
    confirmed before the list is asked for again, so none is twice by us."""

    def __init__(self, story):
        super().__init__(daemon=True)
        self.story = story
        self.client = Client(story, story.hotline)

    def run(self):
        story = self.story
        while not story.is_over:
            gone = self.client.ask("ListCases", pb.ListCasesRequest(
                page_size=1000, states=[pb.CASE_STATE_DISABLED, pb.CASE_STATE_REMOVED]))
            for found in gone.cases if gone is not None else ():
                request = pb.UpdateCaseRequest(case_id=found.case_id, request_id=os.urandom(16),
                                               event=pb.CaseEvent(kind=pb.CASE_EVENT_KIND_OFFLINE))
                self.client.insist("UpdateCase", request)
                story.offline[found.case_id] = request.request_id
                story.freed.tell()
            time.sleep(0.02)


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class Hooked:
    """The log of the hook."""

    def __init__(self, path):
        self.path, self.given, self.over, self.overlaps = path, [], set(), []
        self.at = 0

    def read(self):
        """What is new: (case, pid, events, state, why, repeat) of runs that
        began."""
        if not self.path.exists():
            return []
        with open(self.path) as file:
            file.seek(self.at)
            text = file.read()
        text = text[:text.rfind("\n") + 1]
        self.at += len(text)
        new = []
        for line in text.splitlines():
            word, case_id, pid, *rest = line.split(" ")
            if word == "begin":
                events, state, why, repeat, _ = rest
                new.append((case_id, int(pid), int(events), state, why, repeat == "true"))
            elif word == "end":
                self.over.add(int(pid))
            else:
                self.overlaps.append(case_id)
        self.given += new
        return new

    def last(self, state):
        """The cases that were given in this state."""
        return {case_id for case_id, _, _, was, *_ in self.given if was == state}

    def running(self):
        """Pids of runs that go on; a number that was used again does not matter
        here."""
        self.read()
        return [pid for _, pid, *_ in self.given if pid not in self.over and is_alive(pid)]


class Story:
    def __init__(self, net, hotline, provider):
        self.net, self.hotline, self.provider = net, hotline, provider
        self.pages = {node: Page(net.folder / f"crash-{node.name}", BIN / "crash-shim.so")
                      for node in (hotline, provider)}
        self.lock = threading.Lock()
        self.sent = {}     # request id: case id, of acknowledged notices
        self.offline = {}  # case id: request id, of acknowledged confirmations
        self.retried = collections.Counter()
        self.in_flight = {}
        self.begun = Begun()  # calls
        self.back = Begun()   # daemons that were killed
        self.freed = Begun()  # room for another notice
        self.wrong = []
        self.is_ending = self.is_over = False
        self.hooked = Hooked(net.folder / "hook.log")
        self.watcher = None

    @property
    def confirmed(self):
        return len(self.offline)

    # The watcher.

    def watch(self):
        with open(self.net.folder / "watch.err", "ab") as err:
            self.watcher = subprocess.Popen(
                [BIN / "hashfed", "--home", self.provider.home, "watch", "--state", self.net.folder / "watch.state",
                 "--exec", f"exec {HOOK} {BIN}/hashfed {self.net.folder}"],
                stdin=subprocess.DEVNULL, stdout=err, stderr=err, start_new_session=True)

    def said(self):
        """What the watcher said last."""
        return (self.net.folder / "watch.err").read_text().splitlines()[-6:]

    # Kills.

    def wait(self, condition, seconds, what):
        """For something that comes as long as the story goes on."""
        try:
            value = until(lambda: self.wrong or condition(), seconds, what)
        except AssertionError as error:
            stand = {node.name: collections.Counter(pb.CaseState.Name(row.state) for row in every_case(node))
                     for node in (self.hotline, self.provider)}
            raise AssertionError(f"{error}; {len(self.sent)} notices were acknowledged, {len(self.offline)} "
                                 f"confirmations, and there are {stand}; the watcher: {self.watcher.poll()}, "
                                 f"{self.said()}") from None
        assert not self.wrong, self.wrong[:3]
        return value

    def next_run(self):
        """The pid of a run of the hook that has just begun."""
        return self.wait(lambda: [pid for _, pid, *_ in self.hooked.read()], STRIKE_S, "the hook runs")[-1]

    def come_behind(self, victim):
        """A few milliseconds behind the begin of what the victim is for."""
        if victim.startswith("hotline"):
            before = self.begun.count
            self.wait(lambda: self.begun.wait(0.1) or self.begun.count > before, STRIKE_S, "a call begins")
        else:
            self.next_run()
        time.sleep(random.choice([0, random.uniform(0, 0.004), random.uniform(0, 0.02)]))

    def strike_daemon(self, node, how):
        """True when a call, or a run of the hook, was going on."""
        page = self.pages[node]
        if how in PLACES:
            page.arm(how, random.randint(1, 4), random.choice([DAEMON, DAEMON | SIGNER]))
            self.wait(lambda: page.struck() == how, STRIKE_S, f"a kill of {node.name} at {how}")
            page.disarm()
        else:
            if how == "call":
                self.come_behind(node.name)
            else:
                time.sleep(random.uniform(0, 0.15))
            self.kill_pid(page.get(SIGNER_PID))
            node.process.kill()
        was_busy = self.is_busy(node)
        assert node.process.wait(STRIKE_S) == -signal.SIGKILL
        node.kill()
        node.start(env=page.env)
        self.back.tell()
        return was_busy

    def is_busy(self, node):
        return bool(self.in_flight if node is self.hotline else self.hooked.running())

    @staticmethod
    def kill_pid(pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def strike(self, victim, how):
        if victim == "hook":
            pid = self.next_run()
            time.sleep(random.uniform(0, 0.025))
            return self.kill_pid(pid)
        if victim == "watcher":
            if how == "call":
                self.come_behind(victim)
            else:
                time.sleep(random.uniform(0, 0.1))
            assert self.watcher.poll() is None, self.said()
            was_busy = bool(self.hooked.running())
            self.watcher.kill()
            self.watcher.wait()
            self.watch()
            return was_busy
        node = self.hotline if victim.startswith("hotline") else self.provider
        if not victim.endswith("signer"):
            return self.strike_daemon(node, how)
        self.come_behind(victim)
        was_busy = self.is_busy(node)
        # One that was killed starts again when it is asked for something.
        self.wait(lambda: self.kill_pid(self.pages[node].get(SIGNER_PID)), STRIKE_S, f"a {victim} to kill")
        return was_busy


def every_case(node):
    """Each row of the list, so that one that is there twice shows."""
    rows, token = [], ""
    while True:
        page = takedown(node).ListCases(pb.ListCasesRequest(page_size=1000, page_token=token), timeout=60)
        rows += page.cases
        token = page.next_page_token
        if not token:
            return rows


def events_of(node, case_id):
    """(kind, event id, author), in the order in which they count."""
    found = case(node, case_id)
    assert all(e.is_applied for e in found.events), (node.name, case_id, [e.refused for e in found.events])
    return [(pb.CaseEventKind.Name(e.event.kind)[len("CASE_EVENT_KIND_"):], e.event.event_id, e.author)
            for e in found.events]


def check_cases(story, to_strangers):
    """Both sides have the same cases, whole, each once."""
    sent = set(story.sent.values())
    for node in (story.hotline, story.provider):
        rows = every_case(node)
        ids = [row.case_id for row in rows]
        assert len(ids) == len(set(ids)), "a case is there twice"
        theirs = sent | set(to_strangers.values()) if node is story.hotline else sent
        assert set(ids) == theirs, (node.name, len(theirs - set(ids)), "lost", len(set(ids) - theirs), "too many")
    request_of = {case_id: request for request, case_id in story.sent.items()}
    for case_id in sent:
        ours = events_of(story.hotline, case_id)
        theirs = events_of(story.provider, case_id)
        assert ours == theirs, (case_id, ours, theirs)
        kinds = [kind for kind, _, _ in ours]
        did = "DISABLED" if case_id[0] in "01234567" else "REMOVED"
        assert sorted(kinds) == sorted(["NOTICE", "RECEIPT", did, "OFFLINE"]), (case_id, kinds)
        ids = {kind: event_id for kind, event_id, _ in ours}
        assert ids["NOTICE"] == request_of[case_id]
        assert ids[did] == bytes.fromhex(case_id), "the hook's request"
        assert ids["OFFLINE"] == story.offline[case_id]


def check_hook(story):
    """Every case was given, in its last state too, and repeats said so."""
    hooked = story.hooked
    hooked.read()
    assert not hooked.overlaps, f"two runs at once for {hooked.overlaps[:3]}"
    seen, repeats, unsaid = set(), 0, []
    for case_id, _, events, state, why, repeat in hooked.given:
        change = (case_id, events, state, why)
        if change in seen:
            repeats += 1
            if not repeat:
                unsaid.append(change)
        seen.add(change)
    assert not unsaid, f"given twice without saying so: {unsaid[:5]}"
    sent = set(story.sent.values())
    assert {case_id for case_id, *_ in seen} == sent
    last = hooked.last("verified-offline")
    assert last == sent, f"{len(sent - last)} cases were not given as they ended"
    return repeats


def check_sets(story, to_strangers):
    """An entry for each event and one for the key: nothing was said twice, not
    even what the fold would not show."""
    count = len(story.sent)
    hotline, provider = story.hotline, story.provider
    sizes = {origin: held.applied for origin, held in hotline.sets().items()}
    ours = sorted(size for origin, size in sizes.items() if origin.startswith(hotline.domain))
    assert ours == sorted([1 + 2 * count] + [2] * len(to_strangers)), "one set for each, and each event once"
    assert [size for origin, size in sizes.items() if origin.startswith(provider.domain)] == [1 + 2 * count]
    for node in (hotline, provider):
        for origin in node.sets():
            done = hashfed(node, "sets", "verify", origin)
            assert done.returncode == 0, done.stderr


def check_bundles(story, how_many):
    for number, case_id in enumerate(random.sample(sorted(story.sent.values()), how_many)):
        node = (story.hotline, story.provider)[number % 2]
        file = story.net.folder / f"{case_id}.bundle"
        made = hashfed(node, "cases", "bundle", case_id)
        assert made.returncode == 0, made.stderr
        file.write_text(made.stdout)
        done = hashfed(node, "verify", file)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "verified-offline" in done.stdout.lower(), done.stdout


def hashfed(node, *args):
    return subprocess.run([str(a) for a in (BIN / "hashfed", "--home", node.home, *args)], capture_output=True,
                          text=True, timeout=120)


@pytest.fixture
def story(net):
    hotline = net.organisation("hotline")
    provider = net.organisation("provider")
    net.enrol(hotline, provider)
    # Known to the hotline alone, and never there: the first notice to each
    # opens a set.
    for number in range(STRANGERS):
        hotline.enrol(net.organisation(f"stranger{number}", endpoint=False))
    made = Story(net, hotline, provider)
    for node in (hotline, provider):
        node.start(env=made.pages[node].env)
    yield made
    made.is_ending = made.is_over = True
    if made.watcher is not None:
        made.watcher.kill()
        made.watcher.wait()


def meet_strangers(story):
    """A kill in the middle of the first notice to somebody."""
    sender, met = Sender(story), {}
    for number in range(STRANGERS):
        before = set(story.sent)
        first = threading.Thread(target=sender.send, args=(f"stranger{number}.example",), daemon=True)
        first.start()
        time.sleep(random.uniform(0, 0.025))
        story.strike_daemon(story.hotline, "now")
        first.join(STRIKE_S)
        (request,) = set(story.sent) - before
        met[request] = story.sent.pop(request)
    return met


def plan():
    kills = [kill for kill, times in PLAN.items() for _ in range(times)]
    random.shuffle(kills)
    return kills


def test_no_notice_is_lost_and_no_repeat_is_unsaid(story, capsys):
    seed = int(os.environ.get("HASHFED_SEED", random.randrange(1 << 32)))
    random.seed(seed)
    print(f"seed {seed}")
    began = time.monotonic()
    to_strangers = meet_strangers(story)
    story.watch()
    threads = [Sender(story), Sender(story), Confirmer(story)]
    for thread in threads:
        thread.start()
    done, busy = collections.Counter(), collections.Counter()
    for victim, how in plan():
        was_busy = story.strike(victim, how)
        done[victim] += 1
        busy[victim] += was_busy
    killing = time.monotonic() - began

    story.is_ending = True
    for thread in threads[:2]:
        thread.join(STRIKE_S)
        assert not thread.is_alive(), "a notice is not acknowledged"
    story.wait(lambda: len(story.offline) == len(story.sent), QUIET_S, f"every case ends (seed {seed})")
    story.is_over = True
    threads[2].join(STRIKE_S)
    assert not story.wrong, (seed, story.wrong[:3])
    is_given = set(story.sent.values())
    story.wait(lambda: not story.hooked.running() and story.hooked.last("verified-offline") == is_given, QUIET_S,
               f"the hook is given every case to its end (seed {seed})")

    repeats = check_hook(story)
    check_cases(story, to_strangers)
    check_sets(story, to_strangers)
    check_bundles(story, 4)
    with capsys.disabled():
        print(f"\n{sum(done.values()) + STRANGERS} kills in {killing:.0f} s, {sum(busy.values())} with a call or the hook "
              f"under way, {len(story.sent)} cases, {dict(story.retried)} retried, {len(story.hooked.given)} runs of the "
              f"hook, {repeats} repeats, {time.monotonic() - began:.0f} s, seed {seed}")
        for victim, count in sorted(done.items()):
            print(f"  {count:4} of {victim}, {busy[victim]} under way")
        print(f"  {STRANGERS:4} of hotline, at the first notice to somebody")
    assert sum(count for victim, count in done.items() if not victim.endswith("signer")) >= 200
    assert repeats >= 10 and sum(busy.values()) >= 50
