"""Clients that make the gateway hold responses which they do not read (scenario F1)."""

import threading

from support.h1_client import H1Client
from support.h2_client import H2Client, connect, frame
from support.h2_peer import Closed

INITIAL_WINDOW_SIZE = 4
WINDOW_UPDATE = 8
WIDE = 2**31 - 1
FORMS = ("closed windows", "unread socket", "dribbled windows")
HTTP1_FORMS = ("unread http/1.1", "dribbled http/1.1")  # here the socket is the window, and the connection the stream


def bad_clients(address, form, connections, streams, path=None):
    """In a `with` statement: they ask for `path`; /large on each stream, or /huge, which the kernel's buffers do not swallow."""
    if form in HTTP1_FORMS:
        return BadHttp1Clients(address, form, connections, path or "/huge")
    return BadClients(address, form, connections, streams, path or "/large")


class BadHttp1Clients:
    """`connections` that ask for `path` and take nothing of it, or a few bytes now and then. In a `with` statement."""

    def __init__(self, address, form, connections, path):
        self.is_over = threading.Event()
        self.clients = [H1Client.to(address, receive_buffer=4096) for _ in range(connections)]
        for client in self.clients:
            client.request("GET", path)
            client.sock.setblocking(False)
        self.thread = threading.Thread(target=self._dribble)
        if form == "dribbled http/1.1":
            self.thread.start()

    def _dribble(self):
        while not self.is_over.wait(0.3):
            for client in self.clients:
                try:
                    client.sock.recv(100)
                except (BlockingIOError, ConnectionError):
                    pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.is_over.set()
        if self.thread.is_alive():
            self.thread.join()
        for client in self.clients:
            client.close()


class BadClients:
    """`connections` that ask for `path` on each of `streams` and hardly take any of it. In a `with` statement."""

    def __init__(self, address, form, connections, streams, path):
        self.form = form
        self.clients = []
        self.is_over = threading.Event()
        for _ in range(connections):
            wide = form == "unread socket"
            sock = connect(address, receive_buffer=4096 if wide else None)
            client = H2Client(sock, settings={INITIAL_WINDOW_SIZE: WIDE if wide else 0}, consume=False,
                              connection_window=WIDE - 65535)
            self.streams = [client.get(path) for _ in range(streams)]
            self.clients.append(client)
        self.thread = threading.Thread(target=self._dribble)
        if form == "dribbled windows":
            self.thread.start()

    def _dribble(self):
        one_byte_each = b"".join(frame(WINDOW_UPDATE, 0, stream, (1).to_bytes(4, "big")) for stream in self.streams)
        while not self.is_over.wait(0.3):
            for client in self.clients:
                try:
                    client.send_raw(one_byte_each)
                    client.sock.setblocking(False)
                    client.sock.recv(1 << 16)
                except (Closed, BlockingIOError):
                    pass
                finally:
                    client.sock.settimeout(10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.is_over.set()
        if self.thread.is_alive():
            self.thread.join()
        for client in self.clients:
            client.close()
