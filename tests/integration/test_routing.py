"""Requests reach the cluster that their host and path name, as what they are, and nothing that could become two messages."""

import json

import pytest

from support.gateway import cluster, route
from support.h1_backend import H1Backend
from support.h2_backend import H2Backend
from support.h2_client import H2Client, connect_tls, frame


def named(name):
    """A backend that answers with its name."""
    def serve(connection):
        while connection.read_request():
            connection.answer(name.encode())
    return H1Backend(serve)


@pytest.fixture(scope="module")
def names():
    servers = {name: named(name) for name in ("exact", "wildcard", "any", "api", "users")}
    yield servers
    for server in servers.values():
        server.__exit__()


@pytest.mark.parametrize("host, path, expected", [
    ("app.example", "/", "exact"),
    ("APP.example", "/", "exact"),
    ("app.example:8443", "/", "exact"),
    ("a.example", "/", "wildcard"),
    ("a.b.example", "/", "wildcard"),
    ("example", "/any", "any"),
    ("other", "/any/", "any"),
    ("other", "/any/api", "api"),
    ("other", "/any/api/users/7?q=/any", "users"),
    ("other", "/any/api/use", "api"),
    ("other", "/any/apis", "any"),
    ("other", "/", 404),
    ("other", "/an", 404),
])
def test_the_most_specific_route_is_taken(gateway, certificates, names, host, path, expected):
    clusters = [cluster(name, "http/1.1", server.address) for name, server in names.items()]
    routes = [route("any", "/any"), route("users", "/any/api/users"), route("api", "/any/api"),
              route("wildcard", "/", "*.example"), route("exact", "/", "app.example")]
    with gateway(*clusters, routes=routes, workers=1) as house:
        client = H2Client(connect_tls(house.https, certificates), authority=host)
        reply = client.fetch(path)
        assert (reply.status if isinstance(expected, int) else reply.body.decode()) == expected
        client.close()


def test_what_the_backend_sees(gateway, certificates):
    with H1Backend() as behind, gateway(cluster("app", "http/1.1", behind.address)) as house:
        client = H2Client(connect_tls(house.https, certificates), authority="app.example:8443")
        fields = [("te", "trailers"), ("x-mine", "1"), ("cookie", "a=1"), ("cookie", "b=2"),
                  ("x-forwarded-for", "198.51.100.1"), ("x-forwarded-proto", "forged"), ("via", "1.0 earlier")]
        told = json.loads(client.fetch("/path?query=1", *fields).body)
        seen = dict(told["fields"])
        assert told["line"] == "GET /path?query=1 HTTP/1.1"
        assert seen["host"] == "app.example:8443" and seen["x-mine"] == "1"
        assert seen["cookie"] == "a=1; b=2"
        assert seen["x-forwarded-for"] == "198.51.100.1, 127.0.0.1"
        assert seen["x-forwarded-proto"] == "https" and seen["x-forwarded-host"] == "app.example:8443"
        assert "proto=https" in seen["forwarded"] and "for=127.0.0.1" in seen["forwarded"]
        via = ", ".join(value for name, value in told["fields"] if name == "via")
        assert via.startswith("1.0 earlier, 2")
        assert not any(name.startswith(":") for name in seen)
        client.close()


def test_hop_by_hop_fields_of_an_answer_stay_behind(gateway):
    fields = ("Connection: x-hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nUpgrade: h2c\r\n"
              "Proxy-Connection: x\r\nX-End: 1\r\nServer: behind\r\n")

    def serve(connection):
        while connection.read_request():
            connection.answer(b"", fields=fields)
    with H1Backend(serve) as behind, gateway(cluster("app", "http/1.1", behind.address)) as house:
        reply = house.curl("/")
        assert reply.status == 200 and reply.header("x-end") == "1" and reply.header("server") == "behind"
        assert "1.1" in reply.header("via")
        for name in ("connection", "x-hop", "keep-alive", "upgrade", "proxy-connection"):
            assert reply.header(name) is None


def test_the_h2_backend_sees_pseudo_fields_that_fit(gateway, certificates):
    with H2Backend() as behind, gateway(cluster("app", "h2", behind.address)) as house:
        client = H2Client(connect_tls(house.https, certificates), authority="app.example")
        head = json.loads(client.fetch("/path?query", ("x-mine", "1")).body)["head"]
        seen = dict(head)
        assert (seen[":method"], seen[":path"], seen[":authority"]) == ("GET", "/path?query", "app.example")
        assert seen["x-mine"] == "1" and "host" not in seen
        assert [name.startswith(":") for name, _ in head] == sorted((n.startswith(":") for n, _ in head), reverse=True)
        client.close()


GOOD = [(":method", "POST"), (":scheme", "https"), (":authority", "localhost"), (":path", "/")]


def with_path(path):
    return [*GOOD[:3], (":path", path)]


ATTEMPTS = {
    "CRLF in a value": [*GOOD, ("x", "a\r\nInjected: 1")],
    "LF in a value": [*GOOD, ("x", "a\nInjected: 1")],
    "NUL in a value": [*GOOD, ("x", "a\0b")],
    "CRLF in a name": [*GOOD, ("x\r\ninjected", "1")],
    "colon in a name": [*GOOD, ("x:y", "1")],
    "blank in a name": [*GOOD, ("x y", "1")],
    "upper case in a name": [*GOOD, ("X-Upper", "1")],
    "blank in the path": with_path("/ HTTP/1.1"),
    "CRLF in the path": with_path("/\r\nInjected: 1"),
    "a path without a slash": with_path("relative"),
    "an empty path": with_path(""),
    "blank in the method": [(":method", "GET / HTTP/1.1\r\nX: "), *GOOD[1:]],
    "CRLF in the authority": [*GOOD[:2], (":authority", "a\r\nb: c"), GOOD[3]],
    "transfer-encoding": [*GOOD, ("transfer-encoding", "chunked")],
    "connection": [*GOOD, ("connection", "x-forwarded-for")],
    "te gzip": [*GOOD, ("te", "gzip")],
    "two content-lengths": [*GOOD, ("content-length", "5"), ("content-length", "6")],
    "a content-length with a sign": [*GOOD, ("content-length", "+5")],
    "a content-length with a comma": [*GOOD, ("content-length", "5, 5")],
    "host and :authority that differ": [*GOOD, ("host", "other.example")],
    "two hosts": [*GOOD[:2], GOOD[3], ("host", "a"), ("host", "b")],
    "no host at all": [*GOOD[:2], GOOD[3]],
    "a pseudo-field behind a field": [*GOOD[:3], ("x", "1"), GOOD[3]],
    "an unknown pseudo-field": [*GOOD, (":other", "1")],
    "a pseudo-field twice": [*GOOD, (":path", "/other")],
    "CONNECT": [(":method", "CONNECT"), (":authority", "localhost:80")],
}


@pytest.fixture(scope="module")
def watched(tmp_path_factory, certificates):
    """One gateway, and the HTTP/1.1 backend behind it that counts."""
    from support.gateway import Gateway
    with H1Backend() as behind:
        with Gateway(tmp_path_factory.mktemp("gateway"), certificates, [cluster("app", "http/1.1", behind.address)]) as house:
            yield house, behind


@pytest.mark.parametrize("name", ATTEMPTS)
def test_what_could_split_or_mislead_is_not_forwarded(watched, certificates, name):
    house, behind = watched
    before = behind.requests()
    client = H2Client(connect_tls(house.https, certificates))
    block = b"".join(literal(*field) for field in ATTEMPTS[name])
    client.h2.get_next_available_stream_id()
    client.send_headers(1, client.head("GET", "/"), end_stream=True)  # a good one first, so that 3 is next
    assert client.wait(1)[0].status == 200
    client.h2.send_headers(3, client.head("GET", "/unsent"), end_stream=True)
    client.h2.clear_outbound_data_buffer()
    client.send_raw(frame(1, 5, 3, block))
    reply, = client.wait(3)
    assert reply.reset is not None or 400 <= reply.status < 600 and reply.status not in (502, 503, 504)
    assert behind.requests() == before + 1
    client.close()


def literal(name, value):
    """A header field without indexing or Huffman code (RFC 7541 §6.2.2)."""
    def string(text):
        data = text.encode("latin-1")
        assert len(data) < 127
        return bytes([len(data)]) + data
    return b"\x00" + string(name) + string(value)


def test_host_alone_becomes_the_authority(watched, certificates):
    house, _ = watched
    client = H2Client(connect_tls(house.https, certificates))
    stream = client.h2.get_next_available_stream_id()
    fields = [(":method", "GET"), (":scheme", "https"), (":path", "/"), ("host", "only.example")]
    client.send_headers(stream, fields, end_stream=True)
    assert dict(json.loads(client.wait(stream)[0].body)["fields"])["host"] == "only.example"
    client.close()


def test_unknown_routes_say_so(gateway):
    with H1Backend() as behind:
        with gateway(cluster("app", "http/1.1", behind.address), routes=[route("app", "/known")]) as house:
            reply = house.curl("/unknown")
            assert reply.status == 404 and b"404" in reply.body
