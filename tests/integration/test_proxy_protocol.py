"""The PROXY protocol, in front of the gateway and behind it (HAProxy's proxy-protocol.txt); unix sockets on both sides."""

import contextlib
import io
import json
import signal
import socket
import struct

import pytest

from support.environment import wait_until
from support.gateway import cluster
from support.h1_backend import Connection, H1Backend, tell
from support.h1_client import H1Client
from support.h2_backend import H2Backend
from support.h2_client import H2Client, connect, connect_tls, read_all, tls_context

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V1 = b"PROXY TCP4 192.0.2.7 10.0.0.1 4321 443\r\n"
V2 = SIGNATURE + b"\x21\x11\x00\x0c" + bytes([192, 0, 2, 7, 10, 0, 0, 1]) + struct.pack("!HH", 4321, 443)
V2_IPV6 = (SIGNATURE + b"\x21\x21\x00\x24" + socket.inet_pton(socket.AF_INET6, "2001:db8::7")
           + socket.inet_pton(socket.AF_INET6, "::1") + struct.pack("!HH", 1, 2))
ALPN = {H1Client: "http/1.1", H2Client: "h2"}
FRONT = {"proxy_protocol": True, "trusted": ["127.0.0.0/8"]}


def refusals(house, reason):
    return house.metrics()[f'gateway_proxy_refusals_total{{reason="{reason}"}}']


@pytest.mark.parametrize("speaker", [H1Client, H2Client])
@pytest.mark.parametrize("secure", [True, False], ids=["tls", "cleartext"])
@pytest.mark.parametrize("header, client", [
    (V1, "192.0.2.7"), (V2, "192.0.2.7"), (V2_IPV6, "2001:db8::7"), (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
    (SIGNATURE + b"\x20\x00\x00\x00", "127.0.0.1"),
], ids=["v1", "v2", "v2-ipv6", "unknown", "local"])
def test_the_clients_address_is_that_of_the_header(gateway, certificates, speaker, secure, header, client):
    with H1Backend() as behind:
        with gateway(cluster("app", "http/1.1", behind.address), listener=FRONT) as house:
            sock = connect(house.https if secure else house.h2c)
            sock.sendall(header)
            if secure:
                sock = tls_context(certificates, [ALPN[speaker]]).wrap_socket(sock, server_hostname="localhost")
            told = json.loads(speaker(sock).fetch("/").body)
            assert dict(told["fields"])["x-forwarded-for"] == client
            assert house.wait_for_access(lambda line: line["path"] == "/")["client"] == client
            sock.close()


@pytest.mark.parametrize("speaker", [H1Client, H2Client])
def test_the_header_ends_where_it_ends_however_it_comes(gateway, speaker):
    """All in one segment with the first request, and byte by byte: what follows belongs to HTTP."""
    with H1Backend() as behind:
        with gateway(cluster("app", "http/1.1", behind.address), listener=FRONT) as house:
            for header in (V1, V2):
                whole = Recorder()
                client = speaker(whole)
                client.get("/") if speaker is H2Client else client.request("GET", "/")
                for size in (1, len(header) + 1, len(header) + len(whole.sent)):
                    with connect(house.h2c) as sock:
                        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                        data = header + whole.sent
                        for i in range(0, len(data), size):
                            sock.sendall(data[i:i + size])
                        sock.settimeout(10)
                        received = b""
                        while b'"line"' not in received:
                            part = sock.recv(65536)
                            assert part, (header, size, received)
                            received += part
                        assert b"192.0.2.7" in received


class Recorder:
    """A socket that keeps what is sent."""

    family = socket.AF_INET

    def __init__(self):
        self.sent = b""

    def sendall(self, data):
        self.sent += data

    def setsockopt(self, *_):
        pass

    def makefile(self, *_, **__):
        return io.BytesIO()


def test_an_untrusted_sender_is_refused(gateway):
    with gateway(cluster("app", "demo"), listener={**FRONT, "trusted": ["10.0.0.0/8", "::1"]}, tls=None) as house:
        with connect(house.h2c) as sock:
            assert read_all(sock) == b""
        assert refusals(house, "untrusted") == 1
        assert "connection refused: not trusted to send a PROXY header" in house.log()


@pytest.mark.parametrize("sent", [
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"PROXY TCP4 1.2.3.4 x 1 2\r\n", SIGNATURE + b"\x21\x11\x00\x04abcd",
    SIGNATURE + b"\x21\x11\x00\x0cab", V1[:20],
], ids=["none", "malformed", "too-short", "cut-v2", "cut-v1"])
def test_a_malformed_header_is_refused(gateway, sent):
    with gateway(cluster("app", "demo"), listener=FRONT) as house:
        for address in (house.h2c, house.https):
            with connect(address) as sock:
                sock.sendall(sent)
                with contextlib.suppress(OSError):  # it may have been refused and reset by now
                    sock.shutdown(socket.SHUT_WR)
                assert read_all(sock) == b""
        assert refusals(house, "malformed") == 2
        assert house.log().count("connection refused: ") == 2


def test_a_header_that_does_not_come_in_time_is_refused(gateway):
    with gateway(cluster("app", "demo"), listener=FRONT, timeouts={"tls_handshake": "300ms"}) as house:
        with connect(house.h2c) as silent, connect(house.h2c) as slow:
            slow.sendall(V1[:-1])
            assert read_all(silent) == b"" and read_all(slow) == b""
        assert refusals(house, "late") == 2
        assert "no whole PROXY header in time" in house.log()


def test_who_waits_for_a_header_does_not_hold_up_a_drain(gateway):
    with gateway(cluster("app", "demo"), listener=FRONT) as house:
        with connect(house.h2c) as sock:
            sock.sendall(V1[:10])
            # Its answer says that the worker's loop has turned since.
            with connect(house.h2c) as other:
                other.sendall(V1)
                assert H2Client(other).fetch("/").status == 200
            house.signal(signal.SIGTERM)
            assert house.wait(5) == 0
            assert read_all(sock) == b""


# ---- To backends ----

class Greeted:
    """An HTTP/1.1 backend that demands a PROXY header first."""

    def __init__(self):
        self.headers = []

    def __call__(self, connection: Connection):
        first = connection.file.peek(1)[:1]
        if not first:
            return
        if first == b"P":
            self.headers.append(connection.file.readline())
        else:
            fixed = connection.file.read(16)
            self.headers.append(fixed + connection.file.read(int.from_bytes(fixed[14:], "big")))
        tell(connection)


@pytest.mark.parametrize("speaker", [H1Client, H2Client])
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_backend_is_told_whose_request_it_gets(gateway, version, speaker):
    greeted = Greeted()
    with H1Backend(greeted) as behind:
        with gateway(cluster("app", "http/1.1", behind.address, proxy_protocol=version)) as house:
            expected = []
            for _ in range(2):
                sock = connect(house.h2c)
                client = speaker(sock)
                source, local = sock.getsockname(), sock.getpeername()
                for _ in range(2):
                    assert client.fetch("/").status == 200
                    if version == "v1":
                        expected.append(b"PROXY TCP4 127.0.0.1 127.0.0.1 %d %d\r\n" % (source[1], local[1]))
                    else:
                        expected.append(SIGNATURE + b"\x21\x11\x00\x0c" + bytes([127, 0, 0, 1] * 2)
                                        + struct.pack("!HH", source[1], local[1]))
                sock.close()
            assert greeted.headers == expected
            assert [c.requests for c in behind.connections] == [1] * 4  # a connection of its own for each request
            wait_until(lambda: house.metrics()["gateway_upstream_connections_open"] == 0, "the connections are closed")


def test_what_one_proxy_tells_goes_on_to_the_next(gateway):
    greeted = Greeted()
    with H1Backend(greeted) as behind:
        with gateway(cluster("app", "http/1.1", behind.address, proxy_protocol="v1"), listener=FRONT) as house:
            with connect(house.h2c) as sock:
                sock.sendall(V2_IPV6)
                assert H2Client(sock).fetch("/").status == 200
            port = int(house.h2c.rsplit(":", 1)[1])
            assert greeted.headers == [b"PROXY TCP6 2001:db8::7 ::ffff:127.0.0.1 1 %d\r\n" % port]


def test_many_requests_at_once_all_have_their_own_header(gateway):
    greeted = Greeted()
    with H1Backend(greeted) as behind:
        with gateway(cluster("app", "http/1.1", behind.address, proxy_protocol="v2", max_connections=4)) as house:
            with connect(house.h2c) as sock:
                client = H2Client(sock)
                streams = client.wait(*[client.get(f"/{i}") for i in range(50)])
                assert [stream.status for stream in streams] == [200] * 50
            assert len(greeted.headers) == 50 and len(set(greeted.headers)) == 1


@pytest.mark.parametrize("version, header", [("v1", b"PROXY UNKNOWN\r\n"), ("v2", SIGNATURE + b"\x20\x00\x00\x00")])
def test_a_health_check_is_nobodys(gateway, version, header):
    greeted = Greeted()
    with H1Backend(greeted) as behind:
        health = {"path": "/", "interval": "100ms", "timeout": "100ms"}
        with gateway(cluster("app", "http/1.1", behind.address, proxy_protocol=version, health=health)) as house:
            wait_until(lambda: house.metrics()['gateway_health_checks_total{result="ok"}'] >= 2, "good checks")
            assert set(greeted.headers) == {header}


# ---- unix sockets ----

@pytest.mark.parametrize("speaker", [H1Client, H2Client])
@pytest.mark.parametrize("secure", [True, False], ids=["tls", "cleartext"])
@pytest.mark.parametrize("kind", ["http/1.1", "h2"])
def test_unix_sockets_on_both_sides(gateway, certificates, tmp_path, kind, secure, speaker):
    front = {"address": f"unix:{tmp_path / 'front.sock'}"}
    tls = {"tls": {"certificate": certificates.certificate, "key": certificates.key}} if secure else {}
    with (H1Backend if kind == "http/1.1" else H2Backend)(path=tmp_path / "app.sock") as behind:
        with gateway(cluster("app", kind, behind.address), more_listeners=[{**front, **tls}]) as house:
            sock = connect_tls(front["address"], certificates, [ALPN[speaker]]) if secure else connect(front["address"])
            client = speaker(sock)
            for number in range(3):
                assert client.fetch(f"/{number}").status == 200
            client.close()
            line = house.wait_for_access(lambda line: line["path"] == "/2")
            assert (line["client"], line["endpoint"]) == ("unix", behind.address)


@pytest.mark.parametrize("speaker", [H1Client, H2Client])
def test_who_may_connect_to_a_unix_socket_may_tell_whose_request_it_brings(gateway, tmp_path, speaker):
    front = {"address": f"unix:{tmp_path / 'front.sock'}", "proxy_protocol": True}
    with H1Backend() as behind, gateway(cluster("app", "http/1.1", behind.address), more_listeners=[front]) as house:
        for header, expected in ((V1, "192.0.2.7"), (V2_IPV6, "2001:db8::7"), (b"PROXY UNKNOWN\r\n", "unix")):
            sock = connect(front["address"])
            sock.sendall(header)
            client = speaker(sock)
            told = dict(json.loads(client.fetch("/").body)["fields"])
            assert told.get("x-forwarded-for", "unix") == expected
            client.close()
            house.wait_for_access(lambda line: line["client"] == expected)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_backend_on_a_unix_socket_is_told_whose_request_it_gets(gateway, tmp_path, version):
    greeted = Greeted()
    with H1Backend(greeted, path=tmp_path / "app.sock") as behind:
        with gateway(cluster("app", "http/1.1", behind.address, proxy_protocol=version)) as house:
            assert [house.curl("/").status for _ in range(3)] == [200] * 3
    assert len(greeted.headers) == 3
    assert all(header.startswith((b"PROXY TCP4 127.0.0.1 ", SIGNATURE + b"\x21\x11")) for header in greeted.headers)
