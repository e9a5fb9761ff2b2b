"""Cables between nodes, which count what goes over them and can be broken.

    wires = Wires(net)
    wire = wires.lay(net.free_port(), node.port)      # before start()
    wires.start()
    wires.set([wire], HELD)
    wires.bytes(wire)
"""

import mmap
import struct
import subprocess

from net import BIN

# As in wires.c.
OPEN, HELD, CUT = range(3)
ROW = struct.Struct("=HHHHQQ")
MODE_AT, BYTES_AT, CONNECTIONS_AT = 4, 8, 16


class Wires:
    def __init__(self, net):
        self.path = net.folder / "wires"
        self.rows = []
        self.process = None

    def lay(self, port, to_port):
        """What comes to the port goes to the other; the wire's number."""
        self.rows.append(ROW.pack(port, to_port, OPEN, OPEN, 0, 0))
        return len(self.rows) - 1

    def start(self):
        self.path.write_bytes(b"".join(self.rows))
        with open(self.path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), 0)
        self.process = subprocess.Popen([BIN / "sim-wires", self.path], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        assert self.process.stdout.read(1) == b"r"

    def set(self, wires, mode):
        """Break or mend wires; it is so when this returns."""
        for wire in wires:
            struct.pack_into("=H", self.map, wire * ROW.size + MODE_AT, mode)
        self.process.stdin.write(b".")
        self.process.stdin.flush()
        assert self.process.stdout.read(1) == b"."

    def port(self, wire):
        return ROW.unpack(self.rows[wire])[0]

    def mode(self, wire):
        return struct.unpack_from("=H", self.map, wire * ROW.size + MODE_AT)[0]

    def bytes(self, wire):
        return struct.unpack_from("=Q", self.map, wire * ROW.size + BYTES_AT)[0]

    def connections(self, wire):
        return struct.unpack_from("=Q", self.map, wire * ROW.size + CONNECTIONS_AT)[0]

    def close(self):
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait(10)
            self.process.stdout.close()
