"""A disk without a byte left: what still goes in, and what acts all the same."""

from disk import ORIGIN, batch, fill, retract, verdicts, warnings
from net import item, pb, refused, sha256, until
from test_place import Place

ONE = b"one".ljust(16, b".")


def starve(node):
    """Ends as a machine that lost its power, and starts again without a byte on
    its disk, nor the files of the index that the last run had for others."""
    node.kill()
    for kind in ("memory-*", "table-*", "sets-*"):
        for path in [*(node.lib / "index").glob(kind), *(node.lib / "retracted").glob(kind)]:
            path.unlink()
    filler = fill(node, 0)
    node.expect_error("")
    node.start()
    return filler


# --- a start ------------------------------------------------------------------------------


def test_a_publisher_starts_on_a_disk_with_nothing_left(small):
    small.append("ncii", batch(0), batch_id=b"%016d" % 0)
    until(lambda: len(small.match(*[sha256(n) for n in range(500)])) == 500, 20)
    filler = starve(small)
    until(lambda: len(small.match(*[sha256(n) for n in range(500)])) == 500, 20, "it matches on what it has")
    assert warnings(small, "only retractions and case events")
    until(lambda: warnings(small, "the match index cannot be written"), 20)
    assert "the match index cannot be written" in small.hashfed("status")
    with refused("RESOURCE_EXHAUSTED", "FULL") as problem:
        small.append("ncii", batch(1), batch_id=ONE)
    assert "kept for retractions and cases; make room" in problem.text
    place = Place(small)
    assert place.error != 0, "who looks up in place is told that it cannot see all"
    place.close()

    # A retraction acts, as on a disk that filled up later.
    small.hashfed("retract", sha256(7).hex(), "--reason", "wrong")
    assert not small.match(sha256(7))

    filler.unlink()
    until(lambda: not warnings(small, "cannot be written") and not warnings(small, "not written yet"), 60)
    small.append("ncii", batch(1), batch_id=ONE)
    until(lambda: small.match(sha256(999)), 20)
    place = Place(small)
    assert place.error == 0 and place.match(sha256(999)) and not place.match(sha256(7)), place.text
    place.close()
    small.restart()
    until(lambda: small.match(sha256(999)), 20)
    assert not small.match(sha256(7)) and small.match(sha256(8))


def test_a_provider_starts_on_a_disk_with_nothing_left_and_hears_of_retractions(follower):
    hotline, provider = follower
    filler = starve(provider)
    until(lambda: provider.match(sha256(499)), 20, "it matches on what it has")
    retract(hotline, 3)
    hotline.append("ncii", [item(n) for n in range(1000, 1500)])
    until(lambda: verdicts(provider, 3) in (set(), {pb.VERDICT_REVIEW}), 60, "what is taken back does not block")
    assert verdicts(provider, 4) == {pb.VERDICT_BLOCK}
    filler.unlink()
    until(lambda: provider.applied(ORIGIN) == 1001 and not provider.match(sha256(3)), 120)
    until(lambda: provider.match(sha256(1499)), 20)
