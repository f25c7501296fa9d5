"""The beginning of a WebSocket: what is asked for in front and behind, who is refused, and what a refusal leaves (RFC 6455 §4, RFC 8441)."""

import json
import select

import pytest

from support.environment import wait_until
from support.gateway import cluster, route
from support.h1_backend import H1Backend, tell
from support.h1_client import H1Client
from support.h2_backend import H2Backend, answer
from support.h2_client import H2Client, connect, connect_tls
from support.tunnels import ASK, KEY, TAKES_TUNNELS, H1Tunnel, H2Tunnel, TunnelBackend, accept_of, open_tunnel

EVERYWHERE = [route("app", websocket=True)]
FRONTS = ["http/1.1", "h2"]
BEHIND = ["http/1.1", "h2"]
at_both = [pytest.mark.parametrize("behind", BEHIND), pytest.mark.parametrize("front", FRONTS)]
NO_ERROR, INTERNAL_ERROR = 0, 2


def in_all_pairings(test):
    for mark in at_both:
        test = mark(test)
    return test


def read_answer(client):
    """The answer's head and body, of a bare connection in HTTP/1.1 that asks for a WebSocket."""
    client.request("GET", "/", fields=ASK)
    return client.answer()


def test_the_example_of_the_rfc(gateway):
    with TunnelBackend("http/1.1", "Sec-WebSocket-Protocol: chat\r\nX-Own: 1\r\n") as backend:
        with gateway(cluster("app", "http/1.1", backend.address), routes=EVERYWHERE) as house:
            fields = ASK + "Origin: http://example.com\r\nSec-WebSocket-Protocol: chat, superchat\r\nX-Mine: 2\r\n"
            tunnel = H1Tunnel(connect(house.h2c), "/chat?x=1", fields)
            assert (tunnel.status, tunnel.answer.field("upgrade"), tunnel.answer.field("connection")) == (101, "websocket", "upgrade")
            assert tunnel.answer.field("sec-websocket-accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" == accept_of(KEY)
            assert tunnel.answer.field("sec-websocket-protocol") == "chat" and tunnel.answer.field("x-own") == "1"
            assert tunnel.answer.field("content-length") is None and tunnel.answer.field("transfer-encoding") is None
            head = backend.heads[0]
            assert head.line == "GET /chat?x=1 HTTP/1.1"
            sent = {name: head.field(name) for name in ("upgrade", "connection", "sec-websocket-version", "sec-websocket-protocol",
                                                        "origin", "x-mine", "via")}
            assert sent == {"upgrade": "websocket", "connection": "upgrade", "sec-websocket-version": "13",
                            "sec-websocket-protocol": "chat, superchat", "origin": "http://example.com", "x-mine": "2",
                            "via": "1.1 gateway"}
            assert head.field("sec-websocket-key") not in (None, KEY), "a key is of one connection"
            assert head.field("content-length") is None and head.field("transfer-encoding") is None
            tunnel.reset()


@pytest.mark.parametrize("front", FRONTS)
def test_towards_http2_it_is_an_extended_connect(gateway, certificates, front):
    with TunnelBackend("h2") as backend, gateway(cluster("app", "h2", backend.address), routes=EVERYWHERE) as house:
        tunnel = open_tunnel(front, house, certificates, "/chat")
        head = backend.heads[0]
        assert head.head[:2] == [(":method", "CONNECT"), (":protocol", "websocket")]
        assert head.field(":path") == "/chat" and head.field("sec-websocket-version") == "13"
        for name in ("sec-websocket-key", "upgrade", "connection", "content-length"):
            assert head.field(name) is None
        tunnel.reset()


@in_all_pairings
def test_an_answer_keeps_its_fields_but_those_of_its_connection(gateway, certificates, front, behind):
    """Nor has it a length, whatever it says (RFC 9110 §9.3.6)."""
    fields = [("sec-websocket-protocol", "chat"), ("x-own", "1"), ("content-length", "2")]
    if behind == "http/1.1":
        backend = TunnelBackend(behind, "".join(f"{name}: {value}\r\n" for name, value in fields))
    else:
        if front == "http/1.1":  # in HTTP/2 it is a field as others
            fields.append(("sec-websocket-accept", "whose?"))
        backend = H2Backend(lambda connection, stream, ended: connection.send_headers(stream.id, [(":status", "200"), *fields]),
                            settings=TAKES_TUNNELS,
                            on_data=lambda connection, stream, data: connection.send_body(stream.id, data, end=False))
    with backend, gateway(cluster("app", behind, backend.address), routes=EVERYWHERE) as house:
        tunnel = open_tunnel(front, house, certificates)
        head = tunnel.answer.fields if front == "http/1.1" else tunnel.stream.head
        own = [("upgrade", "websocket"), ("connection", "upgrade"), ("sec-websocket-accept", accept_of(KEY))] if front == "http/1.1" else []
        kept = [field for field in head if field[0] not in (":status", "via")]
        assert sorted(kept) == sorted(fields[:2] + own)
        tunnel.send(b"more than two")
        if behind == "http/1.1":
            backend.side().send(backend.side().read(13))
        assert tunnel.read(13) == b"more than two"
        tunnel.reset()


@in_all_pairings
def test_a_route_without_it_is_403_and_the_backend_sees_nothing(gateway, certificates, front, behind):
    with TunnelBackend(behind) as backend, gateway(
            cluster("app", behind, backend.address),
            routes=[route("app", "/ws/", websocket=True), route("app", "/no/", websocket=False), route("app")]) as house:
        for path in ("/", "/no/chat"):
            tunnel = open_tunnel(front, house, certificates, path)
            assert tunnel.status == 403
            tunnel.close()
        assert backend.heads == [] and backend.server.requests() == 0
        open_tunnel(front, house, certificates, "/ws/chat").reset()
        assert len(backend.heads) == 1


def test_neither_demo_nor_admin_pages_are_a_websocket(gateway, certificates):
    with gateway({"name": "app", "protocol": "demo"}, routes=EVERYWHERE) as house:
        for front in FRONTS:
            tunnel = open_tunnel(front, house, certificates, "/echo")
            assert tunnel.status == 403
            tunnel.close()
        assert H1Tunnel(connect(house.admin), "/pool").status == 405


def broken(*replacements, ask=ASK):
    for old, new in replacements:
        assert old in ask
        ask = ask.replace(old, new)
    return ask


@pytest.mark.parametrize("request_text, status", [
    (("GET", broken(("Version: 13", "Version: 8"))), 426),
    (("GET", broken(("Sec-WebSocket-Version: 13\r\n", ""))), 426),
    (("GET", broken((KEY, KEY[:-4]))), 400),
    (("GET", broken((KEY, "x" + KEY[:-1]))), 400),
    (("GET", broken((KEY, "AAAA====AAAAAAAAAAAAAA=="))), 400),
    (("GET", broken((f"Sec-WebSocket-Key: {KEY}\r\n", ""))), 400),
    (("GET", ASK + f"Sec-WebSocket-Key: {KEY}\r\n"), 400),
    (("POST", ASK), 400),
    (("GET", ASK + "Content-Length: 5\r\n"), 400),
    (("GET", ASK + "Transfer-Encoding: chunked\r\n"), 400),
])
def test_a_malformed_upgrade_is_refused_and_the_backend_sees_nothing(gateway, request_text, status):
    method, fields = request_text
    with H1Backend() as backend, gateway(cluster("app", "http/1.1", backend.address), routes=EVERYWHERE) as house:
        client = H1Client.to(house.h2c)
        client.send(f"{method} / HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n")
        reply = client.answer()
        assert reply.status == status and client.ended()
        if status == 426:
            assert reply.field("sec-websocket-version") == "13" and reply.field("upgrade") == "websocket"
            assert reply.field("connection") == "close, upgrade"
        assert backend.requests() == 0
        house.wait_for_log("request refused")


@pytest.mark.parametrize("fields, version", [
    (ASK, "1.0"),
    (broken(("keep-alive, Upgrade", "keep-alive")), "1.1"),
    (broken(("websocket", "h3")), "1.1"),
])
def test_an_upgrade_that_binds_nobody_is_a_request_as_others(gateway, fields, version):
    with H1Backend() as backend, gateway(cluster("app", "http/1.1", backend.address), routes=EVERYWHERE) as house:
        reply = H1Client.to(house.h2c).fetch("/page", fields=fields, version=version)
        told = json.loads(reply.body)
        assert reply.status == 200 and told["line"] == "GET /page HTTP/1.1"
        assert not {"upgrade", "connection"} & {name for name, _ in told["fields"]}


@pytest.mark.parametrize("fields, status", [
    ([(":protocol", "connect-udp")], 501),
    ([], 501),
    ([(":protocol", "websocket"), ("content-length", "5")], 400),
])
def test_other_tunnels_of_http2_are_refused(gateway, certificates, fields, status):
    with TunnelBackend("h2") as backend, gateway(cluster("app", "h2", backend.address), routes=EVERYWHERE) as house:
        client = H2Client(connect_tls(house.https, certificates))
        target = [(":scheme", "https"), (":path", "/")] if fields else []
        pseudo = [field for field in fields if field[0][0] == ":"]
        rest = [field for field in fields if field[0][0] != ":"]
        client.send_headers(1, [(":method", "CONNECT"), *pseudo, *target, (":authority", "localhost"), *rest])
        client.receive_until(lambda: 1 in client.streams and client.streams[1].over())
        assert client.streams[1].status == status and client.streams[1].reset == NO_ERROR
        assert backend.heads == []
        client.close()


def test_a_protocol_without_connect_is_a_protocol_error(gateway, certificates):
    with TunnelBackend("h2") as backend, gateway(cluster("app", "h2", backend.address), routes=EVERYWHERE) as house:
        client = H2Client(connect_tls(house.https, certificates))
        client.send_headers(1, [(":method", "GET"), (":protocol", "websocket"), (":scheme", "https"), (":authority", "a"), (":path", "/")])
        client.receive_until(lambda: 1 in client.reset_codes or client.goaways)
        assert backend.heads == []
        client.close()


# ---- The backend's answer ----


def refuse(connection):
    """401 to who asks for a WebSocket; what else comes is told."""
    while request := connection.read_head():
        if request.field("upgrade"):
            connection.answer(b"who are you?", "401 Unauthorized", "WWW-Authenticate: Basic\r\n")
        else:
            connection.answer(b"connection %d" % connection.number)


def refuse_h2(connection, stream, ended):
    if stream.field(":method") == "CONNECT":
        answer(connection, stream, 401, b"who are you?", [("www-authenticate", "Basic")])
    else:
        answer(connection, stream, 200, b"connection %d" % connection.number)


@pytest.mark.parametrize("behind", BEHIND)
def test_a_refusal_of_the_backend_is_an_answer_as_others(gateway, certificates, behind):
    backend = H1Backend(refuse) if behind == "http/1.1" else H2Backend(refuse_h2, lambda *_: None, settings=TAKES_TUNNELS)
    with backend, gateway(cluster("app", behind, backend.address), routes=EVERYWHERE, workers=1) as house:
        client = H1Client.to(house.h2c)
        for _ in range(2):
            reply = read_answer(client)
            assert (reply.status, reply.body, reply.field("www-authenticate")) == (401, b"who are you?", "Basic")
            assert reply.field("upgrade") is None and reply.field("connection") is None
            assert client.fetch("/page").body == b"connection 1", "both connections are of use as before"
        tunnel = H2Tunnel(connect_tls(house.https, certificates))
        assert tunnel.status == 401 and tunnel.read(12) == b"who are you?"
        tunnel.client.receive_until(tunnel.stream.over)
        assert tunnel.stream.ended
        assert tunnel.client.fetch("/page").body == b"connection 1"
        tunnel.close()


def test_a_refusal_that_is_cut_short_breaks_as_any_answer_does(gateway, certificates):
    """With INTERNAL_ERROR: there is no tunnel, whose break would be CANCEL."""
    def serve(connection):
        if connection.read_head():
            connection.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 100\r\n\r\nshort")
    with H1Backend(serve) as backend, gateway(cluster("app", "http/1.1", backend.address), routes=EVERYWHERE) as house:
        tunnel = H2Tunnel(connect_tls(house.https, certificates))
        tunnel.client.receive_until(tunnel.stream.over)
        assert (tunnel.status, tunnel.stream.reset) == (401, INTERNAL_ERROR)
        tunnel.close()


SWITCH = "HTTP/1.1 101 Switching Protocols\r\n{fields}\r\n"


@pytest.mark.parametrize("answer_text, reason", [
    (SWITCH.format(fields="Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept_of(KEY) + "\r\n"),
     "wrong Sec-WebSocket-Accept"),
    (SWITCH.format(fields="Upgrade: websocket\r\nConnection: Upgrade\r\n"), "wrong Sec-WebSocket-Accept"),
    (SWITCH.format(fields="Connection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n"), "without Upgrade"),
    (SWITCH.format(fields="Upgrade: websocket\r\nSec-WebSocket-Accept: ACCEPT\r\n"), "without Upgrade"),
    ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "status 200 for a WebSocket"),
])
@pytest.mark.parametrize("front", FRONTS)
def test_a_wrong_answer_of_the_backend_is_502(gateway, certificates, front, answer_text, reason):
    def serve(connection):
        request = connection.read_head()
        if request:
            connection.send(answer_text.replace("ACCEPT", accept_of(request.field("sec-websocket-key"))))
            connection.closed_by_peer()
    with H1Backend(serve) as backend, gateway(cluster("app", "http/1.1", backend.address), routes=EVERYWHERE) as house:
        tunnel = open_tunnel(front, house, certificates)
        assert tunnel.status == 502
        house.wait_for_log(reason)
        tunnel.close()


def test_a_101_that_nobody_asked_for_is_502(gateway):
    """And is not judged by its Accept, which may well be that of no key."""
    def serve(connection):
        if connection.read_head():
            connection.send(SWITCH.format(fields="Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept_of("") + "\r\n"))
            connection.closed_by_peer()
    with H1Backend(serve) as backend, gateway(cluster("app", "http/1.1", backend.address), routes=EVERYWHERE) as house:
        assert house.curl("/").status == 502
        house.wait_for_log("no upgrade was asked for")


def test_an_http2_backend_that_takes_no_tunnels_is_502_and_stays_in_use(gateway, certificates):
    with H2Backend() as backend, gateway(cluster("app", "h2", backend.address), routes=EVERYWHERE) as house:
        for front in FRONTS:
            tunnel = open_tunnel(front, house, certificates)
            assert tunnel.status == 502
            tunnel.close()
            assert house.curl("/").status == 200
        house.wait_for_log("takes no WebSocket")
        assert all(stream.field(":method") == "GET" for c in backend.connections for stream in c.streams.values())


@pytest.mark.parametrize("front", FRONTS)
def test_what_a_client_sends_too_early_waits_for_the_101(gateway, certificates, front):
    """Before it the backend would take it for a request."""
    early = b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"
    seen = []

    def serve(connection):
        request = connection.read_head()
        select.select([connection.sock], [], [], 0.3)  # it would come with the head, or close behind it
        connection.sock.setblocking(False)
        seen.append(bytes(connection.file.peek()))
        connection.sock.setblocking(True)
        connection.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        f"Sec-WebSocket-Accept: {accept_of(request.field('sec-websocket-key'))}\r\n\r\nat once")
        seen.append(connection.file.read(len(early)))
    with H1Backend(serve) as backend, gateway(cluster("app", "http/1.1", backend.address), routes=EVERYWHERE) as house:
        if front == "http/1.1":
            client = H1Client.to(house.h2c)
            client.send(f"GET / HTTP/1.1\r\nHost: localhost\r\n{ASK}\r\n".encode() + early)
            assert client.read_head().status == 101 and client.file.read(7) == b"at once"
        else:
            client = H2Client(connect_tls(house.https, certificates))
            client.send_headers(1, [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"), (":authority", "a"), (":path", "/")])
            client.send_body(1, early, end=False)
            client.receive_until(lambda: 1 in client.streams and client.streams[1].body == b"at once")
        wait_until(lambda: len(seen) == 2, "what the backend got")
        assert seen == [b"", early]
        client.close()
