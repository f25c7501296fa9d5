"""With few blocks clients in HTTP/1.1 finish as those in HTTP/2 do (test_shortage.py): their sockets are their windows."""

import concurrent.futures
import hashlib
import socket
import threading
import time

import pytest

from support.environment import PATIENCE, scaled, wait_until
from support.gateway import cluster
from support.h1_backend import H1Backend
from support.h1_client import H1Client
from support.h2_backend import H2Backend

DEMO = {"name": "app", "protocol": "demo"}
KIB = 1 << 10


def body_of(number, size):
    return (hashlib.sha256(str(number).encode()).digest() * (size // 32 + 1))[:size]


def echo(address, number, size):
    """Sends a body, in chunks or with a length, while it reads the answer; whether they are the same."""
    client = H1Client.to(address)
    client.sock.settimeout(60 * PATIENCE)
    body = body_of(number, size)
    framed = [body[i:i + 5000] for i in range(0, size, 5000)] if number % 2 else body
    sender = threading.Thread(target=client.request, args=("POST", "/echo", framed))
    sender.start()
    reply = client.answer()
    sender.join()
    client.close()
    return reply is not None and reply.status == 200 and reply.whole and reply.body == body


def fetch(address, path):
    client = H1Client.to(address)
    client.sock.settimeout(60 * PATIENCE)
    replies = [client.fetch(path) for _ in range(4)]
    client.close()
    return {reply.body if reply.whole else None for reply in replies}


def all_of(work, count):
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, range(count)))


@pytest.mark.parametrize("shortage", ["none", "every 3"])
@pytest.mark.parametrize("blocks", [2, 4])
def test_p3_p4_echoes_share_few_blocks(gateway, blocks, shortage):
    with gateway(DEMO, memory={"budget": "64MiB", "blocks": blocks, "shortage": shortage}) as house:
        assert all(all_of(lambda number: echo(house.h2c, number, 300 * KIB), scaled(64, 16)))
        assert blocks > 2 or house.pool()["pool_subscribed"] > 0, "there was no shortage"


@pytest.mark.parametrize("kind", ["http/1.1", "h2"])
def test_p1_uploads_share_four_blocks(gateway, nginx, nghttpd, kind):
    server = nginx if kind == "http/1.1" else nghttpd
    (server.files / "up").mkdir(exist_ok=True)

    def upload(number):
        client = H1Client.to(house.h2c)
        client.sock.settimeout(60 * PATIENCE)
        reply = client.fetch(f"/up/h1-{kind[0:2]}-{number}", "PUT" if kind == "http/1.1" else "POST", body_of(number, 100_000))
        client.close()
        return reply.status
    with gateway(cluster("app", kind, server.address), memory={"budget": "64MiB", "blocks": 4}) as house:
        assert set(all_of(upload, scaled(64, 16))) <= {200, 201, 204}
        assert max(house.pool()["pool_blocks_used_max"].values()) <= 4


@pytest.mark.parametrize("kind", ["http/1.1", "h2"])
@pytest.mark.parametrize("blocks", [1, 4])
def test_p2_p4_downloads_share_few_blocks(gateway, nginx, nghttpd, kind, blocks):
    server = nginx if kind == "http/1.1" else nghttpd
    (server.files / "whole1").write_bytes(body_of(1, 100_000))
    with gateway(cluster("app", kind, server.address), memory={"budget": "64MiB", "blocks": blocks}) as house:
        bodies = all_of(lambda number: fetch(house.h2c, "/whole1"), scaled(50, 12))
        assert set().union(*bodies) == {body_of(1, 100_000)}


def test_f1_clients_that_read_nothing_lose_their_blocks_and_good_ones_are_served(gateway):
    with gateway(DEMO, memory={"budget": "64MiB", "blocks": 16}, timeouts={"stall": "2s"}) as house:
        bad = [H1Client.to(house.h2c, receive_buffer=4096) for _ in range(60)]
        for client in bad:
            client.request("GET", "/bytes/50000000")
        for _ in range(10):
            assert house.curl("/bytes/200000", "--http1.1", timeout=20).status == 200
        wait_until(lambda: house.metric_sum("evictions_total") > 0, "an eviction", 20)
        for client in bad:
            client.close()


def test_t1_t2_a_time_out_with_the_pool_empty_comes_in_time_and_without_a_body(gateway):
    hold = threading.Event()

    def serve(connection):
        connection.read_head()
        hold.wait(30)
    with H1Backend(serve) as behind:
        with gateway(cluster("app", "http/1.1", behind.address), memory={"budget": "64MiB", "blocks": 2},
                     timeouts={"response_header": "1s", "stall": "0s"}) as house:
            client = H1Client.to(house.h2c)
            begin = time.monotonic()
            reply = client.fetch("/")
            assert reply.status == 504
            assert time.monotonic() - begin >= 1
            assert client.fetch("/").status == 504, "the connection is of use as before"
            hold.set()
            client.close()


def test_t3_waiting_clients_that_vanish_leave_the_queue(gateway):
    """The fixture demands that nobody waits and no block is held."""
    with H2Backend(consume=False) as behind, gateway(cluster("app", "h2", behind.address),
                                                     memory={"budget": "64MiB", "blocks": 2}) as house:
        clients = [H1Client.to(house.h2c) for _ in range(200)]
        for client in clients:
            client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + "x" * 20000)
        wait_until(lambda: house.metric_sum("^gateway_exchanges_active") > 150, "the requests")
        for number, client in enumerate(clients):
            if number % 2:
                client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.close()
        wait_until(lambda: house.metric_sum("^gateway_exchanges_active") <= 1, "their exchanges end")
