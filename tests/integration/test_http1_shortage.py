"""With few blocks clients in HTTP/1.1 finish as those in HTTP/2 do (test_shortage.py): their sockets are their windows."""

import concurrent.futures
import hashlib
import io
import socket
import threading
import time

import pytest

from support.curl import H2Load
from support.empty_pool import LARGE, Holder, UploadHolder, waiting
from support.environment import PATIENCE, scaled, wait_until
from support.gateway import cluster, route
from support.h1_client import H1Client
from support.h2_backend import H2Backend

DEMO = {"name": "app", "protocol": "demo"}
FEW = {"budget": "64MiB"}
SHORTAGES = ["none", "every 3", "random 0.33 seed 7"]  # P7: requests for a block that are refused though one is free


class Progress:
    """How long nobody got a byte, at most, in seconds. Any thread."""

    def __init__(self):
        self._lock = threading.Lock()
        self._last = time.monotonic()
        self.longest_gap = 0.0

    def note(self):
        with self._lock:
            now = time.monotonic()
            self.longest_gap = max(self.longest_gap, now - self._last)
            self._last = now


class Noted(io.RawIOBase):
    """A socket's bytes, each read of which is progress."""

    def __init__(self, sock, progress):
        self._sock, self._progress = sock, progress

    def readable(self):
        return True

    def readinto(self, buffer):
        count = self._sock.recv_into(buffer)
        self._progress.note()
        return count


def body_of(number, size):
    return (hashlib.sha256(str(number).encode()).digest() * (size // 32 + 1))[:size]


def echo(address, number, size, progress):
    """Sends a body, in chunks or with a length, while it reads the answer; whether they are the same."""
    client = H1Client.to(address)
    client.file = io.BufferedReader(Noted(client.sock, progress), 1 << 16)
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


def all_of(work, count, meanwhile=lambda: None):
    """What work(0) to work(count - 1) return, each in a thread of its own; `meanwhile` is called once all have begun."""
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        results = [pool.submit(work, number) for number in range(count)]
        meanwhile()
        return [result.result() for result in results]


def expect_cap(house, blocks):
    """Never more than the cap was in use, and there was a shortage."""
    pool = house.pool()
    assert all(most <= blocks for most in pool["pool_blocks_used_max"].values())
    assert pool["pool_subscribed"] > 0, "there was no shortage"


@pytest.mark.parametrize("shortage", SHORTAGES)
@pytest.mark.parametrize("kind", ["http/1.1", "h2"])
@pytest.mark.parametrize("blocks", [1, 4])
def test_p1_p4_uploads_share_few_blocks(gateway, nginx, nghttpd, certificates, kind, blocks, shortage):
    """They begin while the pool is empty, so that all of them are there when it has blocks again."""
    server = nginx if kind == "http/1.1" else nghttpd
    if kind == "h2" and blocks == 1:
        pytest.skip("nghttpd sends back what is uploaded: both ways")
    (server.files / "up").mkdir(exist_ok=True)
    (server.files / "large").write_bytes(b"x" * LARGE)
    count = scaled(200 if blocks == 4 else 50, 16)

    def upload(number):
        """In chunks or with a length; whether it is whole where it went."""
        client = H1Client.to(house.h2c)
        client.sock.settimeout(60 * PATIENCE)
        body = body_of(number, 100_000)
        framed = [body[i:i + 5000] for i in range(0, len(body), 5000)] if number % 2 else body
        client.request("PUT" if kind == "http/1.1" else "POST", f"/up/h1-{number}", framed)
        reply = client.answer()
        client.close()
        arrived = (server.files / "up" / f"h1-{number}").read_bytes() if kind == "http/1.1" else reply.body
        return reply.status in (200, 201, 204) and arrived == body
    with H2Backend(consume=False) as unread, gateway(
            cluster("app", kind, server.address), cluster("unread", "h2", unread.address),
            routes=[route("app"), route("unread", "/unread")], memory={**FEW, "blocks": blocks, "shortage": shortage}) as house:
        # The only block may become the response's, before the upload to an h2 backend has one.
        holder = UploadHolder(house, certificates, "/unread", blocks) if blocks > 1 else Holder(house, certificates)

        def let_go():
            wait_until(lambda: waiting(house) > len(holder.streams), "uploads wait too")
            holder.close()
        assert all(all_of(upload, count, let_go))
        expect_cap(house, blocks)


@pytest.mark.parametrize("shortage", SHORTAGES)
@pytest.mark.parametrize("kind", ["http/1.1", "h2"])
@pytest.mark.parametrize("blocks", [1, 4])
def test_p2_p4_downloads_share_few_blocks(gateway, nginx, nghttpd, kind, blocks, shortage):
    """On ten connections with a hundred requests under way on each, and one after the other on fifty."""
    server = nginx if kind == "http/1.1" else nghttpd
    (server.files / "whole1").write_bytes(body_of(1, 100_000))
    with gateway(cluster("app", kind, server.address), memory={**FEW, "blocks": blocks, "shortage": shortage}) as house:
        H2Load(f"http://{house.h2c}/whole1", scaled(1000, 300), 10, 100, "--h1").expect_all_2xx()
        bodies = all_of(lambda number: fetch(house.h2c, "/whole1"), scaled(50, 12))
        assert set().union(*bodies) == {body_of(1, 100_000)}
        expect_cap(house, blocks)


@pytest.mark.parametrize("shortage", SHORTAGES)
@pytest.mark.parametrize("blocks", [2, 4])
def test_p3_p4_echoes_share_few_blocks_without_a_gap(gateway, blocks, shortage):
    count, progress = scaled(64, 16), Progress()
    with gateway(DEMO, memory={**FEW, "blocks": blocks, "shortage": shortage}) as house:
        assert all(all_of(lambda number: echo(house.h2c, number, 300 << 10, progress), count))
        assert blocks > 2 or house.pool()["pool_subscribed"] > 0, "there was no shortage"
    assert progress.longest_gap < PATIENCE, f"nothing came for {progress.longest_gap:.2f} s"


def test_t3_waiting_clients_that_vanish_leave_the_queue(gateway):
    """The fixture demands that nobody waits and no block is held."""
    with H2Backend(consume=False) as behind, gateway(cluster("app", "h2", behind.address),
                                                     memory={**FEW, "blocks": 2}) as house:
        clients = [H1Client.to(house.h2c) for _ in range(200)]
        for client in clients:
            client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + "x" * 20000)
        wait_until(lambda: house.metric_sum("^gateway_exchanges_active") > 150, "the requests")
        for number, client in enumerate(clients):
            if number % 2:
                client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.close()
        wait_until(lambda: house.metric_sum("^gateway_exchanges_active") <= 1, "their exchanges end")
