"""A network of real daemons in a temp folder, for tests.

A Net makes organisations with hashfed-key, enrols them with each other and
starts hashfedd; a Node is one of them.  stop() checks what a careful operator
would: exit status 0, nothing from a sanitizer, no error line that the test
did not announce, no process left behind.

    hotline = net.node("hotline", sets=["ncii"])
    hotline.append("ncii", [item(1)])
    until(lambda: hotline.match(sha256(1)), 5)

The Python stubs are generated from proto/ when this file is imported; `pb`
holds every message by its name.
"""

import atexit
import contextlib
import hashlib
import importlib
import os
import random
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import grpc

TOP = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("HASHFED_BIN", TOP / "build/bin")).resolve()
# What is linked with a library that sanitizers built has to be built with them.
IS_SANITIZED = b"__asan_init" in (BIN.parent / "lib/libhashfed.so").read_bytes()
SANITIZE = ["-fsanitize=address,undefined"] if IS_SANITIZED else []
os.environ.setdefault("LSAN_OPTIONS", f"suppressions={TOP}/tests/func/lsan.supp:print_suppressions=0")
# How many times longer than one that has nothing else to do a busy machine may
# take, before what is waited for counts as what never comes.
PATIENCE = 8 if IS_SANITIZED else 4
PASSPHRASE = "correct horse battery staple"
DUTIES = ("operator", "analyst", "scanner", "reader")

# What test programs need of googleapis: how an error crosses the wire.
RPC_ERRORS = """
syntax = "proto3";
package google.rpc;
import "google/protobuf/any.proto";
message Status { int32 code = 1; string message = 2; repeated google.protobuf.Any details = 3; }
message ErrorInfo { string reason = 1; string domain = 2; map<string, string> metadata = 3; }
message BadRequest {
  message FieldViolation { string field = 1; string description = 2; }
  repeated FieldViolation field_violations = 1;
}
"""


def until(condition, seconds, what=None):
    """Wait for a condition; return what it returned, or fail after a while:
    seconds are an idle machine's, and no measure of how long it took."""
    seconds *= PATIENCE
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what or 'the condition'}")
        select.select([], [], [], 0.004)


# --- stubs -------------------------------------------------------------------


def _make_stubs():
    """Generate the stubs and gather every message, enum value and stub."""
    folder = Path(tempfile.mkdtemp(prefix="hashfed-stubs-"))
    atexit.register(shutil.rmtree, folder, True)
    (folder / "rpc_errors.proto").write_text(RPC_ERRORS)
    system = Path("/usr/share/grpc-proto")
    ours = sorted(str(p.relative_to(TOP / "proto")) for p in (TOP / "proto/hashfed/v1").glob("*.proto"))
    builtin = ["grpc/health/v1/health.proto", "grpc/reflection/v1/reflection.proto",
               "grpc/reflection/v1alpha/reflection.proto"]
    subprocess.run(["protoc", "-I", TOP / "proto", "-I", system, "-I", folder,
                    f"--python_out={folder}", f"--grpc_python_out={folder}",
                    "--plugin=protoc-gen-grpc_python=" + shutil.which("grpc_python_plugin"),
                    *ours, *builtin, "rpc_errors.proto"], check=True)
    # The folder grpc/ would hide the package grpc: give the built-in ones
    # names of their own.
    for name in ("health", "reflection"):
        for version in ("v1", "v1alpha"):
            for kind in ("pb2", "pb2_grpc"):
                made = folder / f"grpc/{name}/{version}/{name}_{kind}.py"
                if made.exists():
                    text = made.read_text().replace(f"from grpc.{name}.{version} import {name}_pb2",
                                                    f"import std_{name}_{version}_pb2")
                    text = text.replace(f" as grpc_dot_{name}_dot_{version}_dot_{name}__pb2",
                                        f" as grpc_dot_{name}_dot_{version}_dot_{name}__pb2")
                    (folder / f"std_{name}_{version}_{kind}.py").write_text(text)
    shutil.rmtree(folder / "grpc")
    sys.path.insert(0, str(folder))
    gathered = SimpleNamespace()
    for path in ours:
        for kind in ("pb2", "pb2_grpc"):
            module = importlib.import_module(path[:-len(".proto")].replace("/", ".") + "_" + kind)
            for name, value in vars(module).items():
                if name[0].isupper() or name.startswith("add_"):
                    setattr(gathered, name, value)
    for name in ("std_health_v1", "std_reflection_v1", "std_reflection_v1alpha"):
        setattr(gathered, name, SimpleNamespace(**vars(importlib.import_module(name + "_pb2")),
                                                **{k: v for k, v in vars(importlib.import_module(name + "_pb2_grpc")).items()
                                                   if k.endswith("Stub")}))
    gathered.errors = importlib.import_module("rpc_errors_pb2")
    return gathered


pb = _make_stubs()


# --- content -----------------------------------------------------------------


def sha256(n):
    """The SHA-256 of made-up file n."""
    return hashlib.sha256(b"file %d" % n).digest()


def pdq(n):
    """The PDQ hash of made-up picture n."""
    return hashlib.sha256(b"picture %d" % n).digest()


def flip(digest, bits):
    """The digest with its first so many bits turned."""
    number = int.from_bytes(digest, "big") ^ (((1 << bits) - 1) << (len(digest) * 8 - bits))
    return number.to_bytes(len(digest), "big")


def hashes(n, quality=100):
    return [pb.Hash(algorithm=pb.ALGORITHM_SHA256, digest=sha256(n)),
            pb.Hash(algorithm=pb.ALGORITHM_PDQ, digest=pdq(n), quality_plus_one=quality + 1)]


def item(n, **fields):
    """The payload of an ADD of made-up picture n."""
    fields.setdefault("hashes", hashes(n))
    fields.setdefault("content_class", pb.CONTENT_CLASS_NCII)
    fields.setdefault("labels", [pb.Label(scheme="local", value="case-%d" % n)])
    return pb.Item(**fields).SerializeToString()


# --- errors ------------------------------------------------------------------


class Problem:
    """What a call was refused with, once it was."""

    def take(self, error):
        self.code = error.code()
        self.text = error.details()
        self.reason = self.domain = None
        self.fields = []
        self.raw = b""
        for key, value in error.trailing_metadata() or ():
            if key == "grpc-status-details-bin":
                self.raw = value
                self._details(value)

    def _details(self, raw):
        status = pb.errors.Status.FromString(raw)
        for any_detail in status.details:
            info, bad = pb.errors.ErrorInfo(), pb.errors.BadRequest()
            if any_detail.Unpack(info):
                self.reason, self.domain = info.reason, info.domain
            if any_detail.Unpack(bad):
                self.fields += [(v.field, v.description) for v in bad.field_violations]

    def all(self):
        """All that the caller was told, to compare or to search."""
        return (self.code, self.text, self.raw)


@contextlib.contextmanager
def refused(code, reason=None):
    """The block must end with this gRPC status, and this ErrorInfo reason."""
    problem = Problem()
    try:
        yield problem
    except grpc.RpcError as error:
        problem.take(error)
        assert problem.code == getattr(grpc.StatusCode, code), (problem.code, problem.text)
        if reason is not None:
            assert (problem.reason, problem.domain) == (reason, "hashfed"), problem.text
    else:
        raise AssertionError(f"not refused with {code}")


# --- nodes -------------------------------------------------------------------


class Node:
    """One organisation with its daemon, in one directory."""

    def __init__(self, net, name, port):
        self.net = net
        self.name = name
        self.domain = name + ".example"
        self.port = port
        self.address = f"127.0.0.1:{port}"
        self.home = net.folder / name
        self.log_path = net.folder / (name + ".log")
        self.process = None
        self.program = "hashfedd"
        self.env = {}  # what its daemon has beside ours
        self.expected_errors = []
        self._log_from = 0
        self._channels = {}

    # Files.

    @property
    def conf(self):
        return self.home / "etc/hashfedd.conf"

    @property
    def lib(self):
        return self.home / "lib"

    @property
    def cert(self):
        return (self.lib / "tls/node.crt").read_bytes()

    @property
    def key_pem(self):
        return (self.lib / "tls/node.key").read_bytes()

    def configure(self, text):
        """Add lines to the configuration."""
        self.conf.write_text(self.conf.read_text() + text)

    def key(self, *args, passphrase=PASSPHRASE, ok=True):
        """Run hashfed-key; return the finished process."""
        command = [BIN / "hashfed-key", "--home", self.home, *args]
        with tempfile.TemporaryFile() as secret:
            secret.write(passphrase.encode() + b"\n")
            secret.seek(0)
            if args[0] in ("new", "passwd") or args[:2] in (("manifest", "sign"), ("root", "new")):
                command += ["--passphrase-fd", secret.fileno()]
            done = subprocess.run([str(a) for a in command], capture_output=True, text=True,
                                  timeout=120, pass_fds=(secret.fileno(),), start_new_session=True)
        assert not ok or done.returncode == 0, done.stderr
        return done

    def invite(self):
        path = self.net.folder / (self.name + ".invite")
        path.write_text(self.key("invite").stdout)
        return path

    def enrol(self, other, *options):
        """Add the other organisation as a peer, its fingerprint compared."""
        invite = other.invite()
        print_out = self.key("peer", "fingerprint", invite).stdout
        digits = re.search(r"\d{5}( \d{5}){7}", print_out).group()
        self.key("peer", "add", invite, "--fingerprint", digits, *options)

    def client(self, name, duty, *options):
        """Issue a client certificate; return (key, certificate) as PEM."""
        out = self.net.folder / f"{self.name}-{name}"
        self.key("client", "issue", name, "--duty", duty, "--out", out, *options)
        return (out / "client.key").read_bytes(), (out / "client.crt").read_bytes()

    # The process.

    def start(self, *options, env=None):
        """Start hashfedd and wait until it is ready."""
        self.spawn(*options, env=env)
        until(self._is_ready, 120, f"{self.name} ready")
        return self

    def spawn(self, *options, env=None):
        assert self.process is None
        self._log_from = self.log_path.stat().st_size if self.log_path.exists() else 0
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [BIN / self.program, "--home", self.home, *options], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, **self.env, **(env or {})})

    def _is_ready(self):
        assert self.process.poll() is None, f"{self.name} ended: {self.log()}"
        said = self.log()
        if " hashfedd: ready " not in said:
            return False
        # A slow machine may read what it holds beyond that, and puts lookups off.
        return " feed: still reading " not in said or self._looks_up()

    def _looks_up(self):
        try:
            self.scanner.Match(pb.MatchRequest(), timeout=60)
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.UNAVAILABLE, error
            return False
        return True

    def log(self):
        """What the daemon said since it was started last."""
        if not self.log_path.exists():
            return ""
        with open(self.log_path, "rb") as log:
            log.seek(self._log_from)
            return log.read().decode()

    def stop(self, seconds=60):
        """End it as an operator would, and check how it ended.  Calls that
        are open see what it does to them."""
        seconds *= PATIENCE
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not end within {seconds} s of SIGTERM") from None
        self._gone()
        self.check_log()
        assert status == 0, f"{self.name} ended with {status}: {self.log()}"

    def kill(self):
        """kill -9; the signer it spawned ends because its socket does."""
        self.process.kill()
        self.process.wait(60)
        self._gone()

    def hang(self):
        """Stop every thread of it: a signal alone takes effect in its own time."""
        self.process.send_signal(signal.SIGSTOP)
        tasks = Path(f"/proc/{self.process.pid}/task")
        until(lambda: all(is_stopped(task) for task in tasks.iterdir()), 60, f"{self.name} hangs")

    def _gone(self):
        group = self.process.pid
        self.process = None
        # gRPC shares connections between channels to one address: the next
        # daemon's would begin with the last one's.
        self.close_channels()
        until(lambda: not _group_lives(group), 60, f"every process of {self.name} gone")

    def restart(self, *options):
        self.stop()
        return self.start(*options)

    def expect_error(self, pattern):
        """Announce an error line that the test provokes (a regular expression)."""
        self.expected_errors.append(pattern)

    def check_log(self):
        for line in self.log().splitlines():
            assert "Sanitizer" not in line and "runtime error:" not in line, self.log()
            if re.match(r"\S+Z error ", line):
                assert any(re.search(p, line) for p in self.expected_errors), line

    # Calls.

    def channel(self, duty):
        """A channel to the unix socket of a duty."""
        if duty not in self._channels:
            self._channels[duty] = grpc.insecure_channel(f"unix:{self.home}/run/{duty}.sock")
        return self._channels[duty]

    def close_channels(self):
        for channel in self._channels.values():
            channel.close()
        self._channels = {}

    def tls(self, key, cert):
        """A TLS channel with this client key and certificate (PEM)."""
        credentials = grpc.ssl_channel_credentials(self.cert, key, cert)
        options = [("grpc.ssl_target_name_override", self.domain),
                   ("grpc.max_receive_message_length", 8 << 20)]
        channel = grpc.secure_channel(self.address, credentials, options)
        self._channels[object()] = channel
        return channel

    def federation(self, peer):
        """Federation as that peer would call it."""
        return pb.FederationStub(self.tls(peer.key_pem, peer.cert))

    @property
    def admin(self):
        return pb.AdminStub(self.channel("operator"))

    @property
    def publish(self):
        return pb.PublishStub(self.channel("analyst"))

    @property
    def scanner(self):
        return pb.MatchStub(self.channel("scanner"))

    def origin(self, name, epoch=1):
        return f"{self.domain}/{name}/{epoch}"

    def append(self, set_name, items, batch_id=None, sequence=0, **fields):
        """Append one message of items; return the answer."""
        request = pb.AppendRequest(set=set_name, batch_id=batch_id or os.urandom(16),
                                   sequence=sequence, items=items, **fields)
        return self.publish.Append(iter([request]), timeout=60)

    def match(self, *digests, algorithm=None, quality=None):
        """The hits of these digests (SHA-256 unless said)."""
        batch = pb.DigestBatch(algorithm=algorithm or pb.ALGORITHM_SHA256, digests=b"".join(digests))
        if quality is not None:
            batch.qualities = bytes([quality]) * len(digests)
        return self.scanner.Match(pb.MatchRequest(batches=[batch]), timeout=60).hits

    def near(self, digest, quality=100):
        return self.match(digest, algorithm=pb.ALGORITHM_PDQ, quality=quality)

    def share(self, set_name, peer, may_relay=False, is_removal=False, is_witness=False):
        return self.admin.ShareSet(pb.ShareSetRequest(set=set_name, peer=peer.domain, may_relay=may_relay,
                                                      is_removal=is_removal, is_witness=is_witness), timeout=60)

    def follow(self, origin, is_removal=False):
        return self.admin.FollowSet(pb.FollowSetRequest(origin=origin, is_removal=is_removal), timeout=60)

    def sets(self):
        """What it holds, owns or is offered, by origin; its audit, which it
        writes by itself, is no part of what tests count."""
        return {s.origin: s for s in self.admin.ListSets(pb.ListSetsRequest(page_size=1000), timeout=60).sets
                if s.kind != pb.SET_KIND_AUDIT}

    def applied(self, origin):
        found = self.sets().get(origin)
        return found.applied if found is not None else 0

    def peers(self):
        return {p.name: p for p in self.admin.ListPeers(pb.ListPeersRequest(), timeout=60).peers}

    def hashfed(self, *args):
        """What the client prints, asked through this node's sockets."""
        done = subprocess.run([BIN / "hashfed", "--home", self.home, *args], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout


def is_stopped(task):
    return re.search(r"^State:\tT", (task / "status").read_text(), re.M) is not None


def _group_lives(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


class Net:
    """Nodes in one folder, and how they know each other."""

    def __init__(self):
        # Short: a socket's path has at most 107 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="hf-"))
        self.nodes = []
        self._ports = set()

    def free_port(self):
        """Below the range that outgoing connections take theirs from.

        What runs beside us has ports of its own: a daemon that is down for a
        moment finds its port free again.
        """
        beside = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
        first = 20000 + beside % 16 * 750
        while True:
            port = random.randrange(first, first + 750)
            with socket.socket() as probe:
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
            if port not in self._ports:
                self._ports.add(port)
                return port

    def organisation(self, name, sets=(), endpoint=True, conf=""):
        """Keys and configuration, without a daemon yet."""
        node = Node(self, name, self.free_port())
        options = [o for s in sets for o in ("--set", s)]
        if endpoint:
            options += ["--endpoint", node.address]
        node.key("new", node.domain, "--country", "NL", "--kdf-cost", "1/64", "--listen", node.address,
                 "--recovery-file", self.folder / (name + ".recovery"), *options)
        node.configure(conf)
        self.nodes.append(node)
        return node

    def node(self, name, sets=(), **named):
        """An organisation whose daemon runs."""
        return self.organisation(name, sets, **named).start()

    @staticmethod
    def enrol(one, other, *options):
        """Enrol both with each other; options are for both."""
        one.enrol(other, *options)
        other.enrol(one, *options)

    def chain(self, sets=("ncii",), start=True):
        """hotline -> partner -> provider; the hotline and the provider know
        each other and never dial."""
        hotline = self.organisation("hotline", sets)
        partner = self.organisation("partner")
        provider = self.organisation("provider")
        self.enrol(hotline, partner)
        self.enrol(partner, provider)
        self.enrol(hotline, provider, "--silent")
        if start:
            for node in self.nodes:
                node.spawn()
            for node in self.nodes:
                until(node._is_ready, 120, f"{node.name} ready")
        return hotline, partner, provider

    def close(self):
        """Stop everything; the first thing wrong is raised at the end."""
        wrong = []
        for node in self.nodes:
            try:
                node.stop()
            except AssertionError as error:
                wrong.append(error)
        for node in self.nodes:
            if node.log():
                print(f"--- {node.name}\n" + "\n".join(node.log().splitlines()[-40:]))
        shutil.rmtree(self.folder, True)
        if wrong:
            raise wrong[0]
