"""What two servers could read differently is refused, and the backend's raw bytes show that nothing of it went on."""

import json

import pytest

from support.environment import wait_until
from support.gateway import cluster
from support.h1_backend import H1Backend
from support.h1_client import H1Client
from support.h2_client import connect, connect_tls, read_all

HOST = "Host: a\r\n"
CHUNKED = HOST + "Transfer-Encoding: chunked\r\n"
SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"

HEADS = [
    "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    "Content-Length: 5\r\nContent-Length: 6\r\n", "Content-Length: 5\r\nContent-Length: 5\r\n", "Content-Length: 5, 5\r\n",
    "Content-Length: 5,6\r\n", "Content-Length: +5\r\n", "Content-Length: -5\r\n", "Content-Length: 0x5\r\n",
    "Content-Length: 5 5\r\n", "Content-Length: \r\n", "Content-Length: 18446744073709551621\r\n", "Content-Length : 5\r\n",
    "Content-Length\t: 5\r\n", " Content-Length: 5\r\n", "Transfer-Encoding: gzip\r\n", "Transfer-Encoding: gzip, chunked\r\n",
    "Transfer-Encoding: chunked, gzip\r\n", "Transfer-Encoding: identity\r\n", "Transfer-Encoding: xchunked\r\n",
    "Transfer-Encoding: chunked;q=1\r\n", 'Transfer-Encoding: "chunked"\r\n', "Transfer-Encoding: \x0bchunked\r\n",
    "Transfer-Encoding:\r\n", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n", "Transfer-Encoding : chunked\r\n",
    "Transfer-Encoding\x00: chunked\r\n", "Transfer-Encoding: chunked\n", "X: y\r\n Transfer-Encoding: chunked\r\n",
    "X: y\r\n\tz\r\n", "X: y\rTransfer-Encoding: chunked\r\n", "X: y\r\r\n", "X: y\nContent-Length: 5\r\n", "X: \x00\r\n",
    "X: \x01\r\n", "X: \x7f\r\n", "X Y: z\r\n", ": z\r\n", "no colon\r\n", ":path: /smuggled\r\n", "Host: a\r\n", "host: b\r\n",
]
LINES = [
    "POST  / HTTP/1.1", "POST /  HTTP/1.1", "POST\t/ HTTP/1.1", " POST / HTTP/1.1", "POST / HTTP/1.1 ", "POST /", "POST / HTTP/1.2",
    "POST / HTTP/2.0", "POST / http/1.1", "POST / RTSP/1.0", "post / HTTP/1.1", "NONSENSE / HTTP/1.1", "POST a HTTP/1.1",
    "POST ftp://a/ HTTP/1.1", "POST http:///x HTTP/1.1", "POST http://u@a/ HTTP/1.1", "POST /a b HTTP/1.1", "POST /\x01 HTTP/1.1",
    "POST /#x HTTP/1.1", "CONNECT a:80 HTTP/1.1", "POST * HTTP/1.1", "PRI * HTTP/2.0",
]
HOSTS = ["", "Host: \r\n", "Host: a b\r\n", "Host: a/b\r\n", "Host: u@a\r\n", "Host: a,b\r\n, Host: c\r\n"]
CHUNKS = [
    "\r\n", "x\r\n", "-5\r\nhello\r\n", "0x5\r\nhello\r\n", "+5\r\nhello\r\n", " 5\r\nhello\r\n", "5\nhello\r\n", "5\r\nhelloX\r\n",
    "5\r\nhello\n0\r\n\r\n", "5;a\rb\r\nhello\r\n", "5;a\nb\r\nhello\r\n", "10000000000000005\r\nhello\r\n", "0\r\nX: y\nZ: w\r\n\r\n",
    "0\r\n X: y\r\n\r\n", "0\nX: y\r\n\r\n", "5;" + "x" * 3000,
]
CASES = [*(f"POST / HTTP/1.1\r\n{HOST}{head}\r\n0\r\n\r\n{SMUGGLED}" for head in HEADS),
         *(f"{line}\r\n{HOST}Content-Length: 0\r\n\r\n{SMUGGLED}" for line in LINES),
         *(f"POST / HTTP/1.1\r\n{host}Content-Length: 0\r\n\r\n{SMUGGLED}" for host in HOSTS),
         *(f"POST / HTTP/1.1\r\n{CHUNKED}\r\n{chunks}{SMUGGLED}" for chunks in CHUNKS)]


class RawBackend(H1Backend):
    """Keeps every byte that comes; answers nothing."""

    def __init__(self):
        self.received = b""
        super().__init__(self._read)

    def _read(self, connection):
        while data := connection.sock.recv(65536):
            self.received += data


@pytest.mark.parametrize("tls", [False, True])
def test_each_malformed_request_is_refused_and_nothing_of_it_is_forwarded(gateway, certificates, tls):
    assert len(CASES) > 80
    with RawBackend() as behind, gateway(cluster("app", "http/1.1", behind.address),
                                      limits={"max_header_bytes": "2KiB"}) as house:
        for case in CASES:
            sock = connect_tls(house.https, certificates, ["http/1.1"]) if tls else connect(house.h2c)
            sock.sendall(case.encode("latin-1"))
            answers = read_all(sock)  # until the gateway closes
            sock.close()
            assert answers[:13] in (b"HTTP/1.1 400 ", b"HTTP/1.1 431 ", b"HTTP/1.1 501 ", b"HTTP/1.1 505 "), (case[:200], answers)
            assert answers.count(b"HTTP/1.1 ") == 1 and b"connection: close" in answers, (case[:200], answers)
        assert behind.received == b""
        assert house.metric_sum("^gateway_exchanges_active") <= 1  # the page's own
        def all_logged():
            return sum(line["status"] in (400, 431, 501, 505) for line in house.access_log()) == len(CASES)
        wait_until(all_logged, "a line for each of them")


def test_a_malformed_request_behind_a_good_one_is_refused_after_its_answer(gateway):
    with H1Backend() as behind, gateway(cluster("app", "http/1.1", behind.address)) as house:
        client = H1Client.to(house.h2c)
        client.send(f"GET /good HTTP/1.1\r\n{HOST}\r\nGET /bad HTTP/1.1\r\n\r\n{SMUGGLED}")
        assert client.answer().status == 200
        assert client.answer().status == 400 and client.ended()
        assert behind.requests() == 1
        client.close()


@pytest.mark.parametrize("settings", ["AAIAAAAC", "AAMAAAB", "!", "AAMAAABk="])
def test_a_broken_h2c_upgrade_is_refused(gateway, settings):
    with RawBackend() as behind, gateway(cluster("app", "http/1.1", behind.address)) as house:
        client = H1Client.to(house.h2c)
        client.send(f"GET / HTTP/1.1\r\n{HOST}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                    f"HTTP2-Settings: {settings}\r\n\r\n")
        assert client.answer().status == 400 and client.ended()
        assert behind.received == b""
        client.close()


@pytest.mark.parametrize("fields", [
    "Upgrade: h2c\r\nConnection: Upgrade\r\nHTTP2-Settings: \r\n",
    "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n",
    "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: \r\nHTTP2-Settings: \r\n",
    "Upgrade: h2c, other\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: \r\nContent-Length: 2\r\n\r\nok",
])
def test_an_upgrade_that_is_not_asked_for_properly_is_never_passed_on(gateway, fields):
    with H1Backend() as behind, gateway(cluster("app", "http/1.1", behind.address)) as house:
        client = H1Client.to(house.h2c)
        client.send(f"POST / HTTP/1.1\r\n{HOST}{fields}" + ("" if fields.endswith("ok") else "\r\n"))
        reply = client.answer()
        assert reply.status == 200
        assert not {"upgrade", "http2-settings"} & {name for name, _ in json.loads(reply.body)["fields"]}
        client.close()
