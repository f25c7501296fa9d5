"""Clients of the gateway that decide about single frames: h2 over TLS or cleartext, and bare sockets."""

import signal
import socket
import ssl

from support.environment import PATIENCE
from support.h2_peer import H2Peer

SETTINGS_TYPE = 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind, flags=0, stream_id=0, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream_id.to_bytes(4, "big") + payload


def connect(address, receive_buffer=None):
    """A socket to "host:port" or "unix:/path"."""
    is_unix = address.startswith("unix:")
    host, port = address.rsplit(":", 1) if not is_unix else ("", 0)
    sock = socket.socket(socket.AF_UNIX if is_unix else socket.AF_INET)
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.settimeout(10 * PATIENCE)
    sock.connect(address.removeprefix("unix:") if is_unix else (host, int(port)))
    return sock


def tls_context(certificates, alpn=("h2",)):
    """Verifies the gateway's certificate."""
    context = ssl.create_default_context(cafile=str(certificates.ca))
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


def connect_tls(address, certificates, alpn=("h2",), receive_buffer=None):
    """A socket past the handshake with "localhost"."""
    return tls_context(certificates, alpn).wrap_socket(connect(address, receive_buffer), server_hostname="localhost")


def read_all(sock, limit=1 << 20):
    """What the other side sends until it closes or resets."""
    received = b""
    try:
        while len(received) < limit:
            data = sock.recv(65536)
            if not data:
                break
            received += data
    except (ConnectionError, TimeoutError):
        pass
    return received


class H2Client(H2Peer):
    """A client on a socket of connect() or connect_tls()."""

    def __init__(self, sock, authority="localhost", **options):
        super().__init__(sock, client=True, **options)
        self.authority = authority

    def wait_for_settings(self):
        """Until the gateway's SETTINGS are known: a body that is sent before may be refused for want of a block."""
        self.receive_until(lambda: self.frames[SETTINGS_TYPE], what="SETTINGS")
        return self

    def head(self, method, path, *fields):
        return [(":method", method), (":scheme", "https"), (":authority", self.authority), (":path", path), *fields]

    def get(self, path, *fields):
        """Sends a GET; returns its stream's id."""
        stream_id = self.h2.get_next_available_stream_id()
        self.send_headers(stream_id, self.head("GET", path, *fields), end_stream=True)
        return stream_id

    def post(self, path, body=b"", *fields, trailers=None, end=True):
        """Sends a POST's head and queues its body; returns its stream's id."""
        stream_id = self.h2.get_next_available_stream_id()
        self.send_headers(stream_id, self.head("POST", path, *fields))
        self.send_body(stream_id, body, trailers, end)
        return stream_id

    def ping(self):
        """Until a PING is answered: the gateway's turn that wrote what was read before is over."""
        answered = self.pings_answered
        self.h2.ping(bytes(8))
        self.flush()
        self.receive_until(lambda: self.pings_answered > answered, what="a PING is answered")

    def wait(self, *stream_ids, seconds=10.0):
        """Reads until these streams are over; returns them."""
        def over():
            return all(i in self.streams and self.streams[i].over() for i in stream_ids)
        self.receive_until(over, seconds, f"the end of streams {stream_ids[:5]}")
        return [self.streams[i] for i in stream_ids]

    def fetch(self, path, *fields, seconds=10.0):
        """GETs and waits; returns the stream."""
        return self.wait(self.get(path, *fields), seconds=seconds)[0]


def drain_under(house, certificates, path):
    """SIGTERM comes while a client waits for `path`: the client, which has its GOAWAY, and the stream."""
    client = H2Client(connect_tls(house.https, certificates))
    stream = client.get(path)
    client.fetch("/")
    house.signal(signal.SIGTERM)
    client.receive_until(lambda: client.goaways)
    return client, stream
