"""What tests of a set read and recompute, apart from the daemon."""

import base64
import hashlib
import hmac

from net import pb


def item_of(digest):
    """An encoded Item with one SHA-256 digest."""
    return pb.Item(hashes=[pb.Hash(algorithm=pb.ALGORITHM_SHA256, digest=digest)],
                   content_class=pb.CONTENT_CLASS_NCII).SerializeToString()


def parse_note(note):
    """Origin, size, root of a signed note's text."""
    origin, size, root = note.decode().split("\n")[:3]
    return origin, int(size), base64.b64decode(root)


def committed(opening, payload):
    return hmac.digest(b"hashfed/entry-commit/v1", opening + payload, "sha256")


class Tree:
    """RFC 6962, leaf after leaf, written from the RFC and from nothing of ours."""

    def __init__(self):
        self.size = 0
        self.peaks = []  # (leaves, hash), larger first

    def append(self, header):
        leaf = (1, hashlib.sha256(b"\0" + header).digest())
        while self.peaks and self.peaks[-1][0] == leaf[0]:
            count, left = self.peaks.pop()
            leaf = (2 * count, hashlib.sha256(b"\1" + left + leaf[1]).digest())
        self.peaks.append(leaf)
        self.size += 1

    def root(self):
        if not self.peaks:
            return hashlib.sha256(b"").digest()
        root = self.peaks[-1][1]
        for _, left in reversed(self.peaks[:-1]):
            root = hashlib.sha256(b"\1" + left + root).digest()
        return root


def entries(federation, origin, size, first):
    """(index, header, opening, payload) of the entries from first to size."""
    headers, at = {}, first
    if first == size:
        return
    request = pb.GetChunksRequest(origin=origin, size=size, first=first, end=size)
    for message in federation.GetChunks(request, timeout=60):
        for i in range(len(message.headers) // 64):
            headers[message.first + i] = message.headers[64 * i:64 * i + 64]
        assert message.first == at
        opening_at = payload_at = 0
        for length in message.payload_lengths:
            header = headers[at]
            opening = payload = b""
            if length > 0:
                opening = message.openings[opening_at:opening_at + 32]
                payload = message.payloads[payload_at:payload_at + length]
                opening_at += 32
                payload_at += length
            yield at, header, opening, payload
            at += 1
    assert at == size
