"""A backend that dies, hangs or refuses costs its own requests the right status and nothing else."""

import json
import signal
import time

import pytest

from support.environment import PATIENCE, wait_until
from support.gateway import cluster
from support.h1_backend import H1Backend, tell
from support.h2_backend import H2Backend, answer
from support.h2_client import H2Client, connect_tls
from support.peers import Nghttpd, Nginx
from support.process import free_port

REFUSED_STREAM = 7
SERVERS = {"http/1.1": Nginx, "h2": Nghttpd}


@pytest.fixture(params=["http/1.1", "h2"])
def victim(request, tmp_path):
    """A real backend of its own for one test, with a large file and a page."""
    with SERVERS[request.param](tmp_path / "server") as server:
        server.kind = request.param
        (server.files / "large").write_bytes(b"x" * (64 << 20))
        (server.files / "page").write_bytes(b"page")
        yield server


def test_a_backend_killed_in_mid_answer_is_a_reset(gateway, certificates, victim):
    with gateway(cluster("app", victim.kind, victim.address)) as house:
        client = H2Client(connect_tls(house.https, certificates), consume=False)
        stream = client.get("/large")
        client.receive_until(lambda: stream in client.streams and client.streams[stream].body)
        victim.kill()
        client.consume = True
        client.give_back(stream, len(client.streams[stream].body))
        client.flush()
        reply, = client.wait(stream)
        assert (reply.status, reply.ended) == (200, False) and reply.reset not in (None, 0)
        assert house.curl("/page").status in (502, 503)
        victim.start()
        began = time.monotonic()
        wait_until(lambda: house.curl("/page").status == 200, "service after the return", 1)
        assert time.monotonic() - began < PATIENCE
        client.close()


def test_a_stopped_backend_is_504_in_time_and_serves_again_when_it_goes_on(gateway, victim):
    with gateway(cluster("app", victim.kind, victim.address), timeouts={"response_header": "1s"}) as house:
        assert house.curl("/page").status == 200
        victim.signal(signal.SIGSTOP)
        began = time.monotonic()
        reply = house.curl("/page")
        assert reply.status == 504
        assert 0.9 < time.monotonic() - began < 1 + PATIENCE
        victim.signal(signal.SIGCONT)
        wait_until(lambda: house.curl("/page").body == b"page", "service after SIGCONT", 1)


def test_nobody_listens(gateway):
    with gateway(cluster("app", "http/1.1", f"127.0.0.1:{free_port()}")) as house:
        reply = house.curl("/")
        assert reply.status in (502, 503) and reply.body
        house.wait_for_log(r"(?i)refused")


def test_a_connection_that_never_opens_is_given_up(gateway):
    # 192.0.2.0/24 is for documentation: packets to it go nowhere, or are refused at once.
    with gateway(cluster("app", "http/1.1", "192.0.2.1:80"), timeouts={"connect": "1s"}) as house:
        began = time.monotonic()
        assert house.curl("/").status in (502, 503, 504)
        assert time.monotonic() - began < 2 + PATIENCE


def test_a_name_that_does_not_resolve_is_503_or_502(gateway):
    with gateway(cluster("app", "http/1.1", "nowhere.invalid:80")) as house:
        assert house.curl("/").status in (502, 503)


def test_the_other_endpoint_serves_while_one_is_down(gateway):
    with H1Backend() as alive:
        with gateway(cluster("app", "http/1.1", f"127.0.0.1:{free_port()}", alive.address)) as house:
            assert [house.curl("/").status for _ in range(6)] == [200] * 6


def closes_its_second_request(connection):
    """As a server does whose keep-alive time ends at the wrong moment."""
    if connection.read_request():
        connection.answer(str(connection.number).encode())
    connection.read_head()


def test_a_reused_connection_that_was_closed_is_retried_once(gateway):
    with H1Backend(closes_its_second_request) as behind:
        with gateway(cluster("app", "http/1.1", behind.address), workers=1) as house:
            assert [house.curl("/").body for _ in range(3)] == [b"1", b"2", b"3"]
        assert behind.requests() == 5


def test_a_connection_reset_while_idle_costs_nothing(gateway):
    def serve(connection):
        connection.read_request()
        connection.answer(b"whole")
        connection.reset()
    with H1Backend(serve) as behind, gateway(cluster("app", "http/1.1", behind.address), workers=1) as house:
        assert [house.curl("/").status for _ in range(5)] == [200] * 5


def test_a_request_whose_body_has_left_is_not_repeated(gateway, certificates):
    bodies = []

    def serve(connection):
        connection.read_request()
        connection.answer(b"first")
        if request := connection.read_request():
            bodies.append(request.body)
    with H1Backend(serve) as behind, gateway(cluster("app", "http/1.1", behind.address), workers=1) as house:
        assert house.curl("/").status == 200
        assert house.curl("/", "--data-binary", "x" * 100000).status == 502
        assert len(bodies) == 1 and len(behind.connections) == 1


def test_a_backend_that_always_closes_is_not_tried_for_ever(gateway):
    with H1Backend(lambda connection: connection.read_request()) as behind:
        with gateway(cluster("app", "http/1.1", behind.address)) as house:
            assert house.curl("/").status == 502
        assert behind.requests() <= 2


def test_a_backend_that_talks_nonsense_is_502(gateway):
    def serve(connection):
        connection.read_request()
        connection.send("220 smtp.example ESMTP\r\n")
    with H1Backend(serve) as behind, gateway(cluster("app", "http/1.1", behind.address)) as house:
        assert house.curl("/").status == 502


@pytest.mark.parametrize("head", [
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "HTTP/1.1 200 OK\r\nX: " + "y" * 100000 + "\r\n\r\n",
])
def test_a_head_that_can_be_read_two_ways_is_502(gateway, head):
    def serve(connection):
        connection.read_request()
        connection.send(head)
    with H1Backend(serve) as behind, gateway(cluster("app", "http/1.1", behind.address)) as house:
        assert house.curl("/").status == 502


def test_a_refused_stream_is_retried_once(gateway):
    def refuse_first(connection, stream, ended):
        if behind.requests() == 1:
            connection.reset(stream.id, REFUSED_STREAM)
        else:
            answer(connection, stream, body=b"second")
    with H2Backend(refuse_first, on_end=lambda *_: None) as behind:
        with gateway(cluster("app", "h2", behind.address)) as house:
            assert house.curl("/").body == b"second"
            assert house.metric_sum("gateway_retries") == 1
        assert behind.requests() == 2


def test_a_backend_that_always_refuses_is_asked_twice(gateway):
    with H2Backend(lambda connection, stream, ended: connection.reset(stream.id, REFUSED_STREAM),
                   on_end=lambda *_: None) as behind:
        with gateway(cluster("app", "h2", behind.address)) as house:
            assert house.curl("/").status in (502, 503)
        assert behind.requests() == 2


def test_a_request_above_the_goaways_last_id_goes_to_another_connection(gateway):
    def leave(connection, stream, ended):
        if connection.number == 1:
            connection.send_goaway(0)
        else:
            answer(connection, stream, body=b"elsewhere")
    with H2Backend(leave, on_end=lambda *_: None) as behind:
        with gateway(cluster("app", "h2", behind.address), workers=1) as house:
            assert house.curl("/").body == b"elsewhere"


def test_streams_below_the_goaways_last_id_finish_and_new_ones_go_elsewhere(gateway, certificates):
    def leave(connection, stream, ended):
        if connection.number == 1:
            first.append((connection, stream))
            connection.send_goaway(stream.id)  # first: who sees the head may ask for more
            connection.send_headers(stream.id, [(":status", "200")])
        else:
            answer(connection, stream)
    first = []
    with H2Backend(leave, on_end=lambda *_: None) as behind:
        with gateway(cluster("app", "h2", behind.address), workers=1) as house:
            client = H2Client(connect_tls(house.https, certificates))
            slow = client.get("/slow")
            client.receive_until(lambda: slow in client.streams and client.streams[slow].head)
            assert json.loads(client.fetch("/new").body)["connection"] == 2
            connection, stream = first[0]
            connection.send_body(stream.id, b"finished")
            reply, = client.wait(slow)
            assert (reply.ended, reply.body) == (True, b"finished")
            client.close()


def test_a_connection_behind_that_breaks_fails_only_its_streams(gateway, certificates):
    def serve(connection):
        if connection.number == 1:
            connection.read_request()
            connection.reset()
        else:
            tell(connection)
    with H1Backend(serve) as behind, gateway(cluster("app", "http/1.1", behind.address)) as house:
        client = H2Client(connect_tls(house.https, certificates))
        assert client.fetch("/").status == 502
        assert client.fetch("/").status == 200
        client.close()
