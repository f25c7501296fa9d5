"""A long path in user space: a TCP relay that delivers every byte a fixed time after it came, however many there are."""

import collections
import socket
import threading
import time

from support.process import hang_up

CHUNK = 1 << 18


class Relay:
    """Listens on a port of 127.0.0.1 and connects to `target`; a context manager. `delay`: seconds, one way."""

    def __init__(self, target, delay):
        host, port = target.rsplit(":", 1)
        self.target = (host, int(port))
        self.delay = delay
        self.sockets = []
        self.server = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.address = "127.0.0.1:%d" % self.server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for sock in [self.server, *self.sockets]:
            hang_up(sock)

    def _accept(self):
        while True:
            try:
                near, _ = self.server.accept()
                far = socket.create_connection(self.target)
            except OSError:
                return
            self.sockets += [near, far]
            for sock in (near, far):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for source, sink in ((near, far), (far, near)):
                way = _Way(source, sink, self.delay)
                threading.Thread(target=way.receive, daemon=True).start()
                threading.Thread(target=way.send, daemon=True).start()


class _Way:
    """One direction of one connection: a thread that receives and one that sends when the time has come."""

    def __init__(self, source, sink, delay):
        self.source, self.sink, self.delay = source, sink, delay
        self.queue = collections.deque()
        self.has_some = threading.Semaphore(0)

    def receive(self):
        data = True
        while data:
            try:
                data = self.source.recv(CHUNK)
            except OSError:
                data = b""
            self.queue.append((time.monotonic() + self.delay, data))
            self.has_some.release()

    def send(self):
        while True:
            self.has_some.acquire()
            due, data = self.queue.popleft()
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                if not data:
                    return self.sink.shutdown(socket.SHUT_WR)
                self.sink.sendall(data)
            except OSError:
                return hang_up(self.source)
