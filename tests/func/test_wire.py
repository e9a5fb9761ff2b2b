"""What crosses the wire: read at a TLS endpoint of our own, between two
nodes, and searched for what must never leave a machine."""

import base64
import hashlib
import os
import select
import socket
import ssl
import struct
import subprocess
import threading
import zlib

import pytest

from net import BIN, until

NAME = "holiday-at-the-beach-4711"
MARKER = "marker-that-does-cross-the-wire"


class Ear:
    """A proxy with the keys of both sides: it reads what they say."""

    def __init__(self, server, client, address, folder):
        self.heard = bytearray()
        self.target = server
        self.lock = threading.Lock()
        self.outer = self._context(ssl.PROTOCOL_TLS_SERVER, server, folder)
        self.inner = self._context(ssl.PROTOCOL_TLS_CLIENT, client, folder)
        self.inner.check_hostname = False
        self.inner.verify_mode = ssl.CERT_NONE
        self.listener = socket.create_server(address)
        self.is_open = True
        threading.Thread(target=self._accept, daemon=True).start()

    @staticmethod
    def _context(kind, node, folder):
        context = ssl.SSLContext(kind)
        key, cert = folder / (node.name + ".key"), folder / (node.name + ".crt")
        key.write_bytes(node.key_pem)
        cert.write_bytes(node.cert)
        context.load_cert_chain(cert, key)
        context.set_alpn_protocols(["h2"])
        return context

    def _accept(self):
        while self.is_open:
            try:
                raw, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(raw,), daemon=True).start()

    def _serve(self, raw):
        try:
            with self.outer.wrap_socket(raw, server_side=True) as one, \
                    socket.create_connection(("127.0.0.1", self.target.port)) as plain, \
                    self.inner.wrap_socket(plain, server_hostname=self.target.domain) as other:
                pair = {one: other, other: one}
                while self.is_open:
                    ready = [s for s in pair if s.pending()] or select.select(list(pair), [], [], 0.5)[0]
                    for side in ready:
                        data = side.recv(65536)
                        if not data:
                            return
                        with self.lock:
                            self.heard += data
                        pair[side].sendall(data)
        except OSError:
            pass

    def hears(self, needle):
        with self.lock:
            return bytes(needle) in self.heard

    def close(self):
        self.is_open = False
        self.listener.close()


def shapes(text):
    """Every way that something may have been written down."""
    for data in (text, text.upper(), text.lower()):
        yield data
        yield data.hex().encode()
        yield data.hex().upper().encode()
    for skip in range(3):
        yield base64.b64encode(text[skip:])[:-4]
        yield base64.urlsafe_b64encode(text[skip:])[:-4]
    try:
        words = text.decode()
    except UnicodeDecodeError:
        return
    yield words.encode("utf-16-le")
    yield words.encode("utf-16-be")


@pytest.fixture
def picture(net):
    path = net.folder / "private-folder-of-the-analyst" / (NAME + ".png")
    path.parent.mkdir()
    side = 128
    rows = b"".join(b"\0" + os.urandom(side * 3) for _ in range(side))

    def part(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    path.write_bytes(b"\x89PNG\r\n\x1a\n" + part(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)) +
                     part(b"IDAT", zlib.compress(rows)) + part(b"IEND", b""))
    return path


def test_labels_and_hashes_cross_the_wire_and_names_paths_and_pictures_do_not(net, picture, tmp_path):
    hotline, partner = net.organisation("hotline", ["ncii"]), net.organisation("partner")
    address = ("127.0.0.1", net.free_port())
    hotline.enrol(partner, "--silent")
    partner.enrol(hotline, "--endpoint", "%s:%d" % address)
    hotline.start()
    partner.start()
    ear = Ear(hotline, partner, address, tmp_path)
    try:
        origin = hotline.origin("ncii")
        hotline.share("ncii", partner)
        partner.follow(origin)
        data = picture.read_bytes()
        digest = publish(hotline, picture)
        until(lambda: partner.match(digest), 60)
        # It listens where things are said: the marker first.
        assert ear.hears(MARKER.encode()) and ear.hears(digest)
        pieces = [NAME.encode(), str(picture).encode(), picture.parent.name.encode(), str(hotline.home).encode(),
                  data[8:40], data[1000:1032], data[-64:-32]]
        for piece in pieces:
            for shape in shapes(piece):
                assert not ear.hears(shape), shape
    finally:
        ear.close()


def publish(node, picture):
    """As an analyst does on the machine where the picture is."""
    done = subprocess.run([BIN / "hashfed", "--home", node.home, "publish", "--set", "ncii", "--class", "ncii",
                           "--label", "local=" + MARKER, picture], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return hashlib.sha256(picture.read_bytes()).digest()
