"""Who an organisation is, as its root keys change: every version is walked, none
is skipped, and no relay keeps a newer one from anybody."""

from liar import Relay
from net import PASSPHRASE, pb, until
from test_freshness import ORIGIN, Relayed, grow, holds


def rotate(net, node, number, old=None):
    """New root keys, signed by old and new; the new one's file and passphrase."""
    path, passphrase = net.folder / f"root-{number}.key", f"passphrase {number}"
    node.key("root", "new", path, "--kdf-cost", "1/64", "--recovery-file", path.with_suffix(".copy"),
             passphrase=passphrase)
    signs = ["--root", old[0]] if old else []
    node.key("manifest", "sign", *signs, "--new-root", path,
             passphrase=f"{old[1] if old else PASSPHRASE}\n{passphrase}")
    return path, passphrase


def version(node, of="hotline.example"):
    return node.peers()[of].manifest_version


def test_case_34_who_was_away_during_two_rotations_walks_every_version(net):
    hotline, provider = net.organisation("hotline", ["ncii"]), net.organisation("provider")
    hotline.enrol(provider, "--silent")
    provider.enrol(hotline)
    for node in net.nodes:
        node.start()
    hotline.share("ncii", provider)
    provider.follow(ORIGIN)
    grow(hotline, 0, 10)
    holds(provider, 10)
    provider.stop()
    second = rotate(net, hotline, 2, rotate(net, hotline, 1))
    # Meanwhile the log key changed, too, with an overlap and without one.
    for verb in ("new", "retire", "new", "retire"):
        hotline.key("log", verb)
        hotline.restart()
    grow(hotline, 10, 10)
    provider.start()
    until(lambda: version(provider) == 3, 60, "version 3")
    # It is said behind the act.
    until(lambda: "manifest taken peer=hotline.example version=3" in provider.log(), 60, "it says so")
    said = provider.log()
    assert said.index("manifest taken peer=hotline.example version=2") < said.index(
        "manifest taken peer=hotline.example version=3")
    holds(provider, 20)
    # What it knows it can prove to others, and it goes on from here.
    hotline.key("manifest", "sign", "--root", second[0], passphrase=second[1])
    until(lambda: version(provider) == 4, 60, "version 4, told by Tail")


def test_case_34_a_version_that_skips_one_is_refused(net):
    field = Relayed(net, is_direct=False)
    hotline, provider, relay = field.hotline, field.provider, field.relay
    try:
        relay.hides_manifests = True
        rotate(net, hotline, 2, rotate(net, hotline, 1))

        def newest_mark():
            told = relay.upstream.Hello(pb.HelloRequest(version_min=1, version_max=1), timeout=60)
            return [one for one in told.manifests if one.version == 3]
        [mark] = until(newest_mark, 60)
        newest = relay.upstream.GetManifest(pb.GetManifestRequest(organisation_id=mark.organisation_id), timeout=60)

        def hello(honest):
            honest.manifests.append(mark)
            return honest
        relay.lie("Hello", hello, GetManifest=lambda honest: newest)
        provider.restart()
        until(lambda: "it gave another manifest than it announced" in provider.peers()["partner.example"].problem, 60)
        assert version(provider) == 1
        # One by one they are taken, from the same peer.
        relay.lie("Hello", hello)
        until(lambda: version(provider) == 3, 60)
    finally:
        relay.stop()


def test_a_relay_tells_of_a_newer_manifest_whose_owner_is_out_of_reach(net):
    # The hotline and the provider never dial each other.
    hotline, partner, provider = net.chain()
    hotline.share("ncii", partner, may_relay=True)
    hotline.share("ncii", provider)
    for node in (partner, provider):
        node.follow(ORIGIN)
    grow(hotline, 0, 3)
    holds(provider, 3)
    assert version(provider) == 1
    hotline.key("tls", "new", "--out", net.folder / "tls")
    hotline.key("manifest", "sign", "--add-pin", net.folder / "tls/node.crt")
    until(lambda: version(provider) == 2, 60, "the provider has version 2")
    # Root keys that are replaced are not kept from anybody either.
    rotate(net, hotline, 1)
    until(lambda: version(provider) == 3, 60, "the provider has version 3")


def test_of_two_relays_one_cannot_hide_a_newer_manifest(net):
    hotline = net.organisation("hotline", ["ncii"])
    partner, other, provider = [net.organisation(name) for name in ("partner", "other", "provider")]
    net.enrol(hotline, partner, "--silent")
    net.enrol(hotline, provider, "--silent")
    net.enrol(hotline, other)
    net.enrol(partner, provider)
    net.enrol(other, provider)
    hotline.start()
    for relay in (partner, other):
        hotline.share("ncii", relay, may_relay=True)
    hotline.share("ncii", provider)
    liar = Relay(partner, hotline)
    try:
        liar.hides_manifests = True
        provider.start()
        provider.follow(ORIGIN)
        grow(hotline, 0, 3)
        holds(provider, 3)
        told = liar.told["manifests"]
        rotate(net, hotline, 1)
        until(lambda: liar.told["manifests"] > told, 60, "the liar knows of it")
        # It passes on what is published, and says nothing of the manifest.
        grow(hotline, 3, 1)
        holds(provider, 4)
        assert version(provider) == 1
        # It is met before it has the set, so it may not tell of its publisher.
        other.start()
        until(lambda: provider.peers()["other.example"].is_connected, 60)
        other.follow(ORIGIN)
        until(lambda: version(provider) == 2, 60, "the provider has version 2")
    finally:
        liar.stop()


def test_whose_manifest_is_not_taken_cuts_nobody_off_who_tells_of_it(net):
    """An organisation that signs two of one version would have half of its
    peers refuse what the other half gives them in good faith."""
    field = Relayed(net, is_direct=False)
    hotline, provider, relay = field.hotline, field.provider, field.relay
    try:
        relay.hides_manifests = True
        rotate(net, hotline, 1)

        def newest_mark():
            told = relay.upstream.Hello(pb.HelloRequest(version_min=1, version_max=1), timeout=60)
            return [one for one in told.manifests if one.version == 2]
        [mark] = until(newest_mark, 60)

        def hello(honest):
            honest.manifests.append(mark)
            return honest

        def other_branch(honest):
            document = pb.SignedDocument.FromString(honest.manifest)
            for one in document.signatures:
                one.signature = one.signature[:-1] + bytes([one.signature[-1] ^ 1])
            honest.manifest = document.SerializeToString()
            return honest
        relay.lie("Hello", hello, GetManifest=other_branch)
        provider.restart()
        until(lambda: "newer manifest not taken" in provider.log(), 60)
        grow(hotline, 0, 10)
        holds(provider, 10)
        # Asked for once each time that they met, which is once unless a slow
        # machine let the connection go.
        assert version(provider) == 1 and 1 <= relay.told["GetManifest"] <= relay.told["Hello"]
        until(lambda: provider.peers()["partner.example"].problem == "", 60)
        # Who gives what does follow is asked again.
        relay.lie("Hello", hello)
        provider.restart()
        until(lambda: version(provider) == 2, 60)
    finally:
        relay.stop()
