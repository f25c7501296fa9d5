"""A path in user space: a TCP relay that delivers every byte a fixed time after it came, however many there are, or so many a second."""

import collections
import socket
import threading
import time

from support.process import hang_up

CHUNK = 1 << 18
SMALL = 1 << 15


class Relay:
    """Listens on a port of 127.0.0.1 and connects to `target`; a context manager.

    delay  seconds, one way
    rate   bytes a second from the target; what is beyond it stays unread, in small buffers: a link that can be full. None: as they come
    """

    def __init__(self, target, delay, rate=None):
        host, port = target.rsplit(":", 1)
        self.target = (host, int(port))
        self.delay, self.rate = delay, rate
        self.sockets = []
        self.ways = []
        self.server = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.address = "127.0.0.1:%d" % self.server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for sock in [self.server, *self.sockets]:
            hang_up(sock)

    def swallow(self):
        """From now on the connections that there are deliver nothing, and nobody is told."""
        for way in self.ways:
            way.swallows = True

    def _accept(self):
        while True:
            try:
                near, _ = self.server.accept()
                far = self._connect()
            except OSError:
                return
            self.sockets += [near, far]
            for sock in (near, far):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for source, sink, rate in ((near, far, None), (far, near, self.rate)):
                way = _Way(source, sink, self.delay, rate)
                self.ways.append(way)
                threading.Thread(target=way.receive, daemon=True).start()
                threading.Thread(target=way.send, daemon=True).start()

    def _connect(self):
        far = socket.socket()
        if self.rate:
            far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        far.connect(self.target)
        return far


class _Way:
    """One direction of one connection: a thread that receives and one that sends when the time has come."""

    def __init__(self, source, sink, delay, rate):
        self.source, self.sink, self.delay, self.rate = source, sink, delay, rate
        self.swallows = False
        self.queue = collections.deque()
        self.has_some = threading.Semaphore(0)

    def receive(self):
        data = True
        while data:
            try:
                data = self.source.recv(SMALL if self.rate else CHUNK)
            except OSError:
                data = b""
            self.queue.append((time.monotonic() + self.delay, data))
            self.has_some.release()
            if self.rate:
                time.sleep(len(data) / self.rate)

    def send(self):
        while True:
            self.has_some.acquire()
            due, data = self.queue.popleft()
            time.sleep(max(0.0, due - time.monotonic()))
            if self.swallows:
                if not data:
                    return
                continue
            try:
                if not data:
                    return self.sink.shutdown(socket.SHUT_WR)
                self.sink.sendall(data)
            except OSError:
                return hang_up(self.source)
