"""HTTP/2 by hand over the TLS of an enrolled peer, so that it can be abused."""

import contextlib
import select
import socket
import ssl
import struct

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS = 1, 1, 4


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name, value):
    """A header as HPACK has it without any compression."""
    def text(data):
        data = data.encode() if isinstance(data, str) else data
        if len(data) < 127:
            return bytes([len(data)]) + data
        rest, size = len(data) - 127, b"\x7f"
        while rest >= 128:
            size += bytes([rest % 128 | 128])
            rest //= 128
        return size + bytes([rest]) + data
    return b"\0" + text(name) + text(value)


def call(path, *more):
    return b"".join(literal(name, value) for name, value in (
        (":method", "POST"), (":scheme", "https"), (":path", path), (":authority", "x"), ("te", "trailers"),
        ("content-type", "application/grpc"), *more))


class Connection:
    """One that has said hello, and acknowledges SETTINGS or not."""

    def __init__(self, node, peer, folder, acknowledges=True):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        (folder / "flood.key").write_bytes(peer.key_pem)
        (folder / "flood.crt").write_bytes(peer.cert)
        context.load_cert_chain(folder / "flood.crt", folder / "flood.key")
        context.set_alpn_protocols(["h2"])
        self.socket = context.wrap_socket(socket.create_connection(("127.0.0.1", node.port)), server_hostname=node.domain)
        self.heard = bytearray()
        self.is_over = False
        self.is_deaf = False  # it leaves what comes where it is
        # A window for the connection that never closes.
        self.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS) +
                  frame(WINDOW_UPDATE, payload=struct.pack(">I", 1 << 30)))
        while not self.heard:
            select.select([self.socket], [], [], 10)
            self.listen()
        if acknowledges:
            self.send(frame(SETTINGS, ACK))

    def listen(self):
        """Take what is there, so that nobody waits for us."""
        self.socket.setblocking(False)
        with contextlib.suppress(ssl.SSLWantReadError, BlockingIOError):
            while not self.is_over:
                data = self.socket.recv(1 << 20)
                self.is_over = not data
                self.heard += data[:max(0, (1 << 16) - len(self.heard))]
        self.socket.setblocking(True)

    def send(self, data):
        """False when the other side has had enough."""
        try:
            self.socket.sendall(data)
            if not self.is_deaf:
                self.listen()
        except OSError:
            self.is_over = True
        return not self.is_over

    def close(self):
        self.socket.close()
