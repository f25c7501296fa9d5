"""What a client in HTTP/1.1 or 1.0 may ask, byte by byte; those that everybody has are in test_clients.py."""

import json

import pytest

from support.environment import wait_until
from support.gateway import cluster
from support.h1_backend import H1Backend
from support.h1_client import H1Client
from support.h2_backend import H2Backend
from support.h2_client import connect, connect_tls, read_all

DEMO = {"name": "app", "protocol": "demo"}
KIB = 1 << 10
BODY = bytes(range(256)) * 4 * 400  # 400 KiB


@pytest.fixture(params=["http/1.1", "h2"])
def kind(request):
    return request.param


def backend_of(kind):
    return H1Backend() if kind == "http/1.1" else H2Backend()


def test_a_connection_is_kept_and_its_requests_are_counted(gateway, kind):
    with backend_of(kind) as behind, gateway(cluster("app", kind, behind.address)) as house:
        client = H1Client.to(house.h2c)
        for number in range(1, 6):
            reply = client.fetch(f"/{number}")
            assert reply.status == 200 and reply.field("connection") is None
            line = house.wait_for_access(lambda line: line["path"] == f"/{number}")
            assert line["stream"] == number and line["end"] == "complete"
        assert house.metrics()["gateway_connections_accepted_total"] >= 1
        client.close()


def test_pipelined_requests_are_answered_in_order(gateway, kind):
    with backend_of(kind) as behind, gateway(cluster("app", kind, behind.address)) as house:
        client = H1Client.to(house.h2c)
        text = b""
        for number in range(20):
            body = b"x" * number * 500
            text += b"POST /%d HTTP/1.1\r\nHost: a\r\n" % number
            if number % 2:
                text += b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
            else:
                text += b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body) + 1, body + b"y")
        client.send(text)
        for number in range(20):
            told = json.loads(client.answer().body)
            assert told["bytes"] == number * 500 + (number % 2 == 0)
        client.close()


@pytest.mark.parametrize("tls", [False, True])
def test_bodies_pass_both_ways_in_both_framings(gateway, certificates, tls):
    with gateway(DEMO) as house:
        client = H1Client(connect_tls(house.https, certificates, ["http/1.1"])) if tls else H1Client.to(house.h2c)
        for size in (1, 500, 4 * KIB, 70 * KIB):
            client.request("POST", "/echo", BODY[:size])
            reply = client.answer()
            assert (reply.status, reply.body == BODY[:size], reply.whole) == (200, True, True)
            client.request("POST", "/echo", [BODY[i:min(i + 777, size)] for i in range(0, size, 777)])
            assert client.answer().body == BODY[:size]
        client.close()


def test_a_request_split_at_every_byte_gives_the_same_answer(gateway):
    """Each half in a packet of its own, as far as the kernel lets us."""
    request = (b"POST http://a/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
               b"5;x=y\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n")
    with gateway(DEMO) as house:
        client = H1Client.to(house.h2c)
        client.sock.setsockopt(6, 1, 1)  # TCP_NODELAY
        seen = set()
        for cut in range(1, len(request)):
            client.send(request[:cut])
            client.send(request[cut:])
            reply = client.answer()
            seen.add((reply.status, reply.body, tuple(reply.trailers)))
        assert seen == {(200, b"hello", (("x-sum", "1"),))}
        client.close()


def test_trailers_and_every_interim_answer_pass(gateway):
    def serve(connection):
        while request := connection.read_request():
            connection.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </b>\r\n\r\n")
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"
                            f"X-Sum: {dict(request.trailers)['x-check']}\r\n\r\n")
    with H1Backend(serve) as behind, gateway(cluster("app", "http/1.1", behind.address)) as house:
        client = H1Client.to(house.h2c)
        for _ in range(2):
            client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Check: 7\r\n\r\n")
            reply = client.answer()
            assert [dict(fields)["link"] for _, fields in reply.interim] == ["</a>", "</b>"]
            assert (reply.body, reply.trailers) == (b"ok", [("x-sum", "7")])
        client.close()


@pytest.mark.parametrize("path", ["/app/", "/demo/echo"])
def test_100_continue_comes_before_the_body_is_sent(gateway, path):
    def serve(connection):
        request = connection.read_head()
        connection.send("HTTP/1.1 100 Continue\r\n\r\n")
        connection.answer(connection.read_body(request).body)
    with H1Backend(serve) as behind, gateway(cluster("app", "http/1.1", behind.address), DEMO | {"name": "demo"},
                                             routes=[{"cluster": "app"}, {"cluster": "demo", "path": "/echo"}]) as house:
        client = H1Client.to(house.h2c)
        path = "/echo" if "demo" in path else "/"
        client.send(f"POST {path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        assert client.read_head().status == 100
        client.send("hello")
        assert client.answer().body == b"hello"
        client.close()


def test_a_client_in_http_1_0_gets_what_it_understands(gateway):
    def serve(connection):
        while connection.read_request():
            connection.send("HTTP/1.1 103 Early Hints\r\n\r\n"
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
    with H1Backend(serve) as behind, gateway(cluster("app", "http/1.1", behind.address)) as house:
        client = H1Client.to(house.h2c)
        client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        reply = client.answer()
        assert (reply.status, reply.body, reply.interim) == (200, b"hello", [])
        assert reply.field("connection") == "close" and reply.field("transfer-encoding") is None
        assert client.ended()
        client.close()


def test_http_1_0_keeps_a_connection_only_if_asked_to(gateway):
    with gateway(DEMO) as house:
        client = H1Client.to(house.h2c)
        client.send("GET /bytes/5 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        reply = client.answer()
        assert len(reply.body) == 5 and reply.field("connection") == "keep-alive"
        client.send("GET /bytes/5 HTTP/1.0\r\n\r\n")
        assert client.answer().field("connection") == "close" and client.ended()
        client.close()


@pytest.mark.parametrize("path, expected", [("/bytes/1000", "1000"), ("/status/304", None), ("/status/204", None)])
def test_head_and_bodyless_answers_leave_the_connection_in_step(gateway, path, expected):
    with gateway(DEMO) as house:
        client = H1Client.to(house.h2c)
        method = "HEAD" if expected else "GET"
        for _ in range(3):
            assert client.fetch(path, method).field("content-length") == expected
            assert client.fetch("/bytes/10").body == client.fetch("/bytes/10").body
        client.close()


def test_hop_by_hop_fields_are_not_passed_on(gateway):
    with H1Backend() as behind, gateway(cluster("app", "http/1.1", behind.address)) as house:
        client = H1Client.to(house.h2c)
        told = json.loads(client.fetch("http://other:81/x?y", fields=(
            "Connection: upgrade, x-mine, TE\r\nUpgrade: other\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\nTE: gzip, trailers\r\n"
            "X-Mine: 1\r\nX-Yours: 2\r\nHTTP2-Settings: AAAA\r\n")).body)
        fields = dict(told["fields"])
        assert told["line"] == "GET /x?y HTTP/1.1" and fields["host"] == "other:81"
        assert fields["te"] == "trailers" and fields["x-yours"] == "2" and fields["via"] == "1.1 gateway"
        assert not {"upgrade", "keep-alive", "proxy-connection", "x-mine", "http2-settings"} & set(fields)
        client.close()


def test_an_early_answer_arrives_and_the_connection_ends(gateway):
    def serve(connection):
        connection.read_head()
        connection.answer(b"too large", "413 Content Too Large", "Connection: close\r\n")
    with H1Backend(serve) as behind, gateway(cluster("app", "http/1.1", behind.address)) as house:
        client = H1Client.to(house.h2c)
        client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 40000000\r\n\r\n" + "x" * 3000)
        reply = client.answer()
        assert (reply.status, reply.body) == (413, b"too large")
        assert client.ended()
        client.close()


def test_an_answer_that_is_cut_short_does_not_look_whole(gateway):
    def serve(connection):
        connection.read_request()
        connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
    with H1Backend(serve) as behind, gateway(cluster("app", "http/1.1", behind.address)) as house:
        client = H1Client.to(house.h2c)
        reply = client.fetch("/")
        assert reply.status == 200 and not reply.whole
        client.close()


def test_a_cut_upload_is_not_forwarded_as_whole(gateway):
    seen = []

    def serve(connection):
        request = connection.read_head()
        seen.append(connection.file.read())
    with H1Backend(serve) as behind, gateway(cluster("app", "http/1.1", behind.address)) as house:
        client = H1Client.to(house.h2c)
        client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        wait_until(behind.requests, "the request behind")
        client.close()
        wait_until(lambda: seen, "the connection behind ends")
        assert b"\r\n0\r\n" not in seen[0]
        line = house.wait_for_access(lambda line: line["status"] == 0)
        assert line["end"] not in ("", "complete")


def test_a_client_that_goes_takes_its_request_with_it(gateway):
    gone = []

    def serve(connection):
        connection.read_request()
        gone.append(connection.closed_by_peer())
    with H1Backend(serve) as behind, gateway(cluster("app", "http/1.1", behind.address)) as house:
        client = H1Client.to(house.h2c)
        client.request("GET", "/")
        wait_until(behind.requests, "the request behind")
        client.close()
        wait_until(lambda: gone, "the connection behind ends")
        assert gone == [True]


@pytest.mark.parametrize("protocols, alpn, cleartext", [
    (["h2"], "h2", 505), (["http/1.1"], "http/1.1", 200), (["h2", "http/1.1"], "h2", 200)])
def test_a_listener_speaks_what_it_is_told(gateway, certificates, protocols, alpn, cleartext):
    with gateway(DEMO, listener={"protocols": protocols}) as house:
        sock = connect_tls(house.https, certificates, ["h2", "http/1.1"])
        assert sock.selected_alpn_protocol() == alpn
        sock.close()
        client = H1Client.to(house.h2c)
        assert client.fetch("/").status == cleartext
        client.close()
        told = house.curl_cleartext("/", "--http2-prior-knowledge")
        assert (told.status == 200) == ("h2" in protocols)


def test_idle_and_slow_clients_are_let_go_in_time(gateway):
    with gateway(DEMO, timeouts={"request_header": "1s", "connection_idle": "2s"}) as house:
        silent, begun, idle = H1Client.to(house.h2c), H1Client.to(house.h2c), H1Client.to(house.h2c)
        begun.send("GET / HTT")
        assert idle.fetch("/").status == 200
        assert begun.answer().status == 408 and begun.ended()
        assert silent.ended() and idle.ended()
        assert house.metric_sum('timeouts_total.*"request_header"') == 2
        for client in (silent, begun, idle):
            client.close()


def test_a_drain_answers_what_has_begun_and_closes(gateway):
    with gateway(DEMO) as house:
        busy, idle = H1Client.to(house.h2c), H1Client.to(house.h2c)
        assert idle.fetch("/").status == 200
        busy.request("GET", "/delay/500")
        wait_until(lambda: house.metric_sum("^gateway_exchanges_active") >= 2, "the request")
        house.signal(15)
        assert idle.ended()
        reply = busy.answer()
        assert reply.status == 200 and reply.field("connection") == "close" and busy.ended()
        assert house.wait(5) == 0


def test_the_streams_page_shows_an_http_1_1_client(gateway):
    with gateway(DEMO) as house:
        client = H1Client.to(house.h2c)
        client.request("POST", "/echo", fields="Transfer-Encoding: chunked\r\n")

        def shown():
            page = json.loads(house.ask_admin("/streams").body)
            return [stream for stream in page["by_memory"] if stream["path"] == "/echo"]
        stream, = wait_until(shown, "the stream on the page")
        assert stream["stream"] == 1 and stream["method"] == "POST"
        client.close()


def test_a_refused_request_leaves_nothing_behind(gateway):
    with gateway(DEMO, memory={"budget": "2MiB", "blocks": 64}) as house:
        sock = connect(house.h2c)
        sock.sendall(b"GET / HTTP/1.1\r\n" + b"X-A: " + b"y" * 70000)
        assert b" 431 " in read_all(sock).split(b"\r\n")[0]
        sock.close()
