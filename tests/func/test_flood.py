"""Case 30, HTTP/2: what an admitted peer that floods takes of the daemon's
memory, and what others notice."""

import re
import struct

import grpc
import pytest
from flood import CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, RST_STREAM, SETTINGS, WINDOW_UPDATE
from flood import Connection, call, frame, literal
from net import IS_SANITIZED, item, pb, sha256, until

# A flood may take so much over what was there before; daemon/DESIGN.md.
MOST_MIB = 256

HELLO = call("/hashfed.v1.Federation/Hello")
STREAMS = range(1, 64, 2)  # as many as one connection may have


@pytest.fixture(scope="module")
def flooded(shared):
    hotline = shared.organisation("hotline", ["ncii"])
    partner = shared.organisation("partner")
    hotline.enrol(partner, "--silent")
    hotline.start()
    hotline.append("ncii", [item(n) for n in range(3000)])
    hotline.share("ncii", partner)
    until(lambda: hotline.match(sha256(2999)), 20)
    return hotline, partner


def memory(node, key):
    with open(f"/proc/{node.process.pid}/status") as status:
        return int(re.search(key + r":\s+(\d+)", status.read()).group(1)) >> 10


def forget_peak(node):
    with open(f"/proc/{node.process.pid}/clear_refs", "w") as file:
        file.write("5")


def resets(connection):
    """Calls that are taken back at once."""
    for first in range(1, 80_001, 400):
        yield b"".join(frame(HEADERS, END_HEADERS, n, HELLO) + frame(RST_STREAM, 0, n, struct.pack(">I", 8))
                       for n in range(first, first + 400, 2))


def streams(connection):
    """Calls that never end, far more than may be open."""
    for first in range(1, 40_001, 400):
        yield b"".join(frame(HEADERS, END_HEADERS, n, HELLO) for n in range(first, first + 400, 2))


def pings(connection):
    for _ in range(200):
        yield frame(PING, 0, 0, bytes(8)) * 1000


def settings(connection):
    for n in range(200):
        yield frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 65536 + n)) * 1000


def huge_headers(connection):
    yield frame(HEADERS, 0, 1, HELLO)
    for n in range(4000):
        yield frame(CONTINUATION, 0, 1, literal(f"x-{n}", "y" * 16000))


def one_huge_header(connection):
    yield frame(HEADERS, 0, 1, HELLO + b"\0\1x\x7f\xff\xff\xff\x7f")
    for _ in range(500):
        yield frame(CONTINUATION, 0, 1, b"y" * 16000)


def messages_without_end(connection):
    """Of 4 MiB each, of which some kilobytes come."""
    for n in STREAMS:
        yield frame(HEADERS, END_HEADERS, n, HELLO) + frame(DATA, 0, n, b"\0" + struct.pack(">I", 4 << 20))
    for _ in range(60):
        yield b"".join(frame(DATA, 0, n, bytes(1000)) for n in STREAMS)


def answers_nobody_reads(connection):
    """A set asked for on every stream, and windows wide open."""
    question = pb.GetChunksRequest(origin="hotline.example/ncii/1", size=3000, end=3000).SerializeToString()
    connection.is_deaf = True
    for n in STREAMS:
        yield (frame(HEADERS, END_HEADERS, n, call("/hashfed.v1.Federation/GetChunks")) +
               frame(WINDOW_UPDATE, 0, n, struct.pack(">I", 1 << 30)) +
               frame(DATA, END_STREAM, n, b"\0" + struct.pack(">I", len(question)) + question))


def says_hello(federation):
    try:
        return federation.Hello(pb.HelloRequest(version_min=1, version_max=1, format_min=1, format_max=1), timeout=120)
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.UNAVAILABLE, error  # too much in flight
        return None


# Those who never confirm SETTINGS are not held to a number of streams by gRPC.
FLOODS = [(flood, True) for flood in (resets, streams, pings, settings, huge_headers, one_huge_header,
                                      messages_without_end, answers_nobody_reads)]
FLOODS += [(flood, False) for flood in (resets, streams, pings, settings, messages_without_end)]


@pytest.mark.skipif(IS_SANITIZED, reason="a sanitizer's memory is no measure")
@pytest.mark.parametrize("flood, acknowledges", FLOODS,
                         ids=[f.__name__ + ("" if a else "-unacknowledged") for f, a in FLOODS])
def test_case_30_a_flood_of_an_admitted_peer_takes_bounded_memory(flooded, tmp_path, flood, acknowledges):
    hotline, partner = flooded
    forget_peak(hotline)
    before = memory(hotline, "VmRSS")
    connection = Connection(hotline, partner, tmp_path, acknowledges)
    for data in flood(connection):
        if not connection.send(data):
            break
    # While it is still there others are answered, and so is the peer's own
    # next connection: by then what was sent has been dealt with.
    assert len(hotline.match(sha256(5))) == 1
    federation = hotline.federation(partner)
    until(lambda: says_hello(federation), 60)
    connection.close()
    assert memory(hotline, "VmHWM") - before < MOST_MIB
    hotline.append("ncii", [item(9000)])


@pytest.mark.parametrize("flood", [resets, streams])
def test_case_30_who_calls_past_the_limit_and_on_is_cut_off(flooded, tmp_path, flood):
    hotline, partner = flooded
    cuts = hotline.log().count("rpc: connection cut who=partner.example")
    connection = Connection(hotline, partner, tmp_path, acknowledges=False)
    for data in flood(connection):
        if not connection.send(data):
            break
    until(lambda: not connection.send(frame(PING, 0, 0, bytes(8))), 30, "it is over")
    until(lambda: hotline.log().count("rpc: connection cut who=partner.example") > cuts, 30, "the log says so")
    connection.close()
