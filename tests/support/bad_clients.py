"""Clients that make the gateway hold responses which they do not read (scenario F1)."""

import contextlib
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
    return BadHttp2Clients(address, form, connections, streams, path or "/large")


class BadClients:
    """Those that take nothing of what they asked for; where they dribble, a few bytes now and then. In a `with` statement."""

    def __init__(self, clients, dribble):
        self.clients = clients
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self._dribble)
        if dribble:
            self.thread.start()

    def _dribble(self):
        while not self.is_over.wait(0.3):
            for client in self.clients:
                self.take_some(client)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.is_over.set()
        if self.thread.is_alive():
            self.thread.join()
        for client in self.clients:
            client.close()


class BadHttp1Clients(BadClients):
    def __init__(self, address, form, connections, path):
        clients = [H1Client.to(address, receive_buffer=4096) for _ in range(connections)]
        for client in clients:
            client.request("GET", path)
            client.sock.setblocking(False)
        super().__init__(clients, form == "dribbled http/1.1")

    @staticmethod
    def take_some(client):
        with contextlib.suppress(BlockingIOError, ConnectionError):
            client.sock.recv(100)


class BadHttp2Clients(BadClients):
    def __init__(self, address, form, connections, streams, path):
        wide = form == "unread socket"
        clients = []
        for _ in range(connections):
            sock = connect(address, receive_buffer=4096 if wide else None)
            client = H2Client(sock, settings={INITIAL_WINDOW_SIZE: WIDE if wide else 0}, consume=False,
                              connection_window=WIDE - 65535)
            numbers = [client.get(path) for _ in range(streams)]
            clients.append(client)
        self.one_byte_each = b"".join(frame(WINDOW_UPDATE, 0, number, (1).to_bytes(4, "big")) for number in numbers)
        super().__init__(clients, form == "dribbled windows")

    def take_some(self, client):
        try:
            client.send_raw(self.one_byte_each)
            client.sock.setblocking(False)
            client.sock.recv(1 << 16)
        except (Closed, BlockingIOError):
            pass
        finally:
            client.sock.settimeout(10)
