"""A witness that lost its disk and came back from a backup: it cosigns nothing
that contradicts what it cosigned since, and it goes on."""

import base64
import os
import re
import shutil
import signal
import threading

import pytest
from forks import ORIGIN, copied, grow, swapped
from net import item, until
from test_backup import backup
from witnesses import Collector, leaves, tree, watched

NAME = "witness.example/cosigner"


def lost(node, copy, record=None):
    """The disk is gone, with whatever the daemon was doing.  Keys are in the
    operator's copy, all else comes from the backup; and a record, where one
    is given."""
    node.kill()
    signer = node.lib / "signer"
    keys = {path.name: path.read_bytes() for path in signer.glob("*.key")}
    for name in os.listdir(node.lib):
        if name != "tls":
            path = node.lib / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    signer.mkdir(0o700)
    for name, key in keys.items():
        (signer / name).write_bytes(key)
        (signer / name).chmod(0o600)
    for name in os.listdir(copy):
        if name != "about.txt":
            shutil.copytree(copy / name, node.lib / name)
    if record is not None:
        shutil.copytree(record, signer / "record")


def record_of(net, node, name):
    """A copy of the signer's record."""
    copy = net.folder / name
    shutil.copytree(node.lib / "signer/record", copy)
    return copy


def asks(witness, *others):
    """Peers of the witness that are asked after its start, and are its peers.
    One that hangs is waited for until the test lets it go on."""
    names = ", ".join(node.domain for node in others)
    witness.stop()
    witness.configure(f"checkpoint-peers: [{names}]\npeer-timeout: 300s\n")
    for node in others:
        node.stop()
        witness.net.enrol(witness, node)
        node.start()
    witness.start()


def is_cosigned(node, size):
    info = node.sets().get(ORIGIN)
    return info is not None and info.seen == size and NAME in info.cosigners


def cosigned(node, size):
    """The witness's line, as this node has it, is under a tree of this size."""
    until(lambda: is_cosigned(node, size), 60, f"{size} entries are cosigned at {node.name}")


def test_a_witness_from_a_backup_made_under_load_goes_on_and_contradicts_nothing(net):
    hotline, [witness], [provider] = watched(net, 1)
    asks(witness, provider)
    count, is_over, wrong = [0], threading.Event(), []

    def publish():
        try:
            while not is_over.is_set():
                hotline.append("ncii", [item(n) for n in range(count[0], count[0] + 5)])
                count[0] += 5
        except Exception as error:
            wrong.append(error)

    def cosigned_beyond(size):
        assert not wrong, wrong
        return collector.beyond(size)
    thread = threading.Thread(target=publish)
    thread.start()
    collector = Collector(witness, provider)
    try:
        until(lambda: cosigned_beyond(100), 120)
        backup(witness, net.folder / "old")
        then = collector.largest
        until(lambda: cosigned_beyond(then + 200), 120, "it cosigns on")
        lost(witness, net.folder / "old")
        died = collector.largest
        witness.start()
        # What it cosigns grows in steps, which may be as large as that.
        until(lambda: cosigned_beyond(died + 200) and len(collector.roots) > 3, 120, "it cosigns again")
    finally:
        is_over.set()
        thread.join()
        seen = collector.stop()
    assert not wrong, wrong
    until(lambda: provider.applied(ORIGIN) == count[0], 120, "everything is cosigned")
    assert min(seen) <= then < died < max(seen) and len(seen) > 3
    hashes = leaves(hotline, provider, count[0])
    for size, root in seen.items():
        assert tree(hashes[:size]) == base64.b64decode(root), size
    for node in (hotline, witness, provider):
        info = node.sets()[ORIGIN]
        assert (info.has_evidence, info.frozen_reason) == (False, ""), node.name


def forked(net, hotline, copy):
    """The publisher is the one that it was, and goes another way."""
    hotline.stop()
    swapped(net, hotline, copy)
    hotline.start()
    assert grow(hotline, 1000, 20) == 40


@pytest.mark.parametrize("record", ["lost", "old", "kept"])
def test_a_fork_made_since_the_backup_is_not_cosigned_and_is_seen(net, record):
    hotline, [witness], [provider] = watched(net, 1)
    asks(witness, provider)
    grow(hotline, 0, 20)
    cosigned(provider, 20)
    backup(witness, net.folder / "old")
    old_record = record_of(net, witness, "old-record")
    hotline.stop()
    copy = copied(net, hotline)
    hotline.start()
    grow(hotline, 20, 10)
    cosigned(provider, 30)
    until(lambda: provider.applied(ORIGIN) == 30, 60)
    for node in (hotline, witness, provider):
        node.expect_error("set frozen|not cosigned")
    provider.stop()
    forked(net, hotline, copy)
    records = {"lost": None, "old": old_record, "kept": record_of(net, witness, "newest-record")}
    lost(witness, net.folder / "old", records[record])
    # Of all that it knows, what the publisher shows it fits.
    witness.start()
    until(lambda: witness.sets()[ORIGIN].seen == 40, 60)
    until(lambda: "not cosigned" in witness.log(), 60, "it refuses")
    # Who saw the other tree says so, and the publisher is found out.
    provider.start()
    for node in (witness, provider):
        until(lambda node=node: node.sets()[ORIGIN].has_evidence, 60, node.name)
    assert provider.applied(ORIGIN) == 30
    for node in (hotline, witness):
        assert not is_cosigned(node, 40), node.name


@pytest.mark.parametrize("is_newer", [True, False], ids=["newer", "older"])
def test_a_record_that_is_not_the_stores_is_brought_together(net, is_newer):
    """Only the record, or all but the record, is of another day."""
    hotline, [witness], [provider] = watched(net, 1)
    grow(hotline, 0, 20)
    cosigned(provider, 20)
    backup(witness, net.folder / "old")
    old_record = record_of(net, witness, "old-record")
    grow(hotline, 20, 10)
    cosigned(witness, 30)
    if is_newer:
        lost(witness, net.folder / "old", record_of(net, witness, "newest-record"))
    else:
        witness.stop()
        shutil.rmtree(witness.lib / "signer/record")
        shutil.copytree(old_record, witness.lib / "signer/record")
    grow(hotline, 30, 5)
    witness.start()
    for node in (hotline, provider, witness):
        cosigned(node, 35)
    until(lambda: provider.applied(ORIGIN) == 35, 60)
    assert not witness.sets()[ORIGIN].has_evidence


def test_what_is_shown_of_less_than_it_cosigned_is_passed_over(net):
    """Its store is of another day than its record, and the first who shows it
    something is as well: nobody lied, and it goes on."""
    hotline, [witness], [provider] = watched(net, 1)
    grow(hotline, 0, 20)
    cosigned(provider, 20)
    backup(witness, net.folder / "old")
    witness.stop()
    grow(hotline, 20, 5)
    hotline.stop()
    copy = copied(net, hotline)
    hotline.start()
    witness.start()
    grow(hotline, 25, 5)
    cosigned(witness, 30)
    cosigned(provider, 30)
    record = record_of(net, witness, "newest-record")
    provider.stop()
    hotline.stop()
    aside = swapped(net, hotline, copy)
    lost(witness, net.folder / "old", record)
    hotline.start()
    witness.start()
    until(lambda: re.search(r" warning peer: not cosigned .*size=25 .*one of 30 entries", witness.log()), 60)
    hotline.stop()
    shutil.rmtree(hotline.home)
    aside.rename(hotline.home)
    hotline.start()
    provider.start()
    grow(hotline, 30, 5)
    for node in (hotline, provider, witness):
        cosigned(node, 35)
    assert not witness.sets()[ORIGIN].has_evidence


def test_the_first_who_answers_is_not_enough_while_another_can_be_reached(net):
    hotline, [witness], [late, provider] = watched(net, 1, readers=("late", "provider"))
    asks(witness, late, provider)
    grow(hotline, 0, 20)
    for node in (late, provider):
        cosigned(node, 20)
    backup(witness, net.folder / "old")
    late.stop()
    hotline.stop()
    copy = copied(net, hotline)
    hotline.start()
    grow(hotline, 20, 10)
    cosigned(provider, 30)
    for node in net.nodes:
        node.expect_error("set frozen|not cosigned")
    # The one who knows is slow; the other knows what the backup knows.
    provider.hang()
    forked(net, hotline, copy)
    lost(witness, net.folder / "old")
    late.start()
    witness.start()
    until(lambda: re.search(r"waits for peers .*peers=provider\.example", witness.log()), 60)
    until(lambda: witness.sets()[ORIGIN].seen == 40, 60)
    assert not is_cosigned(hotline, 40)
    os.kill(provider.process.pid, signal.SIGCONT)
    until(lambda: witness.sets()[ORIGIN].has_evidence, 60)
    for node in (hotline, witness):
        assert not is_cosigned(node, 40), node.name


def test_who_cannot_be_reached_keeps_no_witness_from_cosigning(net):
    hotline, [witness], [late, provider] = watched(net, 1, readers=("late", "provider"))
    asks(witness, late, provider)
    grow(hotline, 0, 20)
    cosigned(late, 20)
    witness.stop()
    provider.stop()
    grow(hotline, 20, 5)
    witness.start()
    cosigned(late, 25)
