"""Bodies pass whole, in both directions and within the memory that was given, and one that was cut short never looks whole."""

import hashlib
import json
import subprocess
import threading

import pytest

from support.environment import PATIENCE, SANITIZED, scaled, wait_until
from support.gateway import cluster
from support.h1_backend import H1Backend
from support.h2_backend import H2Backend, answer
from support.h2_client import H2Client, connect_tls, frame, read_all
from support.peers import Nghttpd, Nginx

MIB = 1 << 20


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A file that no block boundary divides evenly."""
    path = tmp_path_factory.mktemp("large") / "file"
    piece = hashlib.sha512(b"seed").digest() * 16384
    with open(path, "wb") as file:
        for number in range(scaled(64, 16)):
            file.write(number.to_bytes(8, "big") + piece[8:])
        file.write(b"the odd end")
    return path


@pytest.mark.parametrize("kind", ["http/1.1", "h2", "h2 over TLS"])
def test_a_large_body_is_identical_and_memory_stays_small(gateway, tmp_path, certificates, large, kind):
    secure = {"tls": {"ca": certificates.ca, "server_name": "localhost"}} if "TLS" in kind else {}
    made = Nginx(tmp_path / "server") if kind == "http/1.1" else Nghttpd(tmp_path / "server", secure and certificates)
    with made as server:
        (server.files / "large").symlink_to(large)
        with gateway(cluster("app", kind.split()[0], server.address, **secure), memory={"blocks": 64}) as house:
            down, up = tmp_path / "down", tmp_path / "up"
            assert house.curl("/large", output=down, timeout=60).status == 200
            assert sha256(down) == sha256(large)
            if kind == "http/1.1":
                assert house.curl("/up/file", "--upload-file", large, timeout=60).status == 201
                up = server.files / "up" / "file"
            else:  # nghttpd sends it back
                options = ("--data-binary", f"@{large}")
                assert house.curl("/echo", *options, output=up, timeout=60).status == 200
            assert sha256(up) == sha256(large)
            if not SANITIZED:
                assert house.peak_memory() < 40 * MIB
            assert house.pool()["pool_blocks"] == 64


@pytest.mark.parametrize("path, status", [("/none", 204), ("/same", 304)])
def test_answers_without_a_body_end_with_their_head(gateway, path, status):
    def serve(connection):
        while request := connection.read_request():
            if "/none" in request.line:
                connection.send("HTTP/1.1 204 No Content\r\nX-Count: 1\r\n\r\n")
            else:
                connection.send("HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 5\r\n\r\n")
    with H1Backend(serve) as behind, gateway(cluster("app", "http/1.1", behind.address), workers=1) as house:
        for _ in range(3):
            reply = house.curl(path)
            assert (reply.status, reply.exit_code, reply.body) == (status, 0, b"")
        assert len(behind.connections) == 1, "the connection is kept"


@pytest.mark.parametrize("kind", ["http/1.1", "h2"])
def test_head_has_the_fields_and_no_body(gateway, nginx, nghttpd, kind):
    server = nginx if kind == "http/1.1" else nghttpd
    (server.files / "page").write_bytes(b"x" * 1000)
    with gateway(cluster("app", kind, server.address)) as house:
        reply = house.curl("/page", "--head")
        assert (reply.status, reply.exit_code, reply.header("content-length")) == (200, 0, "1000")
        assert house.curl("/page").body == b"x" * 1000


def test_framings_of_http_1_1_all_arrive_whole(gateway):
    def serve(connection):
        while request := connection.read_request():
            if "chunked" in request.line:
                connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;ext=1\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")
            elif "length" in request.line:
                connection.answer(b"hello world")
            else:
                connection.send("HTTP/1.1 200 OK\r\n\r\nhello world")
                return
    with H1Backend(serve) as behind, gateway(cluster("app", "http/1.1", behind.address)) as house:
        for framing in ("chunked", "length", "closed"):
            reply = house.curl(f"/{framing}")
            assert (reply.status, reply.exit_code, reply.body) == (200, 0, b"hello world")
            assert reply.header("transfer-encoding") is None and reply.header("connection") is None


@pytest.mark.parametrize("head", [
    "Content-Length: 1000\r\n\r\n" + "x" * 600,
    "Transfer-Encoding: chunked\r\n\r\n3e8\r\n" + "x" * 600,
    "Transfer-Encoding: chunked\r\n\r\n258\r\n" + "x" * 600 + "\r\n",
], ids=["content-length", "in a chunk", "between chunks"])
def test_an_answer_cut_short_is_reset_and_never_ended(gateway, certificates, head):
    def serve(connection):
        connection.read_request()
        connection.send("HTTP/1.1 200 OK\r\n" + head)
    with H1Backend(serve) as behind, gateway(cluster("app", "http/1.1", behind.address)) as house:
        client = H2Client(connect_tls(house.https, certificates))
        reply = client.fetch("/")
        assert (reply.status, reply.ended) == (200, False)
        assert reply.reset not in (None, 0)
        house.wait_for_access(lambda line: line["status"] == 200)
        client.close()


def test_a_reset_by_an_h2_backend_is_passed_on(gateway, certificates):
    def start(connection, stream, ended):
        connection.send_headers(stream.id, [(":status", "200")])
        connection.send_body(stream.id, b"half", end=False)
        connection.reset(stream.id, 2)
    with H2Backend(start, on_end=lambda *_: None) as behind, gateway(cluster("app", "h2", behind.address)) as house:
        client = H2Client(connect_tls(house.https, certificates))
        reply = client.fetch("/")
        assert not reply.ended and reply.reset not in (None, 0)
        client.close()


@pytest.mark.parametrize("kind", ["http/1.1", "h2"])
def test_a_reset_by_the_client_reaches_the_backend(gateway, certificates, kind):
    def http1(connection):
        connection.read_head()
        outcome.append(read_all(connection.sock))
    outcome = []
    h1, h2 = H1Backend(http1), H2Backend()
    with h1, h2, gateway(cluster("app", kind, (h1 if kind == "http/1.1" else h2).address)) as house:
        client = H2Client(connect_tls(house.https, certificates))
        stream = client.post("/", b"x" * 100, end=False)
        wait_until(lambda: h1.requests() + h2.requests(), "the request behind")
        client.reset(stream, 8)
        if kind == "http/1.1":
            wait_until(lambda: outcome, "the connection behind ends")
            assert not outcome[0].endswith(b"0\r\n\r\n"), "the cut request looks whole"
        else:
            def was_reset():
                assert not h2.errors
                return any(s.reset is not None for c in list(h2.connections) for s in list(c.streams.values()))
            wait_until(was_reset, "a reset")
        client.close()


def test_trailers_pass_both_ways_over_http_1_1(gateway, certificates):
    def serve(connection):
        while request := connection.read_request():
            told = json.dumps({"trailers": request.trailers, "bytes": len(request.body)})
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n"
                            f"{len(told):x}\r\n{told}\r\n0\r\nX-Sum: 42\r\n\r\n")
    with H1Backend(serve) as behind, gateway(cluster("app", "http/1.1", behind.address)) as house:
        client = H2Client(connect_tls(house.https, certificates))
        reply, = client.wait(client.post("/", b"x" * 50000, trailers=[("x-checksum", "7")]))
        assert json.loads(reply.body) == {"trailers": [["x-checksum", "7"]], "bytes": 50000}
        assert reply.ended and reply.trailers == [("x-sum", "42")]
        client.close()


def test_trailers_pass_both_ways_over_h2(gateway, certificates):
    def end(connection, stream):
        answer(connection, stream, trailers=[("x-sum", "42")])
    with H2Backend(on_end=end) as behind, gateway(cluster("app", "h2", behind.address)) as house:
        client = H2Client(connect_tls(house.https, certificates))
        reply, = client.wait(client.post("/", b"x" * 50000, trailers=[("x-checksum", "7")]))
        told = json.loads(reply.body)
        assert (told["trailers"], told["bytes"]) == ([["x-checksum", "7"]], 50000)
        assert reply.trailers == [("x-sum", "42")]
        client.close()


@pytest.mark.parametrize("kind", ["http/1.1", "h2"])
def test_every_interim_answer_is_passed_on(gateway, certificates, kind):
    def http1(connection):
        connection.read_request()
        connection.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </b>\r\n\r\n")
        connection.answer(b"done")

    def http2(connection, stream):
        for link in ("</a>", "</b>"):
            connection.send_headers(stream.id, [(":status", "103"), ("link", link)])
        answer(connection, stream, body=b"done")
    h1, h2 = H1Backend(http1), H2Backend(on_end=http2)
    with h1, h2, gateway(cluster("app", kind, (h1 if kind == "http/1.1" else h2).address)) as house:
        client = H2Client(connect_tls(house.https, certificates))
        reply = client.fetch("/")
        assert [dict(head)["link"] for head in reply.interim] == ["</a>", "</b>"]
        assert (reply.status, bytes(reply.body)) == (200, b"done")
        client.close()


@pytest.mark.parametrize("kind", ["http/1.1", "h2"])
def test_early_hints_come_before_the_backend_has_its_answer(gateway, certificates, kind):
    """Thirty of them, and the answer only once the client has seen them all."""
    seen = threading.Event()
    hints = [f"</{number}>" for number in range(30)]

    def http1(connection):
        connection.read_request()
        connection.send("".join(f"HTTP/1.1 103 Early Hints\r\nLink: {hint}\r\n\r\n" for hint in hints))
        assert seen.wait(10 * PATIENCE)
        connection.answer(b"done")

    def http2(connection, stream):
        for hint in hints:
            connection.send_headers(stream.id, [(":status", "103"), ("link", hint)])
        assert seen.wait(10 * PATIENCE)
        answer(connection, stream, body=b"done")
    h1, h2 = H1Backend(http1), H2Backend(on_end=http2)
    with h1, h2, gateway(cluster("app", kind, (h1 if kind == "http/1.1" else h2).address)) as house:
        client = H2Client(connect_tls(house.https, certificates))
        stream = client.get("/")
        client.receive_until(lambda: stream in client.streams and len(client.streams[stream].interim) == len(hints))
        assert [dict(head)["link"] for head in client.streams[stream].interim] == hints
        assert client.streams[stream].head is None
        seen.set()
        reply, = client.wait(stream)
        assert (reply.status, bytes(reply.body)) == (200, b"done")
        client.close()


def test_100_continue_comes_before_the_body_is_sent(gateway, certificates):
    def serve(connection):
        request = connection.read_head()
        connection.send("HTTP/1.1 100 Continue\r\n\r\n")
        connection.read_body(request)
        connection.answer(str(len(request.body)).encode())
    with H1Backend(serve) as behind, gateway(cluster("app", "http/1.1", behind.address)) as house:
        client = H2Client(connect_tls(house.https, certificates))
        stream = client.post("/", b"", ("expect", "100-continue"), end=False)
        client.receive_until(lambda: stream in client.streams and client.streams[stream].interim)
        assert (":status", "100") in client.streams[stream].interim[0]
        client.send_body(stream, b"x" * 1000)
        assert bytes(client.wait(stream)[0].body) == b"1000"
        client.close()


@pytest.mark.parametrize("kind", ["http/1.1", "h2"])
def test_an_early_answer_arrives_while_the_body_still_flows(gateway, certificates, kind):
    def http1(connection):
        connection.read_head()
        connection.answer(b"too large", "413 Content Too Large", "Connection: close\r\n")

    def http2(connection, stream, ended):
        answer(connection, stream, 413, b"too large")
    h1, h2 = H1Backend(http1), H2Backend(http2, on_end=lambda *_: None, consume=False)
    with h1, h2, gateway(cluster("app", kind, (h1 if kind == "http/1.1" else h2).address)) as house:
        client = H2Client(connect_tls(house.https, certificates))
        stream = client.post("/", b"x" * 4 * MIB)
        reply, = client.wait(stream)
        assert (reply.status, bytes(reply.body)) == (413, b"too large")
        assert reply.ended
        client.close()


def test_nghttp_gets_an_early_answer_too(gateway, large):
    """Not curl: 7.88 fails when RST_STREAM(NO_ERROR) is in the same read as the answer (from nghttpx as well)."""
    def serve(connection):
        connection.read_head()
        connection.answer(b"too large", "413 Content Too Large", "Connection: close\r\n")
    with H1Backend(serve) as behind, gateway(cluster("app", "http/1.1", behind.address)) as house:
        told = subprocess.run(["nghttp", "-v", "-d", large, f"https://{house.https}/"], capture_output=True, timeout=60).stdout
        assert b":status: 413" in told and b"too large" in told


@pytest.mark.parametrize("announced, sent", [(10, 5), (5, 10)])
def test_a_request_that_breaks_its_content_length_is_not_forwarded_as_whole(gateway, certificates, announced, sent):
    seen = []

    def serve(connection):
        request = connection.read_request()
        if request and len(request.body) == int(request.field("content-length") or -1):
            seen.append(request)
        connection.answer(b"")
    with H1Backend(serve) as behind, gateway(cluster("app", "http/1.1", behind.address)) as house:
        client = H2Client(connect_tls(house.https, certificates))
        stream = client.h2.get_next_available_stream_id()
        client.send_headers(stream, client.head("POST", "/", ("content-length", str(announced))))
        client.send_raw(frame(0, 1, stream, b"x" * sent))
        reply, = client.wait(stream)
        assert reply.reset is not None or reply.status == 400
        assert not seen
        client.close()
