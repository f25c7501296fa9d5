"""Bare tunnels (RFC 8441, RFC 6455) with one face for both versions of HTTP, on the client's side and on the backend's."""

import base64
import hashlib
import socket
import ssl
import struct
import threading

from h2.settings import SettingCodes

from support.environment import wait_until
from support.h1_backend import H1Backend
from support.h1_client import H1Client
from support.h2_backend import H2Backend
from support.h2_client import H2Client, connect, connect_tls

CANCEL = 8
TAKES_TUNNELS = {SettingCodes.ENABLE_CONNECT_PROTOCOL: 1}
KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # that of RFC 6455 §1.3
ASK = f"Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n"


def accept_of(key):
    """What a key is answered with (RFC 6455 §4.2.2)."""
    return base64.b64encode(hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()


def reset_on_close(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def end_sending(sock):
    """Our direction ends, and what comes is read on: FIN, or under TLS close_notify alone. REQUIRES: nothing is on its way to us."""
    if not isinstance(sock, ssl.SSLSocket):
        return sock.shutdown(socket.SHUT_WR)
    timeout = sock.gettimeout()
    sock.setblocking(False)
    try:
        sock.unwrap()
    except ssl.SSLWantReadError:
        pass  # close_notify has left, and the other side's is still to come
    sock.settimeout(timeout)


# ---- Clients ----


class H1Tunnel:
    """A client's, over a connection in HTTP/1.1. `answer` is the head that it got, `body` what came behind it."""

    def __init__(self, sock, path="/", fields=ASK):
        if isinstance(sock, ssl.SSLSocket):
            sock.suppress_ragged_eofs = False  # FIN without close_notify is no end
        self.client = H1Client(sock)
        self.client.request("GET", path, fields=fields)
        self.answer = self.client.read_head()
        self.status = self.answer.status
        self.body = b""

    def send(self, data, end=False):
        self.client.send(data)
        if end:
            end_sending(self.client.sock)

    def read(self, size):
        """Until `size` bytes have come in all."""
        while len(self.body) < size and (piece := self.client.file.read1(65536)):
            self.body += piece
        return self.body

    def read_to_end(self):
        """Whether it ended in order."""
        try:
            while piece := self.client.file.read1(65536):
                self.body += piece
            return True
        except ssl.SSLZeroReturnError:  # close_notify as the answer to ours
            return True
        except (ConnectionResetError, ssl.SSLEOFError):
            return False

    def reset(self):
        reset_on_close(self.client.sock)
        self.close()

    def close(self):
        self.client.close()


class H2Tunnel:
    """A client's, over a stream of a connection of its own, or of `client`'s."""

    def __init__(self, sock=None, path="/", *fields, client=None, protocol="websocket", end=False):
        self.client = client or H2Client(sock)
        number = self.client.h2.get_next_available_stream_id()
        self.client.send_headers(number, [
            (":method", "CONNECT"), (":protocol", protocol), (":scheme", "https"), (":authority", "localhost"), (":path", path),
            ("sec-websocket-version", "13"), *fields], end)
        self.client.receive_until(lambda: number in self.client.streams and
                                  (self.client.streams[number].head or self.client.streams[number].over()), what="a head")
        self.stream = self.client.streams[number]
        self.status = self.stream.status

    @property
    def body(self):
        return bytes(self.stream.body)

    def queue(self, data, end=False):
        """It leaves as the windows allow, whenever something is read."""
        self.client.send_body(self.stream.id, data, end=end)

    def send(self, data, end=False):
        self.queue(data, end)
        self.client.receive_until(lambda: not self.client.unsent(self.stream.id) or self.stream.reset is not None, what="window")

    def read(self, size):
        self.client.receive_until(lambda: len(self.stream.body) >= size or self.stream.over(), what=f"{size} bytes")
        return self.body

    def read_to_end(self):
        self.client.receive_until(self.stream.over, what="the end of the tunnel")
        assert self.stream.ended or self.stream.reset == CANCEL, self.stream.reset
        return self.stream.ended

    def reset(self):
        self.client.reset(self.stream.id, CANCEL)

    def close(self):
        self.client.close()


def open_tunnel(front, house, certificates, path="/"):
    """`front`: "http/1.1", "https/1.1" or "h2"."""
    if front == "http/1.1":
        return H1Tunnel(connect(house.h2c), path)
    if front == "https/1.1":
        return H1Tunnel(connect_tls(house.https, certificates, alpn=("http/1.1",)), path)
    return H2Tunnel(connect_tls(house.https, certificates), path)


# ---- Backends ----


class H1Side:
    """A backend's end of a tunnel. `body`: what came, as far as it was read."""

    def __init__(self, connection):
        self.connection = connection
        self.body = b""
        self.over = threading.Event()

    def read(self, size):
        while len(self.body) < size and (piece := self.connection.file.read1(65536)):
            self.body += piece
        return self.body

    def read_to_end(self):
        """Whether it ended in order."""
        try:
            while piece := self.connection.file.read1(65536):
                self.body += piece
            return True
        except OSError:
            return False

    def send(self, data, end=False):
        self.connection.send(data)
        if end:
            self.connection.sock.shutdown(socket.SHUT_WR)

    def reset(self):
        reset_on_close(self.connection.sock)
        self.connection.close()
        self.over.set()


class H2Side:
    def __init__(self, connection, stream):
        self.connection = connection
        self.stream = stream
        self.over = threading.Event()

    @property
    def body(self):
        return bytes(self.stream.body)

    def read(self, size):
        wait_until(lambda: len(self.stream.body) >= size or self.stream.over(), f"{size} bytes at the backend")
        return self.body

    def read_to_end(self):
        wait_until(lambda: self.stream.over() or self.connection.closed, "the end of the tunnel at the backend")
        return self.stream.ended

    def send(self, data, end=False):
        self.connection.send_body(self.stream.id, data, end=end)

    def reset(self):
        self.connection.reset(self.stream.id, CANCEL)


class TunnelBackend:
    """Opens every tunnel and does nothing more; a context manager. `sides`: of the tunnels, as they came; `heads`: their requests."""

    def __init__(self, protocol, answer_fields=""):
        self.sides = []
        self.heads = []
        self.answer_fields = answer_fields
        if protocol == "h2":
            self.server = H2Backend(self._on_stream, lambda connection, stream: None, settings=TAKES_TUNNELS)
        else:
            self.server = H1Backend(self._serve)
        self.address = self.server.address

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for side in self.sides:
            side.over.set()
        self.server.__exit__()
        assert not self.server.errors, self.server.errors

    def side(self, number=0):
        """The backend's end of the tunnel that came as the `number`th."""
        return wait_until(lambda: self.sides[number] if len(self.sides) > number else None, "a tunnel at the backend")

    def _serve(self, connection):
        request = connection.read_head()
        if request is None:
            return
        self.heads.append(request)
        side = H1Side(connection)
        self.sides.append(side)  # before the client knows: they stand in the order in which they are opened
        connection.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        f"Sec-WebSocket-Accept: {accept_of(request.field('sec-websocket-key'))}\r\n{self.answer_fields}\r\n")
        side.over.wait(120)

    def _on_stream(self, connection, stream, ended):
        self.heads.append(stream)
        self.sides.append(H2Side(connection, stream))
        connection.send_headers(stream.id, [(":status", "200")])
