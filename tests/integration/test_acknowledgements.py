"""A backend whose kernel gathers small pieces (Nagle's algorithm) sends one when the last was acknowledged: it is not kept waiting."""

import socket
import struct
import threading

import pytest

from support.gateway import cluster
from support.h1_backend import H1Backend
from support.h2_backend import H2Backend
from support.h2_client import H2Client, connect_tls

REQUESTS = 20
UNACKNOWLEDGED = 24  # where tcpi_unacked stands in struct tcp_info


class Pieces:
    """A backend that sends a piece of its answer when the client has seen the one before, and the gateway has ended the turn that passed it
    on; `late` counts those that the gateway's kernel had not acknowledged by then."""

    def __init__(self):
        self.seen = threading.Semaphore(0)
        self.late = 0

    def wait(self, sock):
        assert self.seen.acquire(timeout=10)
        self.late += struct.unpack_from("I", sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 64), UNACKNOWLEDGED)[0] > 0

    def serve_http1(self, connection):
        while connection.read_request():
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
            self.wait(connection.sock)
            connection.send("bo")
            self.wait(connection.sock)
            connection.send("dy")

    def serve_h2(self, connection, stream):
        connection.send_headers(stream.id, [(":status", "200")])
        self.wait(connection.sock)
        connection.send_body(stream.id, b"bo", end=False)
        self.wait(connection.sock)
        connection.send_body(stream.id, b"dy")


@pytest.mark.parametrize("protocol", ["http/1.1", "h2"])
def test_a_piece_of_an_answer_is_acknowledged_when_it_was_read(gateway, certificates, protocol):
    pieces = Pieces()
    backend = H1Backend(pieces.serve_http1) if protocol == "http/1.1" else H2Backend(on_end=pieces.serve_h2)
    with backend, gateway(cluster("app", protocol, backend.address), workers=1) as house:
        client = H2Client(connect_tls(house.https, certificates))
        for _ in range(REQUESTS):
            stream = client.get("/")
            client.receive_until(lambda: stream in client.streams and client.streams[stream].status == 200)
            client.ping()
            pieces.seen.release()
            client.receive_until(lambda: client.streams[stream].body == b"bo")
            client.ping()
            pieces.seen.release()
            reply, = client.wait(stream)
            assert reply.body == b"body"
        client.close()
    assert not backend.errors
    assert not pieces.late, f"{pieces.late} of {2 * REQUESTS}"
