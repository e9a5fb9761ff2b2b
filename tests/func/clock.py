"""The wrong time, for one daemon and its signer or for many.

    clock = Clock(net)
    hotline.env = clock.env      # before it starts
    clock.move(days=2)           # while it runs, or between two starts
    clock.look(hotline)          # what a minute would bring, now
"""

import datetime
import itertools
import mmap
import os
import re
import signal
import struct

from net import BIN, IS_SANITIZED, until

_numbers = itertools.count()


class Clock:
    def __init__(self, net):
        path = net.folder / f"clock-{next(_numbers)}"
        path.write_bytes(bytes(8))
        self.env = {"LD_PRELOAD": str(BIN / "clock-shim.so"), "HASHFED_CLOCK_FILE": str(path)}
        if IS_SANITIZED:
            self.env["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), 8)

    def move(self, **how):
        """Ahead, or with a negative number back."""
        (ms,) = struct.unpack("=q", self.map[:])
        ms += int(datetime.timedelta(**how).total_seconds() * 1000)
        self.map[:] = struct.pack("=q", ms)

    @staticmethod
    def look(node):
        """Have the daemon look at the time now instead of within a minute."""
        told = len(re.findall(" ring: read again", node.log()))
        node.process.send_signal(signal.SIGHUP)
        until(lambda: len(re.findall(" ring: read again", node.log())) > told, 60, f"{node.name} looks")
