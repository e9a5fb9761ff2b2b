"""Who may have a set, who no longer may, and who is told of whom."""

from net import item, pb, refused, sha256, until
from test_chain import follow_both


def test_whoever_is_taken_out_of_a_set_stops_matching_even_after_a_restart(net):
    hotline, partner, provider = net.chain()
    origin = follow_both(hotline, partner, provider)
    hotline.append("ncii", [item(1)])
    until(lambda: provider.match(sha256(1)), 60)

    hotline.share("ncii", provider, is_removal=True)
    until(lambda: not provider.match(sha256(1)), 60)
    until(lambda: provider.sets()[origin].state == pb.SET_STATE_ENDED, 60)
    until(lambda: partner.match(sha256(1)), 60)

    # Nobody is there to say it again.
    partner.stop()
    provider.restart()
    assert not provider.match(sha256(1))
    assert provider.sets()[origin].state == pb.SET_STATE_ENDED

    partner.start()
    hotline.share("ncii", provider)
    until(lambda: provider.match(sha256(1)), 60)


def test_a_relay_that_may_no_longer_relay_ends_nothing_for_others(net):
    hotline, partner, provider = net.chain()
    origin = follow_both(hotline, partner, provider)
    hotline.append("ncii", [item(1)])
    until(lambda: provider.match(sha256(1)), 60)

    # The agreement names the partner as a member that does not relay.
    version = hotline.share("ncii", partner, may_relay=False).agreement_version
    until(lambda: partner.sets()[origin].agreement_version == version, 60)
    with refused("NOT_FOUND"):
        partner.federation(provider).GetCheckpoint(pb.GetCheckpointRequest(origin=origin), timeout=60)
    assert provider.match(sha256(1))
    until(lambda: provider.sets()[origin].state == pb.SET_STATE_COMPLETE, 60)


def test_a_set_that_a_publisher_without_an_address_has_is_brought(net):
    partner = net.node("partner")
    hotline = net.organisation("hotline", ["ncii"], endpoint=False)
    net.enrol(hotline, partner)
    hotline.start()
    origin = hotline.origin("ncii")
    hotline.share("ncii", partner)
    partner.follow(origin)
    hotline.append("ncii", [item(i) for i in range(700)])
    until(lambda: partner.applied(origin) == 700, 60)
    hotline.append("ncii", [item(1000 + i) for i in range(70)])
    until(lambda: partner.match(sha256(1069)), 60)


def test_an_agreement_that_changes_is_brought_although_the_set_did_not(net):
    hotline = net.organisation("hotline", ["ncii"], endpoint=False)
    provider, third = net.organisation("provider"), net.organisation("third")
    for node in (provider, third):
        net.enrol(hotline, node)
    for node in net.nodes:
        node.start()
    origin = hotline.origin("ncii")
    hotline.share("ncii", provider)
    provider.follow(origin)
    hotline.append("ncii", [item(1)])
    until(lambda: provider.match(sha256(1)), 60)
    until(lambda: provider.sets()[origin].agreement_version == hotline.sets()[origin].agreement_version, 60)
    version = hotline.sets()[origin].agreement_version
    hotline.share("ncii", third)
    assert hotline.sets()[origin].agreement_version == version + 1
    until(lambda: provider.sets()[origin].agreement_version == version + 1, 60, "who is in it now is told")


def test_peers_are_told_of_organisations_they_share_a_set_with_and_of_no_other(net):
    hotline, partner, provider = net.chain(start=False)
    partner.start()
    identity = {p.name: p.organisation_id for p in partner.peers().values()}

    def told(caller):
        return {m.organisation_id for m in partner.federation(caller).Hello(
            pb.HelloRequest(version_min=1, version_max=1, format_min=1, format_max=1), timeout=60).manifests}

    def manifest(caller, of):
        return partner.federation(caller).GetManifest(
            pb.GetManifestRequest(organisation_id=identity[of.domain]), timeout=60).manifest

    assert identity[hotline.domain] not in told(provider)
    assert manifest(provider, provider)
    with refused("NOT_FOUND") as hidden:
        manifest(provider, hotline)
    with refused("NOT_FOUND") as unknown:
        partner.federation(provider).GetManifest(
            pb.GetManifestRequest(organisation_id=bytes(32)), timeout=60)
    assert hidden.all() == unknown.all()

    hotline.start()
    origin = hotline.origin("ncii")
    hotline.share("ncii", partner, may_relay=True)
    hotline.share("ncii", provider)
    partner.follow(origin)
    until(lambda: partner.sets().get(origin), 60)
    until(lambda: identity[hotline.domain] in told(provider), 60)
    assert manifest(provider, hotline)
