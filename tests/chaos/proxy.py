# SPDX-License-Identifier: BSD-3-Clause
"""A TCP proxy on this host that cuts, stalls and delays what goes through it."""

import contextlib
import selectors
import socket
import threading
import time


class Proxy:
    """Carries to "host:port"; `address` is its own. delay: seconds that everything takes longer."""

    def __init__(self, to, delay=0.0):
        self._to = self._parse(to)
        self.delay = delay
        self._stalled = self._ended = False
        self._links = []
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.1)
        self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @staticmethod
    def _parse(text):
        host, _, port = text.rpartition(":")
        return host, int(port)

    def _accept(self):
        while not self._ended:
            with contextlib.suppress(OSError):
                near, _ = self._listener.accept()
                try:
                    far = socket.create_connection(self._to, timeout=5)
                except OSError:
                    near.close()
                    continue
                with self._lock:
                    self._links.append((near, far))
                thread = threading.Thread(target=self._carry, args=(near, far), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _carry(self, near, far):
        other = {near: far, far: near}
        waiting = []  # (when, to, bytes), in order
        with selectors.DefaultSelector() as selector, contextlib.suppress(OSError, ValueError):
            for end in other:
                selector.register(end, selectors.EVENT_READ)
            while not self._ended:
                for key, _ in [] if self._stalled else selector.select(0.005):
                    data = key.fileobj.recv(1 << 16)
                    if not data:
                        raise ConnectionError
                    waiting.append((time.monotonic() + self.delay, other[key.fileobj], data))
                if self._stalled:
                    time.sleep(0.005)
                while waiting and waiting[0][0] <= time.monotonic() and not self._stalled:
                    _, to, data = waiting.pop(0)
                    to.settimeout(5)
                    to.sendall(data)
        near.close()
        far.close()

    def cut(self):
        """Ends all connections; what was under way is lost."""
        with self._lock:
            links, self._links = self._links, []
        for link in links:
            for end in link:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def stall(self, seconds):
        """Nothing passes for so long."""
        self._stalled = True
        time.sleep(seconds)
        self._stalled = False

    def close(self):
        self._ended = True
        self.cut()
        for thread in self._threads:
            thread.join(6)
        self._listener.close()
