"""With far fewer blocks than streams everything still finishes, whole, and the pool is empty afterwards (P1 to P8).

The oracle of every test here is also in the fixture: leaving it demands that no block is held and nobody waits.
"""

import hashlib
import json
import pathlib
import tempfile
import time

import pytest

from support.curl import H2Load
from support.environment import PATIENCE, SANITIZED, scaled, wait_until
from support.gateway import Gateway, cluster
from support.h2_backend import H2Backend
from support.h2_client import H2Client, connect_tls

KIB = 1 << 10
CANCEL = 8
FEW = {"budget": "64MiB"}
STALL = 2 * PATIENCE  # seconds; in P8, where no peer stands still for a moment
SHORTAGES = ["none", "every 3", "random 0.33 seed 7"]  # P7: requests for a block that are refused though one is free


def server_of(kind, nginx, nghttpd):
    return nginx if kind == "http/1.1" else nghttpd


def wide_open(sock):
    """A client whose connection window is no bound, and which knows the gateway's SETTINGS."""
    return H2Client(sock, connection_window=1 << 28).wait_for_settings()


def body_of(number, size):
    return (hashlib.sha256(str(number).encode()).digest() * (size // 32 + 1))[:size]


def expect_cap(house, blocks):
    """Never more than the cap was in use, and there was a shortage."""
    pool = house.pool()
    assert pool["pool_blocks"] == blocks
    assert all(most <= blocks for most in pool["pool_blocks_used_max"].values())
    assert pool["pool_subscribed"] > 0, "there was no shortage"


def expect_no_freeze(house):
    """Whoever held a block while others waited moved on within STALL, so nobody was ended; and no granted block lay undelivered."""
    pool, metrics = house.pool(), house.metrics()
    assert sum(pool["evictions"].values()) == 0, pool["evictions"]
    assert metrics["gateway_resets_sent_total"] == 0
    for kind, taken in pool["pool_hand_over"].items():
        # The bounds of its buckets double.
        assert max(map(float, taken["up_to_ms"]), default=0) <= 2 * STALL * 1000, (kind, taken)


@pytest.mark.parametrize("shortage", SHORTAGES)
@pytest.mark.parametrize("kind", ["http/1.1", "h2"])
def test_p1_uploads_on_one_connection_share_four_blocks(gateway, nginx, nghttpd, certificates, kind, shortage):
    server = server_of(kind, nginx, nghttpd)
    count, size = scaled(1000 if shortage == "none" else 200, 60), 100_000
    (server.files / "up").mkdir(exist_ok=True)
    with gateway(cluster("app", kind, server.address), workers=2, listener={"max_concurrent_streams": 1000},
                 memory={**FEW, "blocks": 4, "shortage": shortage}) as house:
        client = wide_open(connect_tls(house.https, certificates))
        streams = {}
        for number in range(count):
            stream = client.h2.get_next_available_stream_id()
            client.send_headers(stream, client.head("PUT" if kind == "http/1.1" else "POST", f"/up/{number}"))
            client.send_body(stream, body_of(number, size))
            streams[number] = stream
        replies = client.wait(*streams.values(), seconds=60)
        assert {reply.status for reply in replies} <= {200, 201, 204} and all(reply.ended for reply in replies)
        for number, stream in streams.items():
            if kind == "http/1.1":
                assert (server.files / "up" / str(number)).read_bytes() == body_of(number, size)
            else:
                assert client.streams[stream].body == body_of(number, size)
        expect_cap(house, 4)
        client.close()


def test_p1_the_turns_of_uploads_are_fair(gateway, certificates):
    """When the first upload is whole, the others have come as far, but for what waits its turn."""
    count, size = 60, 256 * KIB
    spread = []

    def note(connection, stream):
        if not spread:
            spread.extend(len(other.body) for other in connection.streams.values())
        connection.send_headers(stream.id, [(":status", "200")], end_stream=True)
    with H2Backend(on_end=note) as behind, gateway(cluster("app", "h2", behind.address, max_connections=1), workers=1,
                                                   memory={**FEW, "blocks": 4}) as house:
        client = wide_open(connect_tls(house.https, certificates))
        streams = [client.post("/", body_of(number, size)) for number in range(count)]
        assert {reply.status for reply in client.wait(*streams, seconds=60)} == {200}
        assert not behind.errors
        client.close()
    assert len(spread) == count and sorted(spread)[count // 10] > size / 2, sorted(spread)


@pytest.mark.parametrize("shortage", SHORTAGES)
@pytest.mark.parametrize("kind", ["http/1.1", "h2"])
def test_p2_downloads_on_ten_connections_share_four_blocks(gateway, nginx, nghttpd, certificates, kind, shortage):
    server = server_of(kind, nginx, nghttpd)
    (server.files / "page").write_bytes(b"x" * 100_000)
    (server.files / "whole").write_bytes(body_of(0, 100_000))
    with gateway(cluster("app", kind, server.address), workers=2,
                 memory={**FEW, "blocks": 4, "shortage": shortage}) as house:
        H2Load(f"https://{house.https}/page", scaled(1000, 300), 10, 100).expect_all_2xx()
        client = wide_open(connect_tls(house.https, certificates))
        for reply in client.wait(*(client.get("/whole") for _ in range(50)), seconds=30):
            assert reply.ended and reply.body == body_of(0, 100_000)
        expect_cap(house, 4)
        client.close()


def echo(house, certificates, count, size, seconds=60):
    """`count` streams of one connection that send and receive at the same time. Returns the longest time without a byte."""
    client = wide_open(connect_tls(house.https, certificates))
    streams = [client.post("/echo", body_of(number, size)) for number in range(count)]
    last, longest = time.monotonic(), 0.0
    deadline = last + seconds * PATIENCE
    while not all(i in client.streams and client.streams[i].over() for i in streams):
        assert time.monotonic() < deadline, "not over in time"
        if client.receive(1.0):
            longest = max(longest, time.monotonic() - last)
            last = time.monotonic()
    for number, stream in enumerate(streams):
        reply = client.streams[stream]
        assert (reply.status, reply.ended) == (200, True)
        assert reply.body == body_of(number, size)
    client.close()
    return max(longest, time.monotonic() - last)


@pytest.mark.parametrize("shortage", SHORTAGES)
def test_p3_echoes_move_without_a_gap_over_four_blocks(gateway, certificates, shortage):
    with gateway({"name": "app", "protocol": "demo"}, workers=2,
                 memory={**FEW, "blocks": 4, "shortage": shortage}) as house:
        gap = echo(house, certificates, 64, scaled(1024 if shortage == "none" else 256, 64) * KIB)
        assert gap < PATIENCE, f"nothing came for {gap:.2f} s"


def test_p4_echoes_move_both_ways_with_two_blocks(gateway, certificates):
    with gateway({"name": "app", "protocol": "demo"}, workers=2, memory={**FEW, "blocks": 2}) as house:
        echo(house, certificates, 50, scaled(256, 64) * KIB)


@pytest.mark.parametrize("kind", ["http/1.1", "h2"])
def test_p4_one_block_serves_one_way(gateway, nginx, nghttpd, certificates, kind):
    server = server_of(kind, nginx, nghttpd)
    (server.files / "page").write_bytes(b"x" * 100_000)
    with gateway(cluster("app", kind, server.address), workers=2, memory={**FEW, "blocks": 1}) as house:
        H2Load(f"https://{house.https}/page", 50, 1, 50).expect_all_2xx()
        if kind == "h2":
            return  # nghttpd sends back what is uploaded: both ways
        client = wide_open(connect_tls(house.https, certificates))
        streams = []
        for number in range(50):
            streams.append(client.h2.get_next_available_stream_id())
            client.send_headers(streams[-1], client.head("PUT", f"/up/single{number}"))
            client.send_body(streams[-1], body_of(number, 100_000))
        assert {reply.status for reply in client.wait(*streams, seconds=60)} <= {201, 204}
        for number in range(50):
            assert (server.files / "up" / f"single{number}").read_bytes() == body_of(number, 100_000)
        client.close()


def test_p5_uploads_through_a_backend_that_takes_one_stream_at_a_time(gateway, certificates):
    count, size = scaled(200, 30), 64 * KIB
    with H2Backend(max_streams=1) as behind:
        with gateway(cluster("app", "h2", behind.address), memory={**FEW, "blocks": 4}) as house:
            client = wide_open(connect_tls(house.https, certificates))
            streams = [client.post("/", body_of(number, size)) for number in range(count)]
            for reply in client.wait(*streams, seconds=60):
                assert reply.status == 200 and json.loads(reply.body)["bytes"] == size, behind.errors
            client.close()
        assert behind.most_streams == 1 and not behind.errors


def test_p5_uploads_that_wait_for_their_backend_hold_no_block(gateway, certificates):
    """Blocks for requests are taken only once the backend can accept them: else they would hold what responses and others need."""
    with H2Backend(max_streams=1, consume=False) as behind:
        with gateway(cluster("app", "h2", behind.address, max_connections=1), workers=1, memory={**FEW, "blocks": 4}) as house:
            client = wide_open(connect_tls(house.https, certificates))
            streams = [client.post("/", body_of(number, 128 * KIB)) for number in range(20)]

            def all_came():
                client.receive(0.05)
                rows = json.loads(house.ask_admin("/streams").body)["by_memory"]
                waiting = [row for row in rows if row["path"] == "/" and row["state"] == "waiting"]
                return len(waiting) == 19 and all(row["request"]["bytes"] > 0 for row in waiting) and waiting
            for row in wait_until(all_came, "all but one wait for the backend, with what the doorbell let in"):
                assert row["request"]["blocks"] == 0 and "held_back" in row["request"]["pause"], row
            for stream in streams:
                client.reset(stream, CANCEL)
            client.close()


def test_p6_two_gateways_in_series_do_not_block_each_other(gateway, certificates, tmp_path):
    few = {**FEW, "blocks": 4}
    (tmp_path / "second").mkdir()
    demo = [{"name": "demo", "protocol": "demo"}]
    with Gateway(tmp_path / "second", certificates, demo, memory=few) as second:
        with gateway(cluster("app", "h2", second.h2c), memory=few) as house:
            echo(house, certificates, 32, scaled(256, 64) * KIB)


@pytest.mark.parametrize("kind", ["http/1.1", "h2"])
@pytest.mark.parametrize("blocks", [16, 4])
def test_p8_two_thousand_streams_share_a_handful_of_blocks(nginx, nghttpd, certificates, tmp_path, kind, blocks):
    server = server_of(kind, nginx, nghttpd)
    (server.files / "page").write_bytes(b"x" * 100 * KIB)

    def run(**memory):
        directory = pathlib.Path(tempfile.mkdtemp(dir=tmp_path))
        with Gateway(directory, certificates, [cluster("app", kind, server.address)], workers=2, memory=memory,
                     timeouts={"stall": f"{STALL:.0f}s"}) as house:
            load = H2Load(f"https://{house.https}/page", scaled(4000, 400), 40, 50, "-t", 1, timeout=90)
            load.expect_all_2xx()
            if "blocks" in memory:
                expect_cap(house, blocks)
                expect_no_freeze(house)
            return load.seconds
    few = run(**FEW, blocks=blocks)
    if SANITIZED or blocks != 16:
        return
    # A machine that others use too may be slow once, in either of the two.
    ratios = [run(budget="256MiB") / few]
    while max(ratios) < 0.5 and len(ratios) < 3:
        ratios.append(run(budget="256MiB") / run(**FEW, blocks=blocks))
    assert max(ratios) >= 0.5, f"the rate with 16 blocks by the rate without a limit: {ratios}"
