"""One slow stream, one greedy client, one silent upload: the others go on as if they were alone (F2, F3, F5)."""

import contextlib
import subprocess
import time

import pytest
from h2.settings import SettingCodes

from support.curl import H2Load
from support.environment import PATIENCE, SANITIZED, scaled, wait_until
from support.gateway import cluster
from support.h2_client import H2Client, connect_tls

KIB = 1 << 10
MIB = 1 << 20
FEW = {"budget": "64MiB"}
STALLED = 99


def rate(fetch, enough=None):
    """The best of several: a machine that others use too is slow at times. Stops when `enough` is reached."""
    best = 0.0
    for number in range(30):
        begin = time.monotonic()
        fetch()
        best = max(best, 1 / (time.monotonic() - begin))
        if number >= 5 and best >= (enough or 0):
            break
    return best


@pytest.mark.parametrize("kind", ["http/1.1", "h2"])
def test_f2_a_live_stream_among_stalled_ones_of_its_client_runs_at_its_own_speed(gateway, certificates, nginx, nghttpd, kind):
    server = nginx if kind == "http/1.1" else nghttpd
    (server.files / "large").write_bytes(b"x" * scaled(16, 2) * MIB)
    # Roomy, so that no stall is ended: it is the connection's windows that are tried here.
    with gateway(cluster("app", kind, server.address), workers=1, memory={"blocks": 4096}, timeouts={"stall": "60s"}) as house:
        client = H2Client(connect_tls(house.https, certificates), connection_window=1 << 30, consume=False,
                          settings={SettingCodes.INITIAL_WINDOW_SIZE: 65535}).wait_for_settings()

        def fetch():
            stream = client.h2.get_next_available_stream_id()
            client.send_headers(stream, client.head("GET", "/large"), end_stream=True)
            client.h2.increment_flow_control_window(1 << 30, stream)
            client.flush()
            reply, = client.wait(stream, seconds=30)
            assert reply.ended and len(reply.body) == scaled(16, 2) * MIB
        fetch()
        alone = rate(fetch)
        stalled = [client.get("/large") for _ in range(STALLED)]
        client.receive_until(lambda: all(i in client.streams and len(client.streams[i].body) == 65535 for i in stalled), 20)
        beside = rate(fetch, 0.8 * alone)
        assert SANITIZED or beside >= 0.8 * alone, f"{beside / alone:.2f} of its speed alone"
        assert all(not client.streams[i].over() for i in stalled)
        client.close()


def test_f2_a_live_stream_among_stalled_ones_of_its_backend_runs_at_its_own_speed(gateway, certificates, nghttpd):
    (nghttpd.files / "large").write_bytes(b"x" * scaled(16, 2) * MIB)
    one = cluster("app", "h2", nghttpd.address, max_connections=1)
    with gateway(one, workers=1, memory={"blocks": 4096}, timeouts={"stall": "60s"}) as house:
        def fetch():
            reply = house.curl("/large")
            assert reply.status == 200 and len(reply.body) == scaled(16, 2) * MIB
        fetch()
        alone = rate(fetch)
        bad = H2Client(connect_tls(house.https, certificates), connection_window=1 << 30, consume=False)
        stalled = [bad.get("/large") for _ in range(STALLED)]
        bad.receive_until(lambda: all(i in bad.streams and len(bad.streams[i].body) == 65535 for i in stalled), 20)
        beside = rate(fetch, 0.8 * alone)
        assert house.metric_sum("upstream_connections_open$") == 1, "all of it went over one connection"
        assert SANITIZED or beside >= 0.8 * alone, f"{beside / alone:.2f} of its speed alone"
        bad.close()


def test_f3_a_client_with_a_thousand_streams_weighs_as_one_with_one(gateway, nginx):
    """The turns themselves are counted in tests/pool/turn_queue_test.cc; here a page must not wait for a thousand others."""
    (nginx.files / "page").write_bytes(b"x" * 100 * KIB)
    with gateway(cluster("app", "http/1.1", nginx.address, max_connections=1200), workers=1, listener={"max_concurrent_streams": 1000},
                 memory={**FEW, "blocks": 4}) as house:
        def pages():
            return H2Load(f"http://{house.h2c}/page", scaled(300, 50), 1, 1).seconds / scaled(300, 50)
        alone = pages()
        load = subprocess.Popen(["h2load", "-n", "1000000", "-c", "1", "-m", "1000", f"http://{house.h2c}/page"],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: sum(house.pool()["pool_waiting"].values()) > 100, "the greedy client's streams wait")
            beside = pages()
            assert load.poll() is None and sum(house.pool()["pool_waiting"].values()) > 100
        finally:
            load.kill()
            load.wait()
        assert SANITIZED or beside < 10 * alone + 0.03 * PATIENCE, f"{beside * 1000:.1f} ms a page beside it, {alone * 1000:.1f} ms alone"


def test_f5_uploads_that_send_nothing_take_no_block(gateway, certificates, nginx):
    with gateway(cluster("app", "http/1.1", nginx.address), workers=2, memory={**FEW, "blocks": 4},
                 timeouts={"stall": "60s"}) as house:
        with contextlib.ExitStack() as stack:
            for _ in range(4):
                bad = stack.enter_context(contextlib.closing(H2Client(connect_tls(house.https, certificates))))
                for number in range(50):
                    stream = bad.h2.get_next_available_stream_id()
                    bad.send_headers(stream, bad.head("PUT", f"/up/silent{number}"))
            begin = time.monotonic()
            assert put(house, certificates, "good") in (201, 204)
            assert time.monotonic() - begin < PATIENCE


def test_f5_uploads_that_take_credit_and_send_no_more_are_waited_for_one_lease(gateway, certificates, nginx):
    """Each rings with a byte and holds the block that it is given; after the stall time it has lost it."""
    with gateway(cluster("app", "http/1.1", nginx.address), workers=2, memory={**FEW, "blocks": 4},
                 timeouts={"stall": "1s"}) as house:
        with contextlib.ExitStack() as stack:
            bad = []
            for number in range(3):
                bad.append(stack.enter_context(contextlib.closing(H2Client(connect_tls(house.https, certificates)))))
                bad[-1].wait_for_settings()
                stream = bad[-1].h2.get_next_available_stream_id()
                bad[-1].send_headers(stream, bad[-1].head("PUT", f"/up/credit{number}"))
                bad[-1].send_body(stream, b"x", end=False)
            wait_until(lambda: house.pool()["pool_blocks_used"]["request"] >= 3, "the credit is given")
            begin = time.monotonic()
            assert put(house, certificates, "good") in (201, 204)
            took = time.monotonic() - begin
            assert took < 1.5 * PATIENCE, f"it waited {took:.2f} s"


def put(house, certificates, name):
    client = H2Client(connect_tls(house.https, certificates), connection_window=1 << 30).wait_for_settings()
    stream = client.h2.get_next_available_stream_id()
    client.send_headers(stream, client.head("PUT", f"/up/{name}"))
    client.send_body(stream, b"x" * 100_000)
    status = client.wait(stream, seconds=20)[0].status
    client.close()
    return status
