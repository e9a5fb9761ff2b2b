"""How old a set is: who says so, who signs again, and whose clock counts."""

import json
import re
import subprocess
import time

from clock import Clock
from liar import Relay
from net import BIN, flip, item, pb, pdq, sha256, until
from test_place import Place

ORIGIN = "hotline.example/ncii/1"
FRESH, STALE, EXPIRED = pb.FRESHNESS_FRESH, pb.FRESHNESS_STALE, pb.FRESHNESS_EXPIRED
BLOCK, REVIEW = pb.VERDICT_BLOCK, pb.VERDICT_REVIEW


def pair(net, provider_conf="", **ahead):
    """A hotline that nobody dials back, with ten entries that the provider
    has; each with a clock of its own."""
    hotline = net.organisation("hotline", ["ncii"])
    provider = net.organisation("provider", conf=provider_conf)
    hotline.enrol(provider, "--silent")
    provider.enrol(hotline)
    clocks = [Clock(net), Clock(net)]
    for node, clock in zip((hotline, provider), clocks):
        clock.move(**ahead)
        node.env = clock.env
        node.start()
    hotline.share("ncii", provider)
    provider.follow(ORIGIN)
    grow(hotline, 0, 10)
    holds(provider, 10)
    until(lambda: provider.match(sha256(9)), 20)
    return hotline, provider, *clocks


def grow(node, first, count):
    node.append("ncii", [item(n) for n in range(first, first + count)])


def holds(node, size):
    until(lambda: node.applied(ORIGIN) == size, 30, f"{node.name} has {size}")


def set_of(node):
    return node.sets()[ORIGIN]


def freshness(node):
    return set_of(node).freshness


def status(node):
    return node.admin.GetStatus(pb.GetStatusRequest(), timeout=120)


def verdicts(node, n=3):
    """What an exact and a near match of made-up picture n come to."""
    [exact] = node.match(sha256(n))
    [near] = node.near(flip(pdq(n), 4))
    assert exact.freshness == near.freshness == freshness(node)
    return exact.verdict, near.verdict


def says(node, level, what):
    until(lambda: re.search(f" {level} +set: {what} set={ORIGIN} ", node.log()), 20, f"{node.name} says {what}")


def time_on_clock():
    return int(time.time() * 1000)


def time_on(node):
    return set_of(node).checkpoint_ms


def test_case_06_when_all_sources_freeze_a_set_goes_stale_and_expires_and_is_matched_on(net):
    near = 'policy:\n  - near: 31\n    near-verdict: block\n'
    hotline, provider, _, clock = pair(net, near)
    assert freshness(provider) == FRESH and verdicts(provider) == (BLOCK, BLOCK)
    # The connection stands, and the hotline signs nothing for a week.
    clock.move(hours=25)
    assert freshness(provider) == STALE and verdicts(provider) == (BLOCK, BLOCK)
    clock.look(provider)
    says(provider, "warning", "stale")
    told = status(provider)
    assert (told.sets_stale, told.sets_expired) == (1, 0)
    assert f"{ORIGIN} is stale: no newer checkpoint arrives" in told.warnings
    clock.move(days=6)
    provider.expect_error("set: expired")
    # Exact matches go on blocking; near ones are for a person.
    assert freshness(provider) == EXPIRED and verdicts(provider) == (BLOCK, REVIEW)
    assert "set expired" in provider.near(flip(pdq(3), 4))[0].rule
    clock.look(provider)
    says(provider, "error", "expired")
    clock.look(provider)
    assert len(re.findall(" set: (?:stale|expired) ", provider.log())) == 2, "each is said once"
    told = status(provider)
    assert (told.sets_stale, told.sets_expired) == (0, 1)


def test_what_people_and_programs_are_told_of_a_stale_set(net):
    _, provider, _, clock = pair(net)
    assert "freshness" not in provider.hashfed("status")
    clock.move(hours=25)
    text = provider.hashfed("status")
    assert re.search(r"^freshness +1 stale, 0 expired$", text, re.M)
    assert re.search(rf"^warning +{ORIGIN} is stale: ", text, re.M)
    shown = json.loads(provider.hashfed("status", "--json"))
    assert (shown["sets_stale"], shown["sets_expired"]) == (1, 0)
    [row] = [s for s in json.loads(provider.hashfed("sets", "--json"))["sets"] if s["kind"] != "audit"]
    assert (row["origin"], row["freshness"]) == (ORIGIN, "stale")
    assert re.search(rf"^{ORIGIN} .* stale ", provider.hashfed("sets"), re.M)
    assert "stale" in provider.hashfed("sets", "show", ORIGIN)
    done = subprocess.run([BIN / "hashfed", "--home", provider.home, "match", sha256(3).hex()],
                          capture_output=True, text=True)
    assert "stale" in done.stdout, (done.stdout, done.stderr)


def test_an_idle_publisher_signs_again_and_its_sets_stay_fresh(net):
    hotline, provider, hotlines, providers = pair(net)
    before = time_on(provider)
    for clock in (hotlines, providers):
        clock.move(minutes=5)
    hotlines.look(hotline)
    hotlines.move(minutes=5)
    providers.move(minutes=5)
    # Within a minute after ten, and not yet after five.
    hotlines.look(hotline)
    until(lambda: time_on(provider) > before, 20, "a newer time")
    assert time_on(provider) >= before + 10 * 60 * 1000
    assert set_of(provider).applied == 10 and freshness(provider) == FRESH
    # What a stale set is told makes it fresh, and that is said too.
    providers.move(hours=25)
    providers.look(provider)
    says(provider, "warning", "stale")
    hotlines.move(hours=25)
    hotlines.look(hotline)
    until(lambda: freshness(provider) == FRESH, 20)
    providers.look(provider)
    says(provider, "info", "fresh again")
    # It is kept: a restart is no news.
    at = time_on(provider)
    provider.restart()
    assert time_on(provider) == at and freshness(provider) == FRESH


def test_how_often_is_the_publishers_own_choice(net):
    hotline, provider, hotlines, providers = pair(net)
    hotline.stop()
    hotline.configure("sign-again-after: 4h\n")
    hotline.start()
    before = time_on(provider)
    for clock in (hotlines, providers):
        clock.move(hours=2)
    hotlines.look(hotline)
    grow(hotline, 10, 1)
    holds(provider, 11)
    signed = [time_on(provider)]
    assert signed[0] - before >= 2 * 3600 * 1000
    for clock in (hotlines, providers):
        clock.move(hours=4)
    hotlines.look(hotline)
    until(lambda: time_on(provider) > signed[0], 20)


def test_case_14_a_time_in_the_future_is_no_freshness_and_a_clock_may_step_back(net):
    hotline, provider, hotlines, providers = pair(net)
    place = Place(provider)
    try:
        until(lambda: [hit[4] for hit in place.match(sha256(3))] == [FRESH], 20)
        hotlines.move(hours=1)
        grow(hotline, 10, 10)
        holds(provider, 20)
        # What it signed counts, when it signed it does not.
        provider.expect_error("set: expired")
        until(lambda: time_on(provider) > time_on_clock() + 50 * 60 * 1000, 20)
        until(lambda: provider.match(sha256(15)) and provider.near(flip(pdq(15), 4)), 20)
        assert freshness(provider) == EXPIRED
        assert verdicts(provider, 15)[0] == BLOCK
        until(lambda: [hit[4] for hit in place.match(sha256(15))] == [EXPIRED], 20, "by the reader's own clock")
        # Our clock was the one that was wrong.
        providers.move(hours=1)
        assert freshness(provider) == FRESH and verdicts(provider, 15)[0] == BLOCK
        # It steps back, far: nothing breaks, and nothing that is held is lost.
        providers.move(days=-400)
        providers.look(provider)
        says(provider, "error", "expired")
        assert freshness(provider) == EXPIRED and verdicts(provider, 15)[0] == BLOCK
        providers.move(days=400)
        providers.look(provider)
        says(provider, "info", "fresh again")
        grow(hotline, 20, 1)
        holds(provider, 21)
        assert freshness(provider) == FRESH
    finally:
        place.close()


def test_case_15_a_publisher_whose_clock_went_back_over_a_restart_refuses_to_sign(net):
    hotline, provider, clock, _ = pair(net, hours=2)
    hotline.stop()
    clock.move(hours=-1)
    hotline.start()
    at = time_on(provider)
    clock.look(hotline)
    until(lambda: re.search(r"its clock is \d+ s behind its last signature; set the clock right",
                            " ".join(status(hotline).warnings)), 20, "the operator is told")
    listed = net.folder / "list"
    listed.write_text(sha256(50).hex() + "\n")
    command = [BIN / "hashfed", "--home", hotline.home, "publish", "--set", "ncii", "--class", "ncii",
               "--type", "sha256", "--import", listed]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and "set the clock right" in done.stderr, (done.returncode, done.stderr)
    assert re.search("its clock is [0-9]+ s behind its last signature", hotline.log()), hotline.log()
    assert set_of(provider).applied == 10 and time_on(provider) == at
    clock.move(hours=1)
    until(lambda: subprocess.run(command, capture_output=True, timeout=120).returncode == 0, 20, "set right, it goes on")
    until(lambda: provider.match(sha256(50)), 20)
    assert time_on(provider) >= at


class Relayed:
    """hotline -> a relay of ours with the partner's key -> provider, all by one
    clock; the provider may know the hotline's address as well."""

    def __init__(self, net, is_direct):
        self.clock = Clock(net)
        self.hotline = net.organisation("hotline", ["ncii"])
        partner = net.organisation("partner")
        self.provider = net.organisation("provider")
        net.enrol(self.hotline, partner, "--silent")
        self.hotline.enrol(self.provider, "--silent")
        self.provider.enrol(self.hotline, *([] if is_direct else ["--silent"]))
        net.enrol(partner, self.provider)
        for node in (self.hotline, self.provider):
            node.env = self.clock.env
        self.hotline.start()
        self.hotline.share("ncii", partner, may_relay=True)
        self.hotline.share("ncii", self.provider)
        self.relay = Relay(partner, self.hotline)
        self.provider.start()
        self.provider.follow(ORIGIN)
        grow(self.hotline, 0, 10)
        holds(self.provider, 10)

    def freeze(self):
        """The relay tells what was there a moment ago, and nothing newer."""
        note = self.hotline.admin.GetNote(pb.GetNoteRequest(set="ncii"), timeout=120).note

        def alter(news):
            news.note = note
            yield news
        self.relay.lie("Tail", alter)

    def is_told(self):
        """Everything the publisher says now reaches the relay, which lies."""
        told = self.relay.told["Tail"]
        grow(self.hotline, set_of(self.hotline).applied, 10)
        until(lambda: self.relay.told["Tail"] > told, 20)


def test_case_04_an_old_checkpoint_of_a_relay_takes_nothing_back_and_the_set_goes_stale(net):
    field = Relayed(net, is_direct=False)
    try:
        until(lambda: field.provider.match(sha256(9)), 20)
        at = time_on(field.provider)
        field.freeze()
        field.is_told()
        field.clock.move(hours=25)
        field.is_told()
        assert (set_of(field.provider).applied, time_on(field.provider)) == (10, at)
        assert freshness(field.provider) == STALE and verdicts(field.provider)[0] == BLOCK
        field.relay.honest()
        grow(field.hotline, 30, 1)
        holds(field.provider, 31)
        until(lambda: freshness(field.provider) == FRESH, 20)
    finally:
        field.relay.stop()


def test_case_05_of_two_sources_one_freezes_and_is_flagged_behind(net):
    field = Relayed(net, is_direct=True)
    try:
        def behind():
            return {name: peer.sets_behind for name, peer in field.provider.peers().items()}
        until(lambda: field.relay.open > 0, 20)
        field.freeze()
        field.is_told()
        holds(field.provider, 20)
        assert behind() == {"hotline.example": 0, "partner.example": 0}, "a moment is nothing"
        field.clock.move(hours=2)
        field.is_told()
        holds(field.provider, 30)
        until(lambda: behind() == {"hotline.example": 0, "partner.example": 1}, 20)
        assert freshness(field.provider) == FRESH
        assert any(w.startswith(f"partner.example is behind with {ORIGIN}: ") for w in status(field.provider).warnings)
        [row] = [r for r in json.loads(field.provider.hashfed("peers", "--json"))["peers"] if r["name"] == "partner.example"]
        assert row["behind"] == 1
        field.relay.honest()
        grow(field.hotline, 30, 1)
        until(lambda: behind() == {"hotline.example": 0, "partner.example": 0}, 20)
    finally:
        field.relay.stop()
