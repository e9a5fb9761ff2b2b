"""Backups: made while the daemon works, whole, private; what is restored from
an old one goes on without a fork and without a silent loss."""

import concurrent.futures
import ctypes
import os
import shutil
import threading
from pathlib import Path

import grpc
import pytest
from net import item, pb, refused, sha256, until

ORIGIN = "hotline.example/ncii/1"
# What the daemon has beside the ledger that a backup takes along.
BELONGS = {"ledger", "ring", "ended", "evidence", "receipts", "names", "intents", "about.txt"}
LIBC = ctypes.CDLL(None, use_errno=True)


def backup(node, path):
    return node.admin.MakeBackup(pb.MakeBackupRequest(directory=str(path)), timeout=120)


def checks(node):
    """What is stored of each set, and that nothing is wrong with it."""
    answer = node.admin.VerifyStore(pb.VerifyStoreRequest(), timeout=120)
    assert all(s.problems == 0 for s in answer.sets), answer
    return {s.origin: s for s in answer.sets}


def restore(node, path):
    """What hashfedd(8) says: keys stay, everything else comes from the backup."""
    node.stop()
    for name in os.listdir(node.lib):
        if name not in ("tls", "signer"):
            old = node.lib / name
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    for name in os.listdir(path):
        if name != "about.txt":
            shutil.copytree(path / name, node.lib / name)
    node.start()


def follows(net, node, *others):
    for other in others:
        node.share("ncii", other)
        other.follow(ORIGIN)


def holds(node, count):
    until(lambda: node.applied(ORIGIN) == count, 30, f"{count} entries at {node.name}")


def test_a_backup_made_under_load_has_all_that_was_acknowledged(net):
    hotline = net.node("hotline", ["ncii"])
    acknowledged, is_over = [0], threading.Event()

    def publish():
        while not is_over.is_set():
            hotline.append("ncii", [item(n) for n in range(acknowledged[0], acknowledged[0] + 100)])
            acknowledged[0] += 100
    pool = concurrent.futures.ThreadPoolExecutor()
    publishing = pool.submit(publish)
    try:
        until(lambda: acknowledged[0] >= 2000 or publishing.done(), 60)
        until(lambda: hotline.match(sha256(1)), 20)
        for n in range(3):
            before = acknowledged[0]
            done = backup(hotline, net.folder / f"copy-{n}")
            assert done.entries >= before and done.sets >= 1 and done.bytes > before * 100
            # Neither writes nor lookups stopped.
            assert hotline.match(sha256(1))
            until(lambda: acknowledged[0] > before or publishing.done(), 30)
    finally:
        is_over.set()
        pool.shutdown()
    publishing.result()  # or what it failed with
    # A copy of another moment each, the last one the longest; read back as a
    # node's own store, with keys that are the operator's.
    path = net.folder / f"copy-{n}"
    assert set(os.listdir(path)) <= BELONGS
    assert os.listdir(path / "ledger") == ["data.mdb"]
    for at, folders, files in os.walk(path):
        assert Path(at).stat().st_mode & 0o777 == 0o700
        assert all((Path(at) / name).stat().st_mode & 0o777 == 0o600 for name in files)
    assert not list(net.folder.glob("*.partial"))
    hotline.stop()
    shutil.rmtree(hotline.lib / "ledger")
    (hotline.lib / "ledger.notes").unlink()
    shutil.rmtree(hotline.lib / "index")
    shutil.copytree(path / "ledger", hotline.lib / "ledger")
    # A signer that forgot, as the record is in no backup: this copy is new.
    shutil.rmtree(hotline.lib / "signer/record", True)
    hotline.start()
    assert checks(hotline)[ORIGIN].size >= before
    until(lambda: hotline.match(sha256(before - 1)), 60)


def test_where_no_backup_can_be_made_nothing_is_left(net):
    hotline = net.node("hotline", ["ncii"])
    hotline.append("ncii", [item(n) for n in range(50)])
    there = net.folder / "there"
    there.mkdir()
    with refused("ALREADY_EXISTS") as problem:
        backup(hotline, there)
    assert "nothing is written over" in problem.text
    with refused("NOT_FOUND"):
        backup(hotline, net.folder / "no/such")
    for wrong in ("relative", "/", str(net.folder) + "/"):
        with refused("INVALID_ARGUMENT"):
            backup(hotline, wrong)
    with refused("INVALID_ARGUMENT") as problem:
        backup(hotline, hotline.lib / "ring/copy")
    assert "elsewhere" in problem.text
    # What was interrupted is somebody's to look at.
    (net.folder / "half.partial").mkdir()
    with refused("ALREADY_EXISTS") as problem:
        backup(hotline, net.folder / "half")
    assert "interrupted" in problem.text
    assert os.listdir(there) == [] and not (hotline.lib / "ring/copy").exists()
    assert not (net.folder / "half").exists()
    # Through the client, which knows where it is called.
    said = hotline.hashfed("admin", "backup", str(net.folder / "whole"))
    assert "copied and verified" in said and "signer's record" in said
    assert "ncii/1" in hotline.hashfed("admin", "verify")


def test_a_disk_without_room_is_said_and_left_as_it_was(net):
    hotline = net.node("hotline", ["ncii"])
    hotline.append("ncii", [item(n) for n in range(50)])
    small = net.folder / "small"
    small.mkdir()
    if LIBC.mount(b"hashfed-test", os.fsencode(small), b"tmpfs", 0, b"size=1m") != 0:
        pytest.skip("cannot mount here")
    try:
        with refused("RESOURCE_EXHAUSTED") as problem:
            backup(hotline, small / "copy")
        assert "no room" in problem.text
        assert os.listdir(small) == []
    finally:
        LIBC.umount2(os.fsencode(small), 2)


def test_a_scanner_and_another_machine_make_no_backup(net):
    hotline = net.node("hotline", ["ncii"])
    key, cert = hotline.client("boss", "operator")
    hotline.restart()
    for channel in (hotline.channel("scanner"), hotline.channel("analyst"), hotline.tls(key, cert)):
        with refused("PERMISSION_DENIED"):
            pb.AdminStub(channel).MakeBackup(pb.MakeBackupRequest(directory=str(net.folder / "x")), timeout=120)
    assert not (net.folder / "x").exists()


def test_a_subscriber_restored_from_a_backup_catches_up(net):
    hotline = net.organisation("hotline", ["ncii"])
    provider = net.organisation("provider")
    net.enrol(hotline, provider)
    hotline.start(), provider.start()
    follows(net, hotline, provider)
    hotline.append("ncii", [item(n) for n in range(300)])
    holds(provider, 300)
    backup(provider, net.folder / "old")
    hotline.append("ncii", [item(n) for n in range(300, 400)])
    hotline.publish.Retract(pb.RetractRequest(hash=pb.Hash(algorithm=pb.ALGORITHM_SHA256, digest=sha256(7)), reason=1),
                            timeout=120)
    holds(provider, 401)
    restore(provider, net.folder / "old")
    holds(provider, 401)
    until(lambda: not provider.match(sha256(7)) and provider.match(sha256(350)), 20)
    assert checks(provider)[ORIGIN].size == 401
    info = provider.sets()[ORIGIN]
    assert (info.state, info.has_evidence, info.frozen_reason) == (pb.SET_STATE_COMPLETE, False, "")


def test_an_index_that_is_ahead_of_a_restored_ledger_is_made_again(net):
    hotline = net.node("hotline", ["ncii"])
    hotline.append("ncii", [item(n) for n in range(100)])
    until(lambda: hotline.match(sha256(99)), 20)
    backup(hotline, net.folder / "old")
    hotline.append("ncii", [item(n) for n in range(100, 200)])
    until(lambda: hotline.match(sha256(199)), 20)
    hotline.stop()
    # Only the ledger is put back, beside an index that knows more; and the
    # signer knows nothing.
    shutil.rmtree(hotline.lib / "ledger")
    shutil.copytree(net.folder / "old/ledger", hotline.lib / "ledger")
    shutil.rmtree(hotline.lib / "signer/record")
    hotline.start()
    until(lambda: hotline.match(sha256(99)), 20)
    assert not hotline.match(sha256(150))
    hotline.append("ncii", [item(1000)])
    until(lambda: hotline.match(sha256(1000)), 20)
    assert checks(hotline)[ORIGIN].size == 101


def acknowledged(node, items, batch):
    """Its answer, once the peers were fast enough: said again until they are."""
    def answer():
        try:
            return node.append("ncii", items, batch_id=batch)
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.UNAVAILABLE, error
            return None
    return until(answer, 60)


def test_what_too_few_peers_have_is_not_acknowledged_and_not_lost(net):
    hotline = net.organisation("hotline", ["ncii", "own"], conf="min-replicas: 1\nmin-replicas-wait: 2s\n")
    partner = net.organisation("partner")
    net.enrol(hotline, partner)
    hotline.start(), partner.start()
    follows(net, hotline, partner)
    # Acknowledged: then it is there too, without waiting for it.
    acknowledged(hotline, [item(n) for n in range(300)], os.urandom(16))
    assert partner.applied(ORIGIN) == 300
    partner.stop()
    batch = os.urandom(16)
    for _ in range(2):
        with refused("UNAVAILABLE") as problem:
            hotline.append("ncii", [item(1000)], batch_id=batch)
        assert "durable here, and 0 of the 1 peers" in problem.text
    # It stays, matches here, and is what the peer gets when it is back; the
    # same batch is acknowledged then, and is no second entry.
    until(lambda: hotline.match(sha256(1000)), 20)
    # What is taken back does not wait.
    hotline.publish.Retract(pb.RetractRequest(hash=pb.Hash(algorithm=pb.ALGORITHM_SHA256, digest=sha256(7)), reason=1),
                            timeout=120)
    partner.start()
    holds(partner, 302)
    done = acknowledged(hotline, [item(1000)], batch)
    assert (done.ranges[0].first, done.ranges[0].count) == (300, 1)
    until(lambda: partner.match(sha256(1000)), 20)
    # A set that nobody may have has no replicas.
    with refused("UNAVAILABLE") as problem:
        hotline.append("own", [item(1)])
    assert "0 of the 1 peers" in problem.text
