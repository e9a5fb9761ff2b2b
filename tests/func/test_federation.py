"""How sets travel between organisations, and to whom they do not."""

import concurrent.futures
import os
import threading

import grpc
import pytest

from liar import Relay
from net import item, pb, refused, sha256, until


def settle(node, origin, size, seconds=30):
    until(lambda: node.applied(origin) == size, seconds, f"{node.name} has {size} of {origin}")


def two_hops(hotline, partner, provider):
    origin = hotline.origin("ncii")
    hotline.share("ncii", partner, may_relay=True)
    hotline.share("ncii", provider)
    partner.follow(origin)
    provider.follow(origin)
    return origin


def pair(net, *options):
    """A hotline and a partner who dial each other, both running."""
    hotline, partner = net.organisation("hotline", ["ncii"]), net.organisation("partner")
    net.enrol(hotline, partner, *options)
    return hotline.start(), partner.start()


def test_a_retraction_reaches_the_provider_and_so_does_an_amendment(net):
    hotline, partner, provider = net.chain()
    origin = two_hops(hotline, partner, provider)
    hotline.append("ncii", [item(n) for n in range(10)])
    until(lambda: provider.match(sha256(9)), 30)
    hotline.publish.Retract(pb.RetractRequest(hash=pb.Hash(algorithm=pb.ALGORITHM_SHA256, digest=sha256(4)), reason=1), timeout=120)
    labels = [pb.Label(scheme="iccam", value="Baseline")]
    hotline.publish.Amend(pb.AmendRequest(entry=pb.EntryRef(origin=origin, index=5), item=item(
        5, hashes=[], labels=labels, content_class=pb.CONTENT_CLASS_CSAM)), timeout=120)
    until(lambda: not provider.match(sha256(4)) and
          [list(h.labels) for h in provider.match(sha256(5))] == [labels], 30)

    def is_whole():
        info = provider.sets()[origin]
        return (info.applied, info.live, info.state) == (12, 9, pb.SET_STATE_COMPLETE)
    until(is_whole, 30)


def test_the_provider_never_connects_to_a_silent_hotline(net):
    hotline, partner, provider = net.chain()
    two_hops(hotline, partner, provider)
    hotline.append("ncii", [item(1)])
    until(lambda: provider.match(sha256(1)), 30)
    found = provider.peers()["hotline.example"]
    assert not found.is_connected and found.endpoint == "" and found.seen_ms == 0
    assert hotline.peers()["provider.example"].seen_ms == 0
    assert "peer=hotline.example" not in provider.log()


def test_with_an_empty_store_it_syncs_everything_from_the_partner_alone(net):
    hotline, partner, provider = net.chain()
    origin = two_hops(hotline, partner, provider)
    hotline.append("ncii", [item(n) for n in range(1500)])
    until(lambda: provider.match(sha256(1499)), 30)
    settle(partner, origin, 1500)
    hotline.stop()
    provider.stop()
    for name in ("ledger", "index", "retracted"):
        for path in (provider.lib / name).iterdir():
            path.unlink()
        (provider.lib / name).rmdir()
    provider.start()
    settle(provider, origin, 1500)
    until(lambda: len(provider.match(sha256(0), sha256(700), sha256(1499))) == 3, 30)


def test_after_kill_9_in_the_middle_of_a_sync_it_goes_on_where_it_was(net):
    hotline, partner = pair(net)
    origin = hotline.origin("ncii")
    hotline.share("ncii", partner)
    for start in range(0, 40000, 4000):
        hotline.append("ncii", [item(n) for n in range(start, start + 4000)])
    partner.follow(origin)
    reached = []
    for _ in range(6):
        until(lambda: partner.applied(origin) > (reached[-1] if reached else 0), 30)
        partner.kill()
        partner.start()
        # What was applied stays; nothing begins again from 0.
        held = partner.applied(origin)
        assert held >= (reached[-1] if reached else 1)
        reached.append(held)
        if held == 40000:
            break
    settle(partner, origin, 40000, 60)
    until(lambda: len(partner.match(sha256(0), sha256(39999))) == 2, 60)
    answer = partner.admin.VerifySet(pb.VerifySetRequest(set=origin), timeout=120)
    assert (answer.size, answer.missing) == (40000, 0)


def test_who_is_not_in_the_audience_cannot_tell_the_set_from_one_that_never_was(net):
    hotline, partner = pair(net)
    hotline.append("ncii", [item(1)])
    federation = hotline.federation(partner)
    there, nowhere = "hotline.example/ncii/1", "hotline.example/none/1"
    calls = {
        "GetCheckpoint": lambda o: federation.GetCheckpoint(pb.GetCheckpointRequest(origin=o), timeout=120),
        "GetProof": lambda o: federation.GetProof(pb.GetProofRequest(origin=o, size=1, index=0), timeout=120),
        "growth": lambda o: federation.GetProof(pb.GetProofRequest(origin=o, size=1, old_size=1), timeout=120),
        "GetChunks": lambda o: list(federation.GetChunks(pb.GetChunksRequest(origin=o, size=1, first=0, end=1), timeout=120)),
    }
    for name, call in calls.items():
        told = []
        for origin in (there, nowhere):
            with refused("NOT_FOUND", "NOTFOUND") as problem:
                call(origin)
            told.append(problem.all())
        assert told[0] == told[1], name
    # Tail names it neither before nor while it is written.
    tail = federation.Tail(pb.TailRequest(held=[pb.SetMark(origin=there), pb.SetMark(origin=nowhere)]))
    assert next(tail).caught_up
    assert federation.Gossip(pb.GossipRequest(notes=[hotline.admin.GetNote(
        pb.GetNoteRequest(set="ncii"), timeout=120).note]), timeout=120).notes == []
    assert not partner.sets()
    tail.cancel()


def test_a_member_that_may_not_relay_does_not_serve_the_set_onwards(net):
    hotline, partner, provider = net.chain()
    origin = hotline.origin("ncii")
    hotline.share("ncii", partner)
    hotline.share("ncii", provider)
    partner.follow(origin)
    hotline.append("ncii", [item(1)])
    until(lambda: partner.match(sha256(1)), 30)
    federation = partner.federation(provider)
    with refused("NOT_FOUND", "NOTFOUND") as there:
        federation.GetCheckpoint(pb.GetCheckpointRequest(origin=origin), timeout=120)
    with refused("NOT_FOUND", "NOTFOUND") as nowhere:
        federation.GetCheckpoint(pb.GetCheckpointRequest(origin="hotline.example/none/1"), timeout=120)
    assert there.all() == nowhere.all()
    with refused("NOT_FOUND"):
        list(federation.GetChunks(pb.GetChunksRequest(origin=origin, size=1, first=0, end=1), timeout=120))
    assert next(federation.Tail(pb.TailRequest())).caught_up
    # Once it may, it does, without a restart of anything.
    hotline.share("ncii", partner, may_relay=True)
    until(lambda: _has_checkpoint(federation, origin), 30)


def _has_checkpoint(federation, origin):
    try:
        return federation.GetCheckpoint(pb.GetCheckpointRequest(origin=origin), timeout=120).note
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.NOT_FOUND
        return None


def test_a_relay_serves_no_one_outside_the_audience(net):
    hotline, partner, provider = net.chain()
    origin = hotline.origin("ncii")
    hotline.share("ncii", partner, may_relay=True)
    partner.follow(origin)
    hotline.append("ncii", [item(1)])
    until(lambda: partner.match(sha256(1)), 30)
    with refused("NOT_FOUND"):
        partner.federation(provider).GetCheckpoint(pb.GetCheckpointRequest(origin=origin), timeout=120)


def test_of_two_sources_one_may_fail(net):
    hotline, one, two, provider = (net.organisation(n, s) for n, s in (
        ("hotline", ["ncii"]), ("one", []), ("two", []), ("provider", [])))
    for relay in (one, two):
        net.enrol(hotline, relay)
        net.enrol(relay, provider)
    net.enrol(hotline, provider, "--silent")
    for node in net.nodes:
        node.start()
    origin = hotline.origin("ncii")
    for relay in (one, two):
        hotline.share("ncii", relay, may_relay=True)
        relay.follow(origin)
    hotline.share("ncii", provider)
    provider.follow(origin)
    hotline.append("ncii", [item(1)])
    until(lambda: provider.match(sha256(1)), 30)
    one.kill()
    hotline.append("ncii", [item(n) for n in range(2, 600)])
    until(lambda: provider.match(sha256(599)), 30)
    one.start()
    settle(one, origin, 599)
    two.kill()
    hotline.append("ncii", [item(600)])
    until(lambda: provider.match(sha256(600)), 30)


def test_everything_is_there_again_after_everything_was_restarted(net):
    hotline, partner, provider = net.chain()
    origin = two_hops(hotline, partner, provider)
    hotline.append("ncii", [item(n) for n in range(300)])
    until(lambda: provider.match(sha256(299)), 30)
    for node in net.nodes:
        node.stop()
    for node in reversed(net.nodes):
        node.start()
    settle(provider, origin, 300)
    until(lambda: provider.match(sha256(299)), 30)
    hotline.append("ncii", [item(300)])
    until(lambda: provider.match(sha256(300)), 60)


def test_entries_written_while_a_subscriber_was_away_reach_it_when_it_is_back(net):
    hotline, partner = pair(net)
    origin = hotline.origin("ncii")
    hotline.share("ncii", partner)
    partner.follow(origin)
    hotline.append("ncii", [item(0)])
    until(lambda: partner.match(sha256(0)), 30)
    partner.stop()
    hotline.append("ncii", [item(n) for n in range(1, 1000)])
    hotline.publish.Retract(pb.RetractRequest(hash=pb.Hash(algorithm=pb.ALGORITHM_SHA256, digest=sha256(0)), reason=1), timeout=120)
    partner.start()
    until(lambda: partner.match(sha256(999)), 30)
    until(lambda: not partner.match(sha256(0)), 30, "the retraction comes behind them")


@pytest.mark.parametrize("come", [
    lambda stub: stub.Hello(pb.HelloRequest(version_min=1, version_max=1, format_min=1, format_max=1), timeout=120),
    lambda stub: stub.Gossip(pb.GossipRequest(), timeout=120),
], ids=["hello", "gossip"])
def test_who_comes_to_us_is_dialled_at_once(net, come):
    """However long the next attempt would have been off."""
    hotline, partner = net.organisation("hotline"), net.organisation("partner")
    net.enrol(hotline, partner)
    hotline.start()
    until(lambda: "not reached peer=partner.example" in hotline.log(), 30)
    assert "dialled at once" not in hotline.log()
    come(hotline.federation(partner))
    until(lambda: 'dialled at once peer=partner.example why="it came to us"' in hotline.log(), 30)
    partner.start()
    until(lambda: hotline.peers()["partner.example"].is_connected, 30)


def test_sizes_around_a_chunk_arrive_whole(net):
    hotline, partner = pair(net)
    origin = hotline.origin("ncii")
    hotline.share("ncii", partner)
    partner.follow(origin)
    total = 0
    for more in (1, 254, 1, 1, 255, 1, 256, 511, 2):
        hotline.append("ncii", [item(n) for n in range(total, total + more)])
        total += more
        settle(partner, origin, total)
    until(lambda: len(partner.match(*[sha256(n) for n in range(total)])) == total, 30)


def test_large_payloads_arrive_whole(net):
    hotline, partner = pair(net)
    origin = hotline.origin("ncii")
    hotline.share("ncii", partner)
    partner.follow(origin)
    labels = [pb.Label(scheme="local", value="x" * 250) for _ in range(64)]
    for start in range(0, 600, 100):
        hotline.append("ncii", [item(n, labels=labels) for n in range(start, start + 100)])
    settle(partner, origin, 600)
    hit = until(lambda: partner.match(sha256(599)), 30)[0]
    assert list(hit.labels) == labels


def test_a_peer_that_asks_for_nonsense_is_refused_and_goes_on(net):
    hotline, partner = pair(net)
    origin = hotline.origin("ncii")
    hotline.append("ncii", [item(n) for n in range(300)])
    hotline.share("ncii", partner)
    federation = hotline.federation(partner)
    until(lambda: _has_checkpoint(federation, origin), 30)
    for request in (pb.GetChunksRequest(origin=origin, size=300, first=300, end=300),
                    pb.GetChunksRequest(origin=origin, size=300, first=10, end=5),
                    pb.GetChunksRequest(origin=origin, size=300, first=0, end=301),
                    pb.GetChunksRequest(origin=origin, size=301, first=0, end=301),
                    pb.GetChunksRequest(origin=origin, size=2 ** 63, first=2 ** 62, end=2 ** 63)):
        with pytest.raises(grpc.RpcError) as caught:
            list(federation.GetChunks(request, timeout=120))
        assert caught.value.code() in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND), request
    for request in (pb.GetProofRequest(origin=origin, size=300), pb.GetProofRequest(origin=origin, size=301, index=0),
                    pb.GetProofRequest(origin=origin, size=300, index=300),
                    pb.GetProofRequest(origin=origin, size=300, old_size=301)):
        with pytest.raises(grpc.RpcError) as caught:
            federation.GetProof(request, timeout=120)
        assert caught.value.code() in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND), request
    for first, end in ((0, 300), (256, 300), (299, 300), (0, 256)):
        parts = list(federation.GetChunks(pb.GetChunksRequest(origin=origin, size=300, first=first, end=end), timeout=120))
        assert sum(len(p.headers) for p in parts) == 64 * (end - first)


def test_an_offer_of_what_was_never_shared_or_is_damaged_changes_nothing(net):
    hotline, partner = pair(net)
    hotline.append("ncii", [item(1)])
    note = hotline.admin.GetNote(pb.GetNoteRequest(set="ncii"), timeout=120).note
    federation = partner.federation(hotline)
    for request in (pb.OfferRequest(origin="hotline.example/ncii/1", note=note),
                    pb.OfferRequest(origin="partner.example/x/1", note=note, agreement=os.urandom(100)),
                    pb.OfferRequest(), pb.OfferRequest(origin="hotline.example/ncii/1", note=note[:-9])):
        with pytest.raises(grpc.RpcError) as caught:
            federation.Offer(iter([request]), timeout=120)
        assert caught.value.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL,
                                           grpc.StatusCode.DEADLINE_EXCEEDED), caught.value
    assert not [s for s in partner.sets().values() if s.applied]


def test_a_member_gets_the_set_it_was_offered_only_once_it_follows(net):
    hotline, partner = pair(net)
    origin = hotline.origin("ncii")
    hotline.append("ncii", [item(1)])
    hotline.share("ncii", partner)
    offered = until(lambda: partner.sets().get(origin), 30)
    assert offered.state == pb.SET_STATE_OFFERED and not partner.match(sha256(1))
    partner.follow(origin)
    until(lambda: partner.match(sha256(1)), 30)
    partner.follow(origin, is_removal=True)
    until(lambda: not partner.match(sha256(1)), 30)
    partner.follow(origin)
    until(lambda: partner.match(sha256(1)), 30)


def test_a_set_that_was_listed_once_is_in_every_list_while_it_comes_to_be_followed(net):
    """From what a peer offers it goes to what we hold: a list is made of both."""
    names = [f"set{n:02}" for n in range(40)]
    hotline, partner = net.organisation("hotline", names), net.organisation("partner")
    net.enrol(hotline, partner)
    hotline.start()
    partner.start()
    wanted = {hotline.origin(name) for name in names}
    for name in names:
        hotline.share(name, partner)
    until(lambda: wanted <= set(partner.sets()), 30)
    is_over = threading.Event()

    def looks():
        while not is_over.is_set():
            assert wanted <= set(partner.sets())
    with concurrent.futures.ThreadPoolExecutor() as pool:
        looking = [pool.submit(looks) for _ in range(4)]
        try:
            for origin in wanted:
                partner.follow(origin)
        finally:
            is_over.set()
        for one in looking:
            one.result()


def test_a_member_taken_out_learns_that_it_ended_and_matches_no_longer(net):
    hotline, partner = pair(net)
    origin = hotline.origin("ncii")
    hotline.share("ncii", partner)
    partner.follow(origin)
    hotline.append("ncii", [item(1)])
    until(lambda: partner.match(sha256(1)), 30)
    federation = hotline.federation(partner)
    tail = federation.Tail(pb.TailRequest())
    assert next(tail).origin == origin and next(tail).caught_up
    hotline.share("ncii", partner, is_removal=True)
    news = next(tail)
    assert (news.origin, news.ended) == (origin, True)
    until(lambda: not partner.match(sha256(1)), 30)
    until(lambda: partner.sets()[origin].state == pb.SET_STATE_ENDED, 30)
    with refused("NOT_FOUND"):
        federation.GetCheckpoint(pb.GetCheckpointRequest(origin=origin), timeout=120)
    # Taken back in, it goes on with what happened meanwhile.
    hotline.append("ncii", [item(2)])
    hotline.share("ncii", partner)
    until(lambda: partner.match(sha256(1)) and partner.match(sha256(2)), 30)


def test_who_may_not_pass_a_set_on_keeps_nobody_in_it(net):
    """Who is taken out would go on matching for as long as anybody at all
    names the set to him."""
    hotline, partner, provider = (
        net.organisation("hotline", ["ncii"]), net.organisation("partner"), net.organisation("provider"))
    net.enrol(hotline, partner, "--silent")
    net.enrol(hotline, provider)
    net.enrol(partner, provider)
    hotline.start()
    origin = hotline.origin("ncii")
    for node in (partner, provider):
        hotline.share("ncii", node)
    relay = Relay(partner, hotline)

    def says_no_newer_agreement(news):
        news.agreement_version = 1
        yield news
    try:
        relay.lie("Tail", says_no_newer_agreement, GetCheckpoint=lambda _: grpc.StatusCode.UNAVAILABLE)
        provider.start()
        provider.follow(origin)
        hotline.append("ncii", [item(1)])
        until(lambda: provider.match(sha256(1)), 30)
        until(lambda: relay.told["Tail"] >= 1, 20, "the relay names the set as well")
        hotline.share("ncii", provider, is_removal=True)
        until(lambda: not provider.match(sha256(1)), 30)
        told = relay.told["Tail"]
        for n in (2, 3):
            hotline.append("ncii", [item(n)])
            until(lambda n=n: relay.told["Tail"] >= told + n - 1, 20, "named again, by who may not")
        until(lambda: provider.sets()[origin].state == pb.SET_STATE_ENDED, 30)
        assert not provider.match(sha256(1))
        hotline.share("ncii", provider)
        until(lambda: provider.match(sha256(1)) and provider.match(sha256(3)), 30)
    finally:
        relay.stop()


def test_a_node_that_cannot_be_dialled_offers_its_set_over_the_connection_it_opened(net):
    hotline = net.organisation("hotline", ["ncii"], endpoint=False)
    partner = net.organisation("partner")
    net.enrol(hotline, partner)
    hotline.start()
    partner.start()
    origin = hotline.origin("ncii")
    hotline.append("ncii", [item(n) for n in range(700)])
    partner.follow(origin)
    hotline.share("ncii", partner)
    until(lambda: partner.match(sha256(699)), 30)
    hotline.append("ncii", [item(700)])
    until(lambda: partner.match(sha256(700)), 30)
    hotline.publish.Retract(pb.RetractRequest(hash=pb.Hash(algorithm=pb.ALGORITHM_SHA256, digest=sha256(0)), reason=1), timeout=120)
    until(lambda: not partner.match(sha256(0)), 30)
    settle(partner, origin, 702)
    until(lambda: partner.sets()[origin].state == pb.SET_STATE_COMPLETE, 30)
    assert partner.peers()["hotline.example"].endpoint == ""
