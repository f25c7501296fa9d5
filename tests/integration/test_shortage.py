"""With far fewer blocks than streams everything still finishes, whole, and the pool is empty afterwards.

The oracle of every test here is also in the fixture: leaving it demands that no block is held and nobody waits.
"""

import hashlib
import json
import threading

import pytest

from support.curl import H2Load
from support.environment import SLOW, scaled, wait_until
from support.gateway import Gateway, cluster
from support.h2_backend import H2Backend
from support.h2_client import H2Client, connect, connect_tls

KIB = 1 << 10
REFUSED_STREAM = 7
GETS = 4000 if SLOW else scaled(1000, 400)
FEW = {"budget": "64MiB"}


def server_of(kind, nginx, nghttpd):
    return nginx if kind == "http/1.1" else nghttpd


def wide_open(sock):
    """A client whose connection window is no bound, and which knows the gateway's SETTINGS."""
    return H2Client(sock, connection_window=1 << 28).wait_for_settings()


def body_of(number, size):
    return hashlib.sha256(str(number).encode()).digest() * (size // 32)


@pytest.mark.parametrize("kind", ["http/1.1", "h2"])
@pytest.mark.parametrize("blocks", [16, 4])
def test_two_thousand_streams_share_a_handful_of_blocks(gateway, nginx, nghttpd, kind, blocks):
    server = server_of(kind, nginx, nghttpd)
    (server.files / "page").write_bytes(b"x" * 100 * KIB)
    with gateway(cluster("app", kind, server.address), workers=2, memory={**FEW, "blocks": blocks}) as house:
        H2Load(f"https://{house.https}/page", GETS, 40, 50, "-t", 1, timeout=90).expect_all_2xx()
        pool = house.pool()
        assert pool["pool_blocks"] == blocks
        assert all(most <= blocks for most in pool["pool_blocks_used_max"].values())
        assert pool["pool_subscribed"] > 0, "there was no shortage"


@pytest.mark.parametrize("kind", ["http/1.1", "h2"])
def test_uploads_on_one_connection_share_four_blocks(gateway, nginx, nghttpd, certificates, kind):
    server = server_of(kind, nginx, nghttpd)
    count, size = scaled(200, 60), 96 * KIB
    (server.files / "up").mkdir(exist_ok=True)
    with gateway(cluster("app", kind, server.address), workers=2, memory={**FEW, "blocks": 4}) as house:
        client = wide_open(connect_tls(house.https, certificates))
        streams = {}
        for number in range(count):
            stream = client.h2.get_next_available_stream_id()
            method = "PUT" if kind == "http/1.1" else "POST"
            client.send_headers(stream, client.head(method, f"/up/{number}"))
            client.send_body(stream, body_of(number, size))
            streams[number] = stream
        replies = client.wait(*streams.values(), seconds=60)
        assert {reply.status for reply in replies} <= {200, 201, 204} and all(reply.ended for reply in replies)
        for number, stream in streams.items():
            if kind == "http/1.1":
                assert (server.files / "up" / str(number)).read_bytes() == body_of(number, size)
            else:
                assert client.streams[stream].body == body_of(number, size)
        client.close()


def echo(house, certificates, count, size, seconds=60):
    """`count` streams of one connection that send and receive at the same time."""
    client = wide_open(connect_tls(house.https, certificates))
    streams = [client.post("/echo", body_of(number, size)) for number in range(count)]
    for number, reply in enumerate(client.wait(*streams, seconds=seconds)):
        assert (reply.status, reply.ended) == (200, True)
        assert reply.body == body_of(number, size)
    client.close()


@pytest.mark.parametrize("blocks", [4, 2])
def test_echoes_move_both_ways_with_hardly_a_block(gateway, certificates, blocks):
    with gateway({"name": "app", "protocol": "demo"}, workers=2, memory={**FEW, "blocks": blocks}) as house:
        echo(house, certificates, 50, scaled(256, 64) * KIB)


def test_two_gateways_in_series_do_not_block_each_other(gateway, certificates, tmp_path):
    few = {**FEW, "blocks": 4}
    (tmp_path / "second").mkdir()
    demo = [{"name": "demo", "protocol": "demo"}]
    with Gateway(tmp_path / "second", certificates, demo, memory=few) as second:
        with gateway(cluster("app", "h2", second.h2c), memory=few) as house:
            echo(house, certificates, 32, scaled(256, 64) * KIB)


def test_bytes_sent_before_the_settings_are_kept_or_refused_and_never_lost(gateway, certificates):
    with gateway({"name": "app", "protocol": "demo"}, memory={**FEW, "blocks": 4}) as house:
        client = H2Client(connect_tls(house.https, certificates), connection_window=1 << 28)
        streams = [client.post("/echo", body_of(number, 2 * KIB)) for number in range(30)]  # 60 KiB before any answer
        for number, reply in enumerate(client.wait(*streams, seconds=30)):
            assert reply.body == body_of(number, 2 * KIB) if reply.ended else reply.reset == REFUSED_STREAM
        stream = client.post("/echo", body_of(0, 64 * KIB))
        assert client.wait(stream)[0].body == body_of(0, 64 * KIB)
        client.close()


def test_uploads_through_a_backend_that_takes_one_stream_at_a_time(gateway, certificates):
    count, size = scaled(60, 30), 64 * KIB
    with H2Backend(max_streams=1) as behind:
        with gateway(cluster("app", "h2", behind.address), memory={**FEW, "blocks": 4}) as house:
            client = wide_open(connect_tls(house.https, certificates))
            streams = [client.post("/", body_of(number, size)) for number in range(count)]
            for reply in client.wait(*streams, seconds=60):
                assert reply.status == 200 and json.loads(reply.body)["bytes"] == size, behind.errors
            client.close()
        assert behind.most_streams == 1 and not behind.errors


def test_control_is_heard_and_answered_while_the_pool_is_empty(gateway, certificates, nginx):
    (nginx.files / "large").write_bytes(b"x" * 4096 * KIB)
    with gateway(cluster("app", "http/1.1", nginx.address), workers=1, memory={**FEW, "blocks": 4},
                 timeouts={"stall": "60s"}) as house:
        holder = H2Client(connect_tls(house.https, certificates), consume=False)
        held = [holder.get("/large") for _ in range(8)]
        holder.receive_until(lambda: sum(len(stream.body) for stream in holder.streams.values()) >= 65535, 10)
        wait_until(lambda: sum(house.pool()["pool_waiting"].values()) > 0, "the pool is empty")
        holder.h2.ping(b"12345678")
        holder.flush()
        holder.receive_until(lambda: holder.pings_answered, 2, "a PING is answered")
        assert house.ask_admin("/healthz", timeout=2).status == 200
        for stream in held:
            holder.reset(stream, 8)
        wait_until(lambda: sum(house.pool()["pool_blocks_used"].values()) <= 1, "the blocks of the streams that were reset")
        assert house.curl("/large").status == 200
        holder.close()


def test_clients_that_read_nothing_lose_their_blocks_to_those_that_do(gateway, certificates, nginx):
    (nginx.files / "large").write_bytes(b"x" * 1024 * KIB)
    with gateway(cluster("app", "http/1.1", nginx.address), workers=2, memory={**FEW, "blocks": 8},
                 timeouts={"stall": "1s"}) as house:
        bad = [H2Client(connect_tls(house.https, certificates), consume=False) for _ in range(5)]
        for client in bad:
            for _ in range(5):
                client.get("/large")
        wait_until(lambda: sum(house.pool()["pool_waiting"].values()) > 0, "the pool is empty")
        good = house.curl("/large", timeout=30)
        assert (good.status, len(good.body)) == (200, 1024 * KIB)
        for client in bad:
            client.close()


def test_streams_of_one_client_and_of_many_finish_side_by_side(gateway, nginx, certificates):
    (nginx.files / "page").write_bytes(b"x" * 100 * KIB)
    with gateway(cluster("app", "http/1.1", nginx.address), workers=2, memory={**FEW, "blocks": 4}) as house:
        greedy = threading.Thread(
            target=lambda: outcome.append(H2Load(f"https://{house.https}/page", scaled(500, 150), 1, 200)))
        outcome = []
        greedy.start()
        client = H2Client(connect(house.h2c))
        for _ in range(10):
            reply = client.fetch("/page", seconds=20)
            assert (reply.status, len(reply.body)) == (200, 100 * KIB)
        greedy.join()
        outcome[0].expect_all_2xx()
        client.close()
