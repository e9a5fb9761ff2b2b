"""The sites that faults.c numbers, and the page shared with it."""

import mmap
import struct

SITES_MAX = 1000
HEAD_BYTES = SITE_BYTES = 64
ARMED, FAULT, COUNTDOWN, STRUCK, COUNT = range(5)
# In the order of faults.c's enum fault.
NONE, IO_ERROR, NO_SPACE, SHORT, DEATH, LIE = range(6)
NAMES = ["none", "EIO", "ENOSPC", "short write", "kill", "lie"]
WRITES = {"write", "pwrite", "writev", "pwritev"}


class Faults:
    def __init__(self, path, shim, folder):
        size = HEAD_BYTES + SITES_MAX * SITE_BYTES
        path.write_bytes(bytes(size))
        self.env = {"LD_PRELOAD": str(shim), "HASHFED_FAULT_FILE": str(path), "HASHFED_FAULT_DIR": str(folder)}
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), size)

    def get(self, word):
        return struct.unpack_from("=I", self.map, 4 * word)[0]

    def put(self, word, value):
        struct.pack_into("=I", self.map, 4 * word, value)

    def arm(self, site, fault, countdown):
        self.put(ARMED, 0)
        self.put(STRUCK, NONE)
        self.put(FAULT, fault)
        self.put(COUNTDOWN, countdown)
        self.put(ARMED, site)

    def disarm(self):
        self.put(ARMED, 0)

    def struck(self):
        return self.get(STRUCK)

    def sites(self):
        """{number: (name, hits)}."""
        found = {}
        for number in range(1, SITES_MAX + 1):
            key, hits, name = struct.unpack_from(f"=II{SITE_BYTES - 8}s", self.map, HEAD_BYTES + (number - 1) * SITE_BYTES)
            if key == 0:
                break
            found[number] = (name.split(b"\0")[0].decode(), hits)
        return found


def kinds(name):
    """The faults that can happen at a site of this name."""
    return [IO_ERROR, NO_SPACE, DEATH] + ([SHORT] if name.split()[1] in WRITES else [])
