"""What is taken back: everywhere of ours, and who else still lists it."""

import json
import os
from pathlib import Path

from net import item, pb, pdq, sha256, until
from test_chain import follow_both
from test_client import hashfed


def two_publishers(net):
    """The hotline publishes, and matches on what the partner publishes too."""
    hotline = net.node("hotline", ["ncii", "csam"])
    partner = net.node("partner", ["ncii"])
    net.enrol(hotline, partner)
    origin = partner.origin("ncii")
    partner.share("ncii", hotline)
    hotline.follow(origin)
    return hotline, partner, origin


def test_a_retraction_names_the_publishers_who_still_list_it(net):
    hotline, partner, theirs = two_publishers(net)
    partner.append("ncii", [item(1), item(2)])
    hotline.append("ncii", [item(1)])
    until(lambda: len(hotline.match(sha256(1))) == 2 and hotline.match(sha256(2)), 60)

    answer = json.loads(hashfed(hotline, "retract", "--json", sha256(1).hex()).stdout)
    assert answer["retracted"] == [{"origin": hotline.origin("ncii"), "index": 0}]
    assert answer["others"] == [{"origin": theirs, "index": 0}]
    assert [hit.origin for hit in hotline.match(sha256(1))] == [theirs], "only ours is gone"

    # Of what is only theirs nothing is retracted, and they are named.
    said = hashfed(hotline, "retract", sha256(2).hex(), status=2)
    assert f"still listed by others: {theirs}\t1" in said.stdout
    assert "nothing was retracted" in said.stderr

    # By its place in our set the hashes come from the entry.
    index = hotline.append("ncii", [item(2)]).ranges[0].first
    gone = hotline.publish.Retract(pb.RetractRequest(entry=pb.EntryRef(origin="ncii", index=index), reason=1), timeout=60)
    assert [(e.origin, e.index) for e in gone.others] == [(theirs, 1)]

    # A set that we no longer match on is none of those that list it.
    hotline.follow(theirs, is_removal=True)
    until(lambda: not hotline.match(sha256(2)), 60)
    index = hotline.append("csam", [item(2, content_class=pb.CONTENT_CLASS_CSAM)]).ranges[0].first
    gone = hotline.publish.Retract(pb.RetractRequest(entry=pb.EntryRef(origin="csam", index=index), reason=1), timeout=60)
    assert gone.count == 1 and not gone.others


def test_case_38_an_entry_retracted_in_one_set_is_active_through_the_other(net):
    hotline, partner, theirs = two_publishers(net)
    provider = net.node("provider")
    for publisher in (hotline, partner):
        net.enrol(publisher, provider)
        publisher.append("ncii", [item(1)])
        publisher.share("ncii", provider)
        provider.follow(publisher.origin("ncii"))
    until(lambda: len(provider.match(sha256(1))) == 2, 60)
    hotline.publish.Retract(pb.RetractRequest(hash=pb.Hash(algorithm=pb.ALGORITHM_SHA256, digest=sha256(1)), reason=1),
                            timeout=60)
    hit, = until(lambda: len(provider.match(sha256(1))) == 1 and provider.match(sha256(1)), 60)
    assert (hit.origin, hit.index) == (theirs, 0)


# --- erasure -------------------------------------------------------------------

MARKER = "a-label-that-nobody-else-would-write"


def marked(n, **fields):
    return item(n, labels=[pb.Label(scheme="local", value=MARKER)], **fields)


def erasing(node):
    return [w for w in node.admin.GetStatus(pb.GetStatusRequest(), timeout=60).warnings if "erasing" in w]


def chain_of_three(net):
    """The provider has the set through the partner; all erase within a second."""
    hotline, partner, provider = net.chain(start=False)
    for node in (hotline, partner, provider):
        node.configure("erase-within: 1s\n")
        node.spawn()
    for node in (hotline, partner, provider):
        until(node._is_ready, 60, f"{node.name} ready")
    return (hotline, partner, provider), follow_both(hotline, partner, provider)


def holding(node, needle):
    """The files under its state directory that have these bytes; a file or
    folder that goes while it is looked for has none."""
    found = []
    for folder, _, names in os.walk(node.lib):
        for path in (Path(folder) / name for name in names):
            try:
                if path.is_file() and needle in path.read_bytes():
                    found.append(str(path.relative_to(node.lib)))
            except FileNotFoundError:
                pass
    return found


def test_case_24_an_erased_payload_is_in_no_file_of_any_member(net):
    nodes, origin = chain_of_three(net)
    hotline, partner, provider = nodes
    hotline.append("ncii", [item(n) for n in range(300)])
    index = hotline.append("ncii", [marked(1000)]).ranges[0].first
    hotline.append("ncii", [item(n) for n in range(300, 600)])
    amended = hotline.publish.Amend(pb.AmendRequest(
        entry=pb.EntryRef(origin=origin, index=index), item=marked(1000, hashes=[])), timeout=60).index
    for node in nodes:
        until(lambda: node.applied(origin) == amended + 1 and node.match(sha256(1000)), 60)
        for needle in (MARKER.encode(), sha256(1000), pdq(1000)):
            assert holding(node, needle), f"{node.name} has what is to be erased, in a file where it can be found"

    # It was taken back before it is erased: its hashes are remembered then.
    reason = dict(reason=pb.RETRACT_REASON_ORDERED)
    wanted = pb.Hash(algorithm=pb.ALGORITHM_SHA256, digest=sha256(1000))
    hotline.publish.Retract(pb.RetractRequest(hash=wanted, **reason), timeout=60)
    assert holding(hotline, sha256(1000))
    gone = hotline.publish.Retract(pb.RetractRequest(hash=wanted, erase=True, **reason), timeout=60)
    assert [(e.origin, e.index) for e in gone.retracted] == [(origin, index)]
    size = hotline.applied(origin)
    assert size == amended + 4, "one RETRACT, and an ERASE of the ADD and of the AMEND"

    # The others' matches and the file under their lookups go on meanwhile.
    for node in nodes:
        until(lambda: node.applied(origin) == size, 60)
        for needle in (MARKER.encode(), sha256(1000), pdq(1000)):
            until(lambda: not holding(node, needle), 60, f"{node.name} has erased it from every file")
        until(lambda: not erasing(node), 60)
        until(lambda: node.match(sha256(599)) and not node.match(sha256(1000)), 60)
        checked = node.admin.VerifySet(pb.VerifySetRequest(set=origin), timeout=60)
        assert (checked.size, checked.missing) == (size, 0)
        assert node.sets()[origin].state == pb.SET_STATE_COMPLETE
        proof = node.admin.ProveEntry(pb.ProveEntryRequest(set=origin, index=index), timeout=60)
        assert len(proof.header) == 64

    # What is added later is there after a restart, and a newcomer is whole.
    hotline.append("ncii", [item(2000)])
    for node in nodes:
        until(lambda: node.match(sha256(2000)), 60)
        node.restart()
        until(lambda: node.match(sha256(2000)) and node.match(sha256(3)), 60)
        assert not holding(node, MARKER.encode())
    late = net.node("late")
    net.enrol(partner, late)
    hotline.enrol(late, "--silent")
    late.enrol(hotline, "--silent")
    hotline.share("ncii", late)
    late.follow(origin)
    until(lambda: late.match(sha256(2000)), 60)
    until(lambda: late.sets()[origin].state == pb.SET_STATE_COMPLETE, 60)
    assert not holding(late, MARKER.encode())


def test_lookups_and_publishing_go_on_while_files_are_written_anew(net):
    hotline = net.organisation("hotline", ["ncii"])
    hotline.configure("erase-within: 1s\n")
    hotline.start()
    hotline.append("ncii", [item(n) for n in range(2000)])
    until(lambda: hotline.match(sha256(1999)), 60)
    for n in range(4):
        hotline.append("ncii", [marked(10000 + n)])
        until(lambda: hotline.match(sha256(10000 + n)), 60)
        hotline.publish.Retract(pb.RetractRequest(
            hash=pb.Hash(algorithm=pb.ALGORITHM_SHA256, digest=sha256(10000 + n)), reason=1, erase=True), timeout=60)
        sent = 2000 + n * 1000
        while hotline.log().count("erased from the files") <= n:
            if sent < 3000 + n * 1000:
                hotline.append("ncii", [item(sent)])
                sent += 1
            assert hotline.match(sha256(1))
        acknowledged = [sha256(k) for k in range(2000 + n * 1000, sent)]
        until(lambda: len({hit.item for hit in hotline.match(*acknowledged)}) == len(acknowledged), 60)
    assert not holding(hotline, MARKER.encode())


def test_a_daemon_killed_while_it_erases_loses_nothing_and_erases_after_all(net):
    hotline = net.organisation("hotline", ["ncii"])
    hotline.configure("erase-within: 1s\n")
    hotline.start()
    origin = hotline.origin("ncii")
    hotline.append("ncii", [item(n) for n in range(3000)])
    for n in range(5):
        hotline.append("ncii", [marked(10000 + n)])
        until(lambda: hotline.match(sha256(10000 + n)), 60)
        hotline.publish.Retract(pb.RetractRequest(
            hash=pb.Hash(algorithm=pb.ALGORITHM_SHA256, digest=sha256(10000 + n)), reason=1, erase=True), timeout=60)
        last = hotline.append("ncii", [item(20000 + n)]).size
        # The moment differs from one round to the next: the copy is begun,
        # or long on its way, or in place and not yet noted.
        until(lambda: (hotline.lib / "ledger.compact").exists() or not holding(hotline, MARKER.encode()), 60)
        for _ in range(n * 3):
            hotline.match(sha256(1))
        hotline.kill()
        hotline.start()
        assert hotline.applied(origin) == last
        until(lambda: hotline.match(sha256(20000 + n)), 60)
        until(lambda: not holding(hotline, MARKER.encode()), 60)
    assert hotline.admin.VerifySet(pb.VerifySetRequest(set=origin), timeout=60).missing == 0
