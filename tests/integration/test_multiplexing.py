"""Streams of many clients share few connections to an h2 backend, within what it allows, and spread over endpoints."""

import collections
import contextlib
import json

import pytest

from support.curl import H2Load
from support.environment import wait_until
from support.gateway import cluster
from support.h1_backend import H1Backend
from support.h2_backend import H2Backend, answer
from support.h2_client import H2Client, connect_tls
from support.peers import Nghttpd


def clients(house, certificates, count):
    return [H2Client(connect_tls(house.https, certificates)) for _ in range(count)]


def test_many_clients_share_few_connections(gateway, certificates):
    held = []

    def hold(connection, stream):
        held.append((connection, stream))
        if len(held) == 100:
            for other, waiting in held:
                answer(other, waiting, body=b"together")
    with H2Backend(on_end=hold) as behind, gateway(cluster("app", "h2", behind.address), workers=1) as house:
        crowd = clients(house, certificates, 20)
        streams = [[client.get("/") for _ in range(5)] for client in crowd]
        for client, own in zip(crowd, streams):
            assert {bytes(reply.body) for reply in client.wait(*own)} == {b"together"}
            client.close()
        assert len(behind.connections) <= 2, "100 requests at once"


def test_the_backends_limit_is_kept_and_more_connections_are_opened(gateway, certificates):
    with H2Backend(on_end=lambda *_: None, max_streams=1) as behind:
        with gateway(cluster("app", "h2", behind.address, max_connections=4), workers=1) as house:
            client, = clients(house, certificates, 1)
            streams = [client.get("/") for _ in range(10)]
            wait_until(lambda: behind.requests() >= 4, "four requests")
            answered = set()
            def answer_those_that_came():
                for connection in list(behind.connections):
                    for stream in list(connection.streams.values()):
                        if stream.ended and (connection.number, stream.id) not in answered:
                            answered.add((connection.number, stream.id))
                            answer(connection, stream, body=b"x")
                return len(answered) == 10
            assert len(behind.connections) == 4
            wait_until(answer_those_that_came, "all ten came")
            assert all(reply.status == 200 for reply in client.wait(*streams))
            client.close()
        assert behind.most_streams == 1 and len(behind.connections) == 4


def test_a_burst_onto_a_cold_backend_that_takes_one_stream_at_a_time(gateway, tmp_path):
    with Nghttpd(tmp_path / "server", options=["--max-concurrent-streams=1"]) as server:
        (server.files / "page").write_bytes(b"x" * 1000)
        with gateway(cluster("app", "h2", server.address)) as house:
            H2Load(f"https://{house.https}/page", 200, 4, 50).expect_all_2xx()


def test_one_slow_stream_does_not_hold_up_its_neighbours(gateway, certificates):
    def serve(connection, stream):
        if stream.field(":path") == "/slow":
            connection.send_headers(stream.id, [(":status", "200")])
            connection.send_body(stream.id, b"x" * (8 << 20))
        else:
            answer(connection, stream, body=b"quick")
    with H2Backend(on_end=serve) as behind, gateway(cluster("app", "h2", behind.address), workers=1) as house:
        stuck = H2Client(connect_tls(house.https, certificates), consume=False)
        slow = stuck.get("/slow")
        stuck.receive_until(lambda: slow in stuck.streams and len(stuck.streams[slow].body) >= 65535)
        other, = clients(house, certificates, 1)
        for _ in range(20):
            assert other.fetch("/quick").body == b"quick"
        assert len(behind.connections) == 1
        stuck.close()
        other.close()


@pytest.mark.parametrize("kind", ["http/1.1", "h2"])
def test_round_robin_gives_each_endpoint_its_turn(gateway, certificates, kind):
    make = H1Backend if kind == "http/1.1" else H2Backend
    with contextlib.ExitStack() as stack:
        behind = [stack.enter_context(make()) for _ in range(3)]
        house = stack.enter_context(gateway(cluster("app", kind, *(b.address for b in behind)), workers=1))
        client, = clients(house, certificates, 1)
        for _ in range(30):
            assert client.fetch("/").status == 200
        assert [b.requests() for b in behind] == [10, 10, 10]
        client.close()


def test_least_requests_avoids_the_busy_endpoint(gateway, certificates):
    held = []
    with H2Backend(on_end=lambda *stream: held.append(stream)) as busy, H2Backend() as quick:
        with gateway(cluster("app", "h2", busy.address, quick.address, policy="least_requests"), workers=1) as house:
            client, = clients(house, certificates, 1)
            streams = [client.get("/") for _ in range(2)]
            wait_until(lambda: held, "a request that the busy one holds")
            client.receive_until(lambda: any(stream.ended for stream in client.streams.values()))
            for _ in range(20):
                assert client.fetch("/").status == 200
            assert busy.requests() == 1
            for connection, stream in held:
                answer(connection, stream)
            client.wait(*streams)
            client.close()


def test_keep_alive_connections_are_reused(gateway, certificates):
    with H1Backend() as behind, gateway(cluster("app", "http/1.1", behind.address), workers=1) as house:
        client, = clients(house, certificates, 1)
        numbers = collections.Counter(json.loads(client.fetch("/").body)["connection"] for _ in range(20))
        assert numbers == {1: 20}
        client.close()


def test_connections_behind_are_closed_when_idle(gateway, certificates):
    with H1Backend() as h1, H2Backend() as h2:
        with gateway(cluster("one", "http/1.1", h1.address), cluster("two", "h2", h2.address),
                     timeouts={"connection_idle": "1s"}) as house:
            for path in ("/one/", "/two/"):
                assert house.curl(path).status == 200
            wait_until(lambda: all(c.closed for c in h2.connections), "the idle h2 connection is closed", 5)
            wait_until(lambda: house.metric_sum("^gateway_upstream_connections_open$") == 0, "none is open", 5)


def test_a_connection_with_one_stream_left_is_not_idle(gateway, certificates):
    held = []

    def end(connection, stream):
        if stream.field(":path") == "/one/held":
            held.append((connection, stream))
        else:
            answer(connection, stream)
    with H2Backend(on_end=end) as busy, H2Backend() as other:
        with gateway(cluster("one", "h2", busy.address), cluster("two", "h2", other.address), workers=1,
                     timeouts={"connection_idle": "300ms"}) as house:
            client, = clients(house, certificates, 1)
            stream = client.get("/one/held")
            wait_until(lambda: held, "the request that is held")
            assert client.fetch("/one/quick").status == 200
            assert client.fetch("/two/").status == 200
            wait_until(lambda: all(c.closed for c in other.connections), "a connection that is idle is closed")
            answer(*held[0])
            assert client.wait(stream)[0].status == 200
            assert len(busy.connections) == 1
            client.close()
