"""With the pool empty, clients in HTTP/1.1 are treated as test_empty_pool.py says of those in HTTP/2 (F2, T1 to T3).

What does not apply to them is told in tests/README.md.
"""

import selectors
import socket
import struct
import time

import pytest

from support.empty_pool import (FEW, LARGE, beside_a_silent_backend, cpu_seconds, expect_drained_in_time, expect_nobody_turns,
                                expect_on_time, reload_under, waiting)
from support.environment import PATIENCE, SANITIZED, rate, scaled, wait_until
from support.gateway import cluster
from support.h1_client import H1Client

MIB = 1 << 20
STALLED = 99


def ask(house, path, count, **options):
    """So many clients that have sent a GET and read nothing yet."""
    clients = [H1Client.to(house.h2c, **options) for _ in range(count)]
    for client in clients:
        client.request("GET", path)
    return clients


def read_to_the_end(clients, seconds):
    """Reads from all of them until each connection has ended; for each what came, and when it ended (time.monotonic())."""
    came, ended = {client: b"" for client in clients}, {}
    deadline = time.monotonic() + seconds * PATIENCE
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client.sock, selectors.EVENT_READ, client)
        while len(ended) < len(clients):
            assert time.monotonic() < deadline, f"{len(clients) - len(ended)} have not ended in time"
            for key, _ in selector.select(1):
                try:
                    data = key.fileobj.recv(1 << 16)
                except ConnectionError:
                    data = b""
                came[key.data] += data
                if not data:
                    ended[key.data] = time.monotonic()
                    selector.unregister(key.fileobj)
    return came, ended


def close(clients):
    for client in clients:
        client.close()


def test_t1_t2_a_time_out_behind_the_head_ends_the_connection_in_time(held):
    with held({"stream_idle": "1s"}) as (house, holder):
        holder.dribble()
        before = waiting(house)
        begin = time.monotonic()
        clients = ask(house, "/large", scaled(100, 20))
        cpu = cpu_seconds(house.pid)
        came, ended = read_to_the_end(clients, 10)
        used = cpu_seconds(house.pid) - cpu
        expect_on_time([end - begin for end in ended.values()], "stream_idle")
        for text in came.values():
            head, _, body = text.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ") and b"content-length: %d" % LARGE in head.lower() and len(body) < LARGE
        wait_until(lambda: waiting(house) <= before, "the waiters are gone")
        assert SANITIZED or used < 0.15, f"{used:.2f} s of CPU for a second of waiting by {len(clients)} clients"
        close(clients)


def test_t1_nobody_turns_while_everybody_waits(held):
    with held({}) as (house, _):
        clients = ask(house, "/large", 100)
        wait_until(lambda: waiting(house) > 100, "the clients wait")
        expect_nobody_turns(house)
        close(clients)


@pytest.mark.parametrize("blocks_left", [True, False])
def test_t2_without_an_answer_it_is_504_with_a_body_and_the_connection_goes_on(gateway, certificates, nginx, blocks_left):
    with beside_a_silent_backend(gateway, certificates, nginx, blocks_left) as house:
        client = H1Client.to(house.h2c)
        for _ in range(2):
            begin = time.monotonic()
            reply = client.fetch("/silent")
            expect_on_time([time.monotonic() - begin], "response_header")
            # As in HTTP/2 a short answer has its place in the pipe's own few bytes at all times.
            assert (reply.status, reply.whole) == (504, True) and reply.body.startswith(b"504 ")
        client.close()


def test_t2_a_connection_whose_socket_takes_nothing_is_closed(gateway, nginx):
    (nginx.files / "huge").write_bytes(b"x" * 64 * MIB)
    (nginx.files / "large").write_bytes(b"x" * LARGE)
    with gateway(cluster("app", "http/1.1", nginx.address), workers=1, memory=FEW, timeouts={"stall": "1s"}) as house:
        deaf = ask(house, "/huge", 8, receive_buffer=4096)
        wait_until(lambda: waiting(house) > 0, "the pool is empty")
        begin = time.monotonic()
        good = house.curl("/large", "--http1.1", timeout=20)
        assert (good.status, len(good.body)) == (200, LARGE)
        assert time.monotonic() - begin < 3 * PATIENCE
        house.wait_for_access(lambda line: line["path"] == "/huge" and line["end"] != "complete", "who takes nothing has paid")
        close(deaf)


@pytest.mark.parametrize("how", ["reset", "lost", "drain", "reload"])
def test_t3_a_thousand_waiters_leave_the_queue(held, how):
    count = scaled(1000, 200)
    with held({"drain": "1s"}) as (house, holder):
        before = waiting(house)
        clients = ask(house, "/large", count)
        wait_until(lambda: waiting(house) >= before + count, "they wait", 20)
        if how == "drain":
            expect_drained_in_time(house)
            return close(clients)
        if how == "reload":
            reload_under(house, count)
            assert all(client.read_head().status == 200 and client.file.read(1) for client in clients), "bytes of each"
        elif how == "reset":
            for client in clients:
                client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        close(clients)
        wait_until(lambda: waiting(house) <= before, "nobody of them waits any more", 10)
        holder.close()
        house.expect_idle()


def test_f2_a_live_client_among_stalled_ones_of_its_backends_connection_runs_at_its_own_speed(gateway, nghttpd):
    (nghttpd.files / "large").write_bytes(b"x" * scaled(16, 2) * MIB)
    with open(nghttpd.files / "stalled", "wb") as file:
        file.truncate(256 * MIB)  # however much of it the kernel's buffers take, nobody has all of it
    one = cluster("app", "h2", nghttpd.address, max_connections=1)
    with gateway(one, workers=1, memory={"budget": "512MiB", "blocks": 4096}, timeouts={"stall": "60s"}) as house:
        def fetch():
            reply = house.curl("/large", "--http1.1")
            assert reply.status == 200 and len(reply.body) == scaled(16, 2) * MIB
        fetch()
        alone = rate(fetch)
        stalled = ask(house, "/stalled", STALLED, receive_buffer=4096)
        fetch()
        print(f"{rate(fetch, 0.8 * alone) / alone:.2f} of its speed alone")
        assert house.metric_sum("upstream_connections_open$") == 1, "all of it went over one connection"
        assert house.metric_sum("exchanges_active") > STALLED
        house.expect_no_waits("/large")
        close(stalled)
