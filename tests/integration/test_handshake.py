"""What leaves at the end of a TLS handshake, by the segments in which it comes."""

import socket
import ssl
import struct

from support.h2_client import PREFACE, SETTINGS_TYPE, connect, frame, tls_context

DEMO = {"name": "app", "protocol": "demo"}
ACK = 1
DATA_SEGMENTS_IN = 152  # where struct tcp_info has tcpi_data_segs_in (linux/tcp.h)


class SlowClient:
    """A TLS client whose bytes leave when it says so."""

    def __init__(self, address, certificates, alpn=("h2",)):
        self.socket = connect(address)
        self.bytes = b""
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = tls_context(certificates, alpn).wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")

    def send(self):
        self.socket.sendall(self.outgoing.read())

    def receive(self):
        data = self.socket.recv(65536)
        assert data, "the connection has ended"
        self.incoming.write(data)

    def shake_hands(self):
        """Up to its Finished, which has not been sent."""
        while True:
            try:
                return self.tls.do_handshake()
            except ssl.SSLWantReadError:
                self.send()
                self.receive()

    def frames(self):
        """(type, flags) of all that has come."""
        try:
            self.bytes += self.tls.read(65536)
        except ssl.SSLWantReadError:
            pass
        found, rest = [], self.bytes
        while len(rest) >= 9 and len(rest) >= 9 + int.from_bytes(rest[:3], "big"):
            found.append((rest[3], rest[4]))
            rest = rest[9 + int.from_bytes(rest[:3], "big"):]
        return found

    def segments(self):
        """Of data, that have come."""
        info = self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, DATA_SEGMENTS_IN + 4)
        return struct.unpack_from("I", info, DATA_SEGMENTS_IN)[0]


def test_the_ticket_the_settings_and_what_answers_the_clients_leave_together(gateway, certificates):
    """Also where the client's Finished is there before the gateway has looked for it, which is by chance: hence many."""
    with gateway(DEMO) as house:
        for _ in range(30):
            client = SlowClient(house.https, certificates)
            client.shake_hands()
            flight = client.segments()
            client.tls.write(PREFACE + frame(SETTINGS_TYPE))
            client.send()  # with its Finished
            while (SETTINGS_TYPE, ACK) not in client.frames():
                client.receive()
            assert client.tls.session.has_ticket
            assert client.segments() - flight == 1
            client.socket.close()


def test_a_ticket_does_not_wait_for_long_where_nothing_follows(gateway, certificates):
    """A client in HTTP/1.1 that has asked for nothing yet."""
    with gateway(DEMO) as house:
        client = SlowClient(house.https, certificates, alpn=("http/1.1",))
        client.shake_hands()
        client.send()
        while not (client.tls.session and client.tls.session.has_ticket):
            client.receive()  # within the time that a socket of the tests waits
            client.frames()
        client.socket.close()
