"""Hears from one node when it has something new, and finds out when what is
awaited there is found, or found no longer.

It is a Tail call of an organisation that is a member of every set, so news is
told, not asked for; then a lookup says whether scanners see it.
"""

import threading
import time
from types import SimpleNamespace

import grpc

from net import pb, until


class Watch:
    def __init__(self, node, member):
        self.node = node
        self.member = member
        self.lock = threading.Lock()
        self.awaited = []
        self.is_over = True
        self.thread = None
        self.call = None

    def begin(self):
        """The node was started."""
        self.is_over = False
        self.call = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def end(self):
        """The node goes."""
        if self.is_over:
            return
        self.is_over = True

        def has_ended():
            # It may just have begun another.
            if self.call is not None:
                self.call.cancel()
            return not self.thread.is_alive()
        until(has_ended, 120)

    def expect(self, origin, index, digest, is_there, told):
        """Call told(when) as soon as entry `index` of the set is applied here
        and lookups of the digest say so."""
        with self.lock:
            self.awaited.append(SimpleNamespace(origin=origin, index=index, digest=digest, is_there=is_there, told=told))

    def has_all(self, of=None):
        with self.lock:
            return all(of is not None and a.origin not in of for a in self.awaited)

    def _run(self):
        tail = self.node.federation(self.member)
        while not self.is_over:
            # What it may pass on can change: then it asks us to begin again.
            self.call = tail.Tail(pb.TailRequest(), wait_for_ready=True)
            try:
                for news in self.call:
                    if news.note:
                        self._look(news.origin, int(news.note.split(b"\n")[1]))
            except grpc.RpcError:
                pass

    def forget(self, digest):
        """It is taken back: whoever was away may never find it."""
        with self.lock:
            self.awaited = [a for a in self.awaited if a.digest != digest]

    def _look(self, origin, size):
        # Held now; lookups know a moment later.
        while not self.is_over:
            with self.lock:
                due = [a for a in self.awaited if a.origin == origin and a.index < size]
            if not due:
                return
            try:
                found = {hit.digest for hit in self.node.match(*(a.digest for a in due))}
            except grpc.RpcError:
                # Busy, or about to be killed: then it is over.
                time.sleep(0.01)
                continue
            now = time.monotonic()
            met = [a for a in due if (a.digest in found) == a.is_there]
            with self.lock:
                self.awaited = [a for a in self.awaited if a not in met]
            for one in met:
                one.told(now)
            if len(met) < len(due):
                time.sleep(0.002)
