"""Programs of the same machine: sockets, duties, and what errors say."""

import base64
import json
import os
import shutil
import socket
import stat
import subprocess

import grpc
import pytest

from net import BIN, DUTIES, hashes, item, pb, refused, sha256, until


@pytest.fixture(scope="module")
def hotline(shared):
    return shared.node("hotline", sets=["ncii"])


def run_daemon(node, *options):
    """hashfedd that is expected to end by itself."""
    return subprocess.run([BIN / "hashfedd", "--home", node.home, *options], capture_output=True, text=True, timeout=60)


# --- sockets -----------------------------------------------------------------


def test_every_duty_has_a_socket_that_others_cannot_use(hotline):
    for duty in DUTIES:
        found = os.lstat(hotline.home / f"run/{duty}.sock")
        assert stat.S_ISSOCK(found.st_mode) and stat.S_IMODE(found.st_mode) == 0o660, duty


def test_a_stale_socket_is_replaced(net):
    node = net.node("hotline", sets=["ncii"])
    node.kill()
    assert (node.home / "run/operator.sock").exists()
    node.start()
    assert node.admin.GetStatus(pb.GetStatusRequest(), timeout=60).organisation == "hotline.example"


def test_a_second_daemon_on_the_same_home_ends_with_one_sentence_and_harms_nothing(hotline):
    done = run_daemon(hotline)
    lines = [line for line in done.stderr.splitlines() if line.startswith("hashfedd: ")]
    assert done.returncode == 2 and len(lines) == 1, done.stderr
    assert hotline.admin.GetStatus(pb.GetStatusRequest(), timeout=60).organisation == "hotline.example"
    assert hotline.append("ncii", [item(1)]).size > 0


def test_a_live_socket_of_another_program_is_never_stolen(net):
    node = net.organisation("hotline", ["ncii"])
    path = node.home / "run/scanner.sock"
    path.parent.mkdir(exist_ok=True)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        done = run_daemon(node)
        assert done.returncode == 2 and "scanner.sock" in done.stderr, done.stderr
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))


# --- duties ------------------------------------------------------------------


CALLS = {
    "Hello": lambda c: pb.FederationStub(c).Hello(pb.HelloRequest(version_min=1, version_max=1), timeout=60),
    "Append": lambda c: pb.PublishStub(c).Append(iter([pb.AppendRequest(
        set="ncii", batch_id=b"0123456789abcdef", items=[item(5)])]), timeout=60),
    "Retract": lambda c: pb.PublishStub(c).Retract(pb.RetractRequest(batch_id=b"another batch id", reason=4), timeout=60),
    "Match": lambda c: pb.MatchStub(c).Match(pb.MatchRequest(), timeout=60),
    "GetStatus": lambda c: pb.AdminStub(c).GetStatus(pb.GetStatusRequest(), timeout=60),
    "ListSets": lambda c: pb.AdminStub(c).ListSets(pb.ListSetsRequest(), timeout=60),
    "OpenSet": lambda c: pb.AdminStub(c).OpenSet(pb.OpenSetRequest(name="ncii"), timeout=60),
    "ShareSet": lambda c: pb.AdminStub(c).ShareSet(pb.ShareSetRequest(set="ncii", peer="nobody.example"), timeout=60),
    "RemovePeer": lambda c: pb.AdminStub(c).RemovePeer(pb.RemovePeerRequest(name="nobody.example"), timeout=60),
    "VerifySet": lambda c: pb.AdminStub(c).VerifySet(pb.VerifySetRequest(set="ncii"), timeout=60),
    "VerifyStore": lambda c: pb.AdminStub(c).VerifyStore(pb.VerifyStoreRequest(), timeout=60),
    "MakeBackup": lambda c: pb.AdminStub(c).MakeBackup(pb.MakeBackupRequest(directory="no/absolute/path"), timeout=60),
    "NextEpoch": lambda c: pb.AdminStub(c).NextEpoch(pb.NextEpochRequest(set="nothing"), timeout=60),
    "Opine": lambda c: pb.PublishStub(c).Opine(pb.OpineRequest(), timeout=60),
    "Explain": lambda c: pb.AdminStub(c).Explain(pb.ExplainRequest(hash=hashes(5)[0]), timeout=60),
    "Release": lambda c: pb.AdminStub(c).Release(pb.ReleaseRequest(set="nothing"), timeout=60),
    "ThawSet": lambda c: pb.AdminStub(c).ThawSet(pb.ThawSetRequest(set="nothing"), timeout=60),
    "ListAudit": lambda c: pb.AdminStub(c).ListAudit(pb.ListAuditRequest(), timeout=60),
    "GetAffected": lambda c: pb.AdminStub(c).GetAffected(pb.GetAffectedRequest(hash=hashes(5)[0]), timeout=60),
    "Propose": lambda c: pb.AdminStub(c).Propose(pb.ProposeRequest(), timeout=60),
    "ListProposals": lambda c: pb.AdminStub(c).ListProposals(pb.ListProposalsRequest(), timeout=60),
}
SEE = {"GetStatus", "GetSizes", "ListSets", "ListProposals"}
WORK = SEE | {"Match", "Append", "Retract", "Opine", "Explain", "GetAffected"}
MAY = {
    "reader": SEE,
    "scanner": SEE | {"Match"},
    "analyst": WORK,
    "operator": WORK | {"OpenSet", "ShareSet", "RemovePeer", "VerifySet", "VerifyStore", "MakeBackup", "NextEpoch",
                        "Release", "ThawSet", "ListAudit", "Propose"},
}


@pytest.mark.parametrize("duty", DUTIES)
def test_a_socket_answers_the_calls_of_its_duty_and_denies_all_others(hotline, duty):
    for name, call in CALLS.items():
        try:
            call(hotline.channel(duty))
            is_denied = False
        except grpc.RpcError as error:
            is_denied = error.code() == grpc.StatusCode.PERMISSION_DENIED
        assert is_denied == (name not in MAY[duty]), (duty, name)


def test_an_unknown_method_or_service_is_unimplemented(hotline):
    for path in ("/hashfed.v1.Admin/Nothing", "/hashfed.v1.Nothing/GetStatus", "/x", "/hashfed.v1.Match/match"):
        with refused("UNIMPLEMENTED"):
            hotline.channel("operator").unary_unary(path)(b"", timeout=60)


def test_a_message_that_is_no_protobuf_is_refused(hotline):
    for data in (b"\xff", b"\x0a\xff\xff\xff\xff\x7f", os.urandom(200)):
        with refused("INVALID_ARGUMENT") as problem:
            hotline.channel("operator").unary_unary("/hashfed.v1.Match/Match")(data, timeout=60)
        assert problem.domain == "hashfed"


def test_a_message_larger_than_its_method_allows_is_refused_with_its_reason(hotline):
    with refused("INVALID_ARGUMENT", "LIMIT"):
        hotline.admin.GetNote(pb.GetNoteRequest(set="x" * 2000), timeout=60)
    with pytest.raises(grpc.RpcError):
        hotline.channel("operator").unary_unary("/hashfed.v1.Match/Match")(b"\0" * (5 << 20), timeout=60)
    assert hotline.scanner.Match(pb.MatchRequest(), timeout=60).items == 0


# --- health and reflection ---------------------------------------------------


def channels(node):
    if not (node.net.folder / "hotline-tools").exists():
        node.tools = node.client("tools", "reader")
    yield node.channel("reader")
    channel = node.tls(*node.tools)
    grpc.channel_ready_future(channel).result(timeout=60)
    yield channel


def test_health_says_serving_over_socket_and_tls(hotline):
    for channel in channels(hotline):
        health = pb.std_health_v1.HealthStub(channel)
        for service in ("", "hashfed.v1.Match"):
            answer = health.Check(pb.std_health_v1.HealthCheckRequest(service=service), timeout=60)
            assert answer.status == 1
        with refused("NOT_FOUND"):
            health.Check(pb.std_health_v1.HealthCheckRequest(service="nothing"), timeout=60)


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_reflection_lists_services_and_describes_them(hotline, version):
    from google.protobuf import descriptor_pb2
    reflection = getattr(pb, "std_reflection_" + version)
    for channel in channels(hotline):
        asks = [reflection.ServerReflectionRequest(list_services=""),
                reflection.ServerReflectionRequest(file_containing_symbol="hashfed.v1.Match"),
                reflection.ServerReflectionRequest(file_containing_symbol="hashfed.v1.Nothing")]
        listed, described, unknown = reflection.ServerReflectionStub(channel).ServerReflectionInfo(iter(asks), timeout=60)
        names = {s.name for s in listed.list_services_response.service}
        assert {"hashfed.v1.Match", "hashfed.v1.Publish", "hashfed.v1.Admin", "hashfed.v1.Federation",
                "grpc.health.v1.Health"} <= names
        files = [descriptor_pb2.FileDescriptorProto.FromString(f)
                 for f in described.file_descriptor_response.file_descriptor_proto]
        assert any(s.name == "Match" for f in files for s in f.service)
        assert unknown.error_response.error_code == 5


@pytest.fixture(scope="session")
def buf(tmp_path_factory):
    """buf from npm: a gRPC client that shares nothing with us."""
    folder = tmp_path_factory.mktemp("buf")
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    done = subprocess.run(["timeout", "100", "npm", "install", "--no-audit", "--no-fund", "--loglevel=error",
                           "--fetch-retries=0", "@bufbuild/buf"], cwd=folder,
                          capture_output=True, text=True,
                          env={**os.environ, "npm_config_cache": str(folder / "cache")})
    if done.returncode != 0:
        pytest.skip("npm could not bring buf: " + (done.stderr.strip() or "?").splitlines()[0][:120])
    yield folder / "node_modules/.bin/buf"
    shutil.rmtree(folder, True)


def test_a_foreign_client_lists_services_and_matches_over_mtls(hotline, buf, tmp_path):
    hotline.append("ncii", [item(77)])
    until(lambda: hotline.match(sha256(77)), 60)
    key, cert = hotline.client("foreign", "scanner")
    for name, data in (("key", key), ("cert", cert), ("ca", hotline.cert)):
        (tmp_path / name).write_bytes(data)
    port = hotline.port
    tls = ["--key", tmp_path / "key", "--cert", tmp_path / "cert", "--cacert", tmp_path / "ca",
           "--servername", hotline.domain, "--protocol", "grpc"]

    def curl(*arguments):
        return subprocess.run([buf, "curl", *tls, *arguments], capture_output=True, text=True, timeout=60,
                              env={**os.environ, "HOME": str(tmp_path)})

    until(lambda: curl("--list-services", f"https://127.0.0.1:{port}").returncode == 0, 60)
    assert "hashfed.v1.Match" in curl("--list-services", f"https://127.0.0.1:{port}").stdout.split()
    ask = {"batches": [{"algorithm": "ALGORITHM_SHA256", "digests": base64.b64encode(sha256(77)).decode()}]}
    done = curl("-d", json.dumps(ask), f"https://127.0.0.1:{port}/hashfed.v1.Match/Match")
    assert done.returncode == 0, done.stderr
    hit = json.loads(done.stdout)["hits"][0]
    assert (hit["origin"], hit["verdict"]) == ("hotline.example/ncii/1", "VERDICT_BLOCK")
    denied = curl("-d", '{"name": "x"}', f"https://127.0.0.1:{port}/hashfed.v1.Admin/OpenSet")
    assert denied.returncode != 0 and "permission_denied" in denied.stderr


# --- what errors say ---------------------------------------------------------


def test_a_local_caller_is_told_why_and_a_peer_only_what(net):
    hotline, partner = net.organisation("hotline", ["ncii"]), net.organisation("partner")
    hotline.enrol(partner, "--silent")
    hotline.start()
    with refused("NOT_FOUND", "NOTFOUND") as told:
        hotline.admin.GetNote(pb.GetNoteRequest(set="nothing"), timeout=60)
    assert "'nothing'" in told.text and "hashfed sets" in told.text
    federation = hotline.federation(partner)
    rows = [
        ("GetCheckpoint", pb.GetCheckpointRequest(origin="hotline.example/ncii/1"), "NOT_FOUND", "not found"),
        ("GetCheckpoint", pb.GetCheckpointRequest(origin="no origin"), "INVALID_ARGUMENT", None),
        ("GetCheckpoint", pb.GetCheckpointRequest(origin="x" * 900), "INVALID_ARGUMENT", None),
        ("GetManifest", pb.GetManifestRequest(organisation_id=b"short"), "INVALID_ARGUMENT", None),
        ("GetManifest", pb.GetManifestRequest(organisation_id=b"x" * 32), "NOT_FOUND", "not found"),
        ("GetProof", pb.GetProofRequest(origin="hotline.example/ncii/1", size=1, index=0), "NOT_FOUND", "not found"),
        ("Hello", pb.HelloRequest(version_min=7, version_max=9), "UNIMPLEMENTED", None),
    ]
    home = str(hotline.home).encode()
    for name, request, code, words in rows:
        with refused(code) as problem:
            getattr(federation, name)(request, timeout=60)
        assert problem.domain == "hashfed" and problem.reason, name
        if words is not None:
            assert problem.text == words
        said = problem.raw + problem.text.encode()
        for secret in (home, b"/", b"lib", b".c:", b"'"):
            assert secret not in said.replace(b"type.googleapis.com/google.rpc.", b""), (name, said)
