"""Who gets in over TLS, and what a stranger reaches: nothing."""

import contextlib
import os
import queue
import select
import subprocess
import time

import grpc
import pytest

from net import item, pb, refused, sha256, until

# What an HTTP/2 client sends first: its preface and empty SETTINGS.
HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"


@pytest.fixture(scope="module")
def trio(shared):
    """A hotline that runs, a partner it enrolled, and a stranger."""
    hotline = shared.organisation("hotline", ["ncii"])
    partner = shared.organisation("partner")
    stranger = shared.organisation("stranger")
    hotline.enrol(partner, "--silent")
    hotline.start()
    return hotline, partner, stranger


def s_client(node, folder, key=None, cert=None, version="-tls1_3"):
    """Say hello as openssl s_client does; return what came back first, and why
    it ended if nothing came, as bytes."""
    options = []
    for name, data in (("key", key), ("cert", cert)):
        if data is not None:
            (folder / name).write_bytes(data)
            options += ["-" + name, folder / name]
    with subprocess.Popen(["openssl", "s_client", "-connect", node.address, "-alpn", "h2", version, "-quiet",
                           "-servername", node.domain, *options], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as client:
        try:
            # Standard input stays open: it is the server that has to end it.
            with contextlib.suppress(BrokenPipeError):
                client.stdin.write(HELLO)
                client.stdin.flush()
            assert select.select([client.stdout], [], [], 120)[0], "neither a word nor an end"
            said = os.read(client.stdout.fileno(), 1 << 16)
            if not said:
                client.wait(60)
        finally:
            client.kill()
        return said, client.stderr.read()


def self_signed(folder, days):
    """A certificate of nobody that we know; negative days: of the past."""
    config = folder / "openssl.cnf"
    config.write_text("[req]\ndistinguished_name=n\nx509_extensions=x\n[n]\n[x]\nsubjectAltName=DNS:mallory.example\n")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", folder / "made.key", "-out", folder / "made.crt", "-subj", "/CN=mallory.example",
                    "-days", str(days), "-config", config], check=True, capture_output=True)
    return (folder / "made.key").read_bytes(), (folder / "made.crt").read_bytes()


def expired(node, folder):
    """A certificate of the node's own key, over yesterday."""
    (folder / "node.key").write_bytes(node.key_pem)
    (folder / "openssl.cnf").write_text("""
[ca]
default_ca=c
[c]
database=%(f)s/index
serial=%(f)s/serial
new_certs_dir=%(f)s
default_md=sha256
policy=p
[p]
commonName=supplied
[req]
distinguished_name=n
[n]
""" % {"f": folder})
    (folder / "index").write_text("")
    (folder / "serial").write_text("01\n")
    subprocess.run(["openssl", "req", "-new", "-key", folder / "node.key", "-subj", "/CN=" + node.domain,
                    "-out", folder / "csr", "-config", folder / "openssl.cnf"], check=True, capture_output=True)
    subprocess.run(["openssl", "ca", "-batch", "-selfsign", "-keyfile", folder / "node.key", "-in", folder / "csr",
                    "-out", folder / "old.crt", "-startdate", "20240101000000Z", "-enddate", "20240201000000Z",
                    "-config", folder / "openssl.cnf", "-notext"], check=True, capture_output=True)
    return (folder / "old.crt").read_bytes()


def hello(node, key, cert):
    return pb.FederationStub(node.tls(key, cert)).Hello(
        pb.HelloRequest(version_min=1, version_max=1, format_min=1, format_max=1), timeout=60)


def test_a_peer_gets_in_and_the_server_speaks_http2_to_it(trio, tmp_path):
    hotline, partner, _ = trio
    answer = hello(hotline, partner.key_pem, partner.cert)
    assert answer.version_min <= 1 <= answer.version_max and len(answer.manifests) >= 1
    # The same tool as below, so that silence there means something.
    said, _ = s_client(hotline, tmp_path, partner.key_pem, partner.cert)
    assert said[3:4] == b"\4", said


@pytest.mark.parametrize("version", ["-tls1_3", "-tls1_2"])
def test_a_stranger_gets_nothing_at_all(trio, tmp_path, version):
    hotline, _, stranger = trio
    for key, cert in ((None, None), (stranger.key_pem, stranger.cert), self_signed(tmp_path, 30)):
        said, _ = s_client(hotline, tmp_path, key, cert, version)
        assert said == b"", said


def test_old_tls_is_not_spoken(trio, tmp_path):
    hotline, partner, _ = trio
    said, complaint = s_client(hotline, tmp_path, partner.key_pem, partner.cert, "-tls1_1")
    assert said == b"" and (b"alert" in complaint or b"error" in complaint)


def test_a_stranger_is_unavailable_to_itself(trio, tmp_path):
    hotline, partner, stranger = trio
    for key, cert in ((stranger.key_pem, stranger.cert), (None, None), self_signed(tmp_path, 30)):
        with refused("UNAVAILABLE") as problem:
            hello(hotline, key, cert)
        assert problem.raw == b""
    # A certificate without its key is not even offered by gRPC, and an
    # organisation that we know by another key is a stranger too.
    with refused("UNAVAILABLE"):
        hello(hotline, *self_signed(tmp_path, 30))
    assert hello(hotline, partner.key_pem, partner.cert)


def test_an_expired_certificate_of_the_right_key_is_refused(trio, tmp_path):
    hotline, partner, _ = trio
    old = expired(partner, tmp_path)
    said, _ = s_client(hotline, tmp_path, partner.key_pem, old)
    assert said == b""
    with refused("UNAVAILABLE"):
        hello(hotline, partner.key_pem, old)


def test_a_node_does_not_speak_to_an_impostor_at_the_address_of_its_peer(net):
    hotline = net.organisation("hotline", ["ncii"])
    partner = net.organisation("partner", conf="peer-timeout: 2s\n")
    net.enrol(hotline, partner)
    impostor = net.organisation("impostor")
    impostor.conf.write_text(impostor.conf.read_text().replace(impostor.address, hotline.address))
    impostor.enrol(partner, "--silent")
    impostor.start()
    partner.start()
    problem = until(lambda: partner.peers()["hotline.example"].problem, 60)
    assert not partner.peers()["hotline.example"].is_connected, problem


def test_enrolment_needs_no_restart(net):
    hotline, partner = net.node("hotline", ["ncii"]), net.organisation("partner")
    with refused("UNAVAILABLE"):
        hello(hotline, partner.key_pem, partner.cert)
    hotline.enrol(partner, "--silent")
    until(lambda: "partner.example" in hotline.peers(), 60)
    assert hello(hotline, partner.key_pem, partner.cert)


def test_enrolment_over_the_socket_asks_for_the_fingerprint_first(net):
    hotline, partner = net.node("hotline", ["ncii"]), net.organisation("partner")
    invite = partner.invite().read_bytes()
    asked = hotline.admin.AddPeer(pb.AddPeerRequest(invite=invite), timeout=60)
    assert not asked.is_enrolled and asked.name == "partner.example"
    assert asked.fingerprint in partner.key("peer", "fingerprint", hotline.invite()).stdout
    with refused("PERMISSION_DENIED", "DENIED") as problem:
        hotline.admin.AddPeer(pb.AddPeerRequest(invite=invite, fingerprint="1" * 40), timeout=60)
    assert "fingerprint" in problem.text
    assert not hotline.peers()
    done = hotline.admin.AddPeer(pb.AddPeerRequest(invite=invite, fingerprint=asked.fingerprint, is_silent=True), timeout=60)
    assert done.is_enrolled
    assert hello(hotline, partner.key_pem, partner.cert)
    with refused("INVALID_ARGUMENT"):
        hotline.admin.AddPeer(pb.AddPeerRequest(invite=b"nonsense"), timeout=60)


@pytest.mark.parametrize("how", ["over the socket", "by file"])
def test_a_removed_peer_is_cut_at_once_and_not_let_in_again(net, tmp_path, how):
    hotline, partner = net.organisation("hotline", ["ncii"]), net.organisation("partner")
    hotline.enrol(partner, "--silent")
    hotline.start()
    federation = hotline.federation(partner)
    tail = federation.Tail(pb.TailRequest())
    assert next(tail).caught_up
    if how == "by file":
        hotline.key("peer", "remove", "partner.example")
    else:
        hotline.admin.RemovePeer(pb.RemovePeerRequest(name="partner.example"), timeout=60)
    began = time.monotonic()
    with refused("UNAUTHENTICATED"):
        next(tail)
    # Not only when it looks at everything again, each minute.
    assert time.monotonic() - began < 40
    # The connection is there still; the call is refused all the same.
    with pytest.raises(grpc.RpcError) as caught:
        federation.Hello(pb.HelloRequest(version_min=1, version_max=1), timeout=60)
    assert caught.value.code() in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.UNAVAILABLE)
    with refused("UNAVAILABLE"):
        hello(hotline, partner.key_pem, partner.cert)
    said, _ = s_client(hotline, tmp_path, partner.key_pem, partner.cert)
    assert said == b""


def test_client_certificates_may_do_what_their_duty_says(net):
    hotline = net.node("hotline", ["ncii"])
    calls = {
        "append": lambda c: pb.PublishStub(c).Append(iter([pb.AppendRequest(
            set="ncii", batch_id=b"0123456789abcdef", items=[item(1)])]), timeout=60),
        "match": lambda c: pb.MatchStub(c).Match(pb.MatchRequest(), timeout=60),
        "status": lambda c: pb.AdminStub(c).GetStatus(pb.GetStatusRequest(), timeout=60),
        "open set": lambda c: pb.AdminStub(c).OpenSet(pb.OpenSetRequest(name="x"), timeout=60),
        "hello": lambda c: pb.FederationStub(c).Hello(pb.HelloRequest(version_min=1, version_max=1), timeout=60),
    }
    may = {
        "analyst": {"append", "match", "status"},
        "scanner": {"match", "status"},
        "operator": {"match", "status", "open set"},
        "reader": {"status"},
    }
    for duty, allowed in may.items():
        key, cert = hotline.client(duty + "1", duty)
        channel = hotline.tls(key, cert)
        until(lambda: hello_is_answered(channel), 60)
        for name, call in calls.items():
            if name in allowed:
                call(channel)
            else:
                with refused("PERMISSION_DENIED", "DENIED"):
                    call(channel)


def hello_is_answered(channel):
    """The daemon heard of the certificate that was just issued."""
    try:
        pb.AdminStub(channel).GetStatus(pb.GetStatusRequest(), timeout=60)
    except grpc.RpcError as error:
        return error.code() != grpc.StatusCode.UNAVAILABLE
    return True


def test_a_revoked_client_is_cut_without_a_restart_and_others_go_on(net):
    hotline = net.node("hotline", ["ncii"])
    one, other = (hotline.tls(*hotline.client(name, "scanner")) for name in ("scan1", "scan2"))
    batch = pb.MatchStreamRequest(batch=pb.MatchRequest(batches=[
        pb.DigestBatch(algorithm=pb.ALGORITHM_SHA256, digests=sha256(1))]))

    class Batches:
        """Gives a batch whenever it is told to; waits meanwhile."""

        def __init__(self):
            self.queue = queue.Queue()

        def __iter__(self):
            return iter(self.queue.get, None)

    streams = []
    for channel in (one, other):
        until(lambda c=channel: hello_is_answered(c), 60)
        batches = Batches()
        batches.queue.put(batch)
        stream = pb.MatchStub(channel).MatchStream(iter(batches))
        assert next(stream).batch.items == 1
        streams.append((stream, batches))
    hotline.key("client", "revoke", "scan1")
    with refused("UNAUTHENTICATED"):
        next(streams[0][0])
    streams[1][1].queue.put(batch)
    assert next(streams[1][0]).batch.items == 1
    for _, batches in streams:
        batches.queue.put(None)
    with pytest.raises(grpc.RpcError):
        pb.MatchStub(one).Match(pb.MatchRequest(), timeout=60)
    pb.MatchStub(other).Match(pb.MatchRequest(), timeout=60)


def test_another_organisations_client_certificate_is_a_stranger(net, tmp_path):
    hotline, other = net.node("hotline", ["ncii"]), net.organisation("other")
    key, cert = other.client("scan1", "scanner")
    said, _ = s_client(hotline, tmp_path, key, cert)
    assert said == b""
    with refused("UNAVAILABLE"):
        pb.MatchStub(hotline.tls(key, cert)).Match(pb.MatchRequest(), timeout=60)
