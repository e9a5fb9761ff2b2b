"""A wire between two nodes that counts what goes over it.

    wire = Wire(net, partner)                        # in front of partner
    hotline.enrol(partner, "--endpoint", wire.address)
    wire.bytes                                       # both ways, TLS and all
"""

import selectors
import socket
import threading
import time


class Wire:
    def __init__(self, net, node):
        self.port = net.free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.to = ("127.0.0.1", node.port)
        self.bytes = 0
        self.changed = time.monotonic()
        self.selector = selectors.DefaultSelector()
        self.other = {}
        self.server = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self.wake, end = socket.socketpair()
        self.selector.register(self.server, selectors.EVENT_READ)
        self.selector.register(end, selectors.EVENT_READ)
        self.end = end
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def quiet_for(self):
        """Seconds since the last byte."""
        return time.monotonic() - self.changed

    def close(self):
        self.wake.close()
        self.thread.join()
        for one in [self.server, self.end, *self.other]:
            one.close()
        self.selector.close()

    def _run(self):
        while True:
            for key, _ in self.selector.select():
                if key.fileobj is self.end:
                    return
                if key.fileobj is self.server:
                    self._join(self.server.accept()[0])
                elif key.fileobj in self.other:
                    self._pass_on(key.fileobj)

    def _join(self, one):
        try:
            two = socket.create_connection(self.to)
        except OSError:
            one.close()
            return
        self.other[one], self.other[two] = two, one
        for side in (one, two):
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.selector.register(side, selectors.EVENT_READ)

    def _pass_on(self, one):
        two = self.other[one]
        try:
            data = one.recv(1 << 18)
            two.sendall(data)
        except OSError:
            data = b""
        if not data:
            for side in (one, two):
                del self.other[side]
                self.selector.unregister(side)
                side.close()
            return
        self.bytes += len(data)
        self.changed = time.monotonic()
