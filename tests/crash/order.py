"""The order of writing as shim.c sees it, and the page shared with it."""

import mmap
import struct

# In the order of shim.c's enum place.
PLACES = ["nowhere", "entries-write", "entries-sync", "entries-meta", "ask", "record-write", "record-sync",
          "recorded", "answer", "signed", "note-write", "note-sync", "noted",
          "views-write", "views-sync", "views-meta"]
# The publisher's order; what is behind it is of takedown cases.
PUBLISHING = PLACES[1:PLACES.index("views-write")]
MID_COMMIT = {"entries-write", "entries-sync", "entries-meta", "note-write", "note-sync"}
# The gaps of the publisher's order, and the places in each.
GAPS = {
    "mid-commit of entries": ["entries-write", "entries-sync", "entries-meta"],
    "entries durable, signer not asked": ["ask"],
    "signer asked, nothing recorded": ["record-write", "record-sync"],
    "recorded, not answered": ["recorded", "answer"],
    "signed, note not stored": ["signed"],
    "mid-commit of the note": ["note-write", "note-sync"],
    "note durable, not acknowledged": ["noted"],
}
DAEMON, SIGNER = 1, 2
ARMED, COUNTDOWN, VICTIMS, STRUCK, DAEMON_PID, SIGNER_PID, PASSES = 0, 1, 2, 3, 4, 5, 8


class Page:
    def __init__(self, path, shim):
        path.write_bytes(bytes(4096))
        self.env = {"LD_PRELOAD": str(shim), "HASHFED_CRASH_FILE": str(path)}
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), 4096)

    def get(self, word):
        return struct.unpack_from("=I", self.map, 4 * word)[0]

    def put(self, word, value):
        struct.pack_into("=I", self.map, 4 * word, value)

    def arm(self, place, countdown, victims):
        self.put(ARMED, 0)
        self.put(STRUCK, 0)
        self.put(COUNTDOWN, countdown)
        self.put(VICTIMS, victims)
        self.put(ARMED, PLACES.index(place))

    def disarm(self):
        self.put(ARMED, 0)

    def is_due(self):
        """The countdown is over: it has struck, or does so now."""
        return self.get(COUNTDOWN) == 0

    def struck(self):
        return PLACES[self.get(STRUCK)]

    def passes(self, place):
        return self.get(PASSES + PLACES.index(place))
