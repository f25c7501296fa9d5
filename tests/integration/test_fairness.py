"""One slow stream, one greedy client, one silent upload: the others go on as if they were alone (F2, F3, F5)."""

import contextlib
import json
import subprocess
import threading

import pytest
from h2.settings import SettingCodes

from support.curl import H2Load
from support.environment import PATIENCE, rate, scaled, wait_until
from support.gateway import cluster, route
from support.h1_backend import H1Backend
from support.h2_client import H2Client, connect, connect_tls

KIB = 1 << 10
MIB = 1 << 20
FEW = {"budget": "64MiB"}
STALLED = 99


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
        print(f"{rate(fetch, 0.8 * alone) / alone:.2f} of its speed alone")
        house.expect_no_waits("/large")
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
        print(f"{rate(fetch, 0.8 * alone) / alone:.2f} of its speed alone")
        assert house.metric_sum("upstream_connections_open$") == 1, "all of it went over one connection"
        house.expect_no_waits("/large")
        bad.close()


def test_f3_a_client_with_a_thousand_streams_weighs_as_one_with_one(gateway, nginx):
    """The turns themselves are counted in tests/pool/turn_queue_test.cc; here a page must not wait for a thousand others."""
    (nginx.files / "page").write_bytes(b"x" * 100 * KIB)
    with gateway(cluster("app", "http/1.1", nginx.address, max_connections=1200), workers=1, listener={"max_concurrent_streams": 1000},
                 memory={**FEW, "blocks": 4}) as house:
        def answers():
            return house.metrics()['gateway_responses_total{class="2xx"}']
        pages = scaled(300, 50)
        load = subprocess.Popen(["h2load", "-n", "1000000", "-c", "1", "-m", "1000", f"http://{house.h2c}/page"],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: sum(house.pool()["pool_waiting"].values()) > 100, "the greedy client's streams wait")
            before = answers()
            H2Load(f"http://{house.h2c}/page", pages, 1, 1)
            others = answers() - before - pages
            assert load.poll() is None and sum(house.pool()["pool_waiting"].values()) > 100
        finally:
            load.kill()
            load.wait()
        # Were its turn one of a thousand, a thousand of the others would be answered for each of its pages.
        print(f"{others / pages:.1f} of the greedy client's for each page")
        assert others < 100 * pages


def test_f3_one_request_does_not_wait_behind_a_hundred_of_another_client_for_a_backend(gateway):
    served = []
    go_on = threading.Event()

    def one_at_a_time(connection):
        while request := connection.read_request():
            go_on.wait(20 * PATIENCE)
            served.append(request.line.split()[1])
            connection.answer(b"done")
    with H1Backend(one_at_a_time) as behind, gateway(cluster("app", "http/1.1", behind.address, max_connections=1), workers=1) as house:
        greedy, modest = H2Client(connect(house.h2c)), H2Client(connect(house.h2c))
        many = [greedy.get("/greedy") for _ in range(100)]
        wait_until(lambda: house.metric_sum("upstream_requests_active$") == 100, "the greedy client's requests wait")
        one = modest.get("/modest")
        wait_until(lambda: house.metric_sum("upstream_requests_active$") == 101, "the modest client's waits")
        go_on.set()
        modest.wait(one)
        greedy.wait(*many)
        assert len(served) == 101 and served.index("/modest") <= 2, served[:5]
        greedy.close()
        modest.close()


def open_upload(house, certificates, path, body=b""):
    """A client that begins an upload and sends no more than `body` of it."""
    client = H2Client(connect_tls(house.https, certificates)).wait_for_settings()
    stream = client.h2.get_next_available_stream_id()
    client.send_headers(stream, client.head("PUT", path))
    if body:
        client.send_body(stream, body, end=False)
    return client


def uploads(house):
    """What /streams tells of each upload's request, by path."""
    rows = json.loads(house.ask_admin("/streams").body)["by_memory"]
    return {row["path"]: {**row["request"], "state": row["state"]} for row in rows if row["path"].startswith("/up/")}


def test_f5_uploads_that_send_nothing_take_no_block(gateway, certificates, nginx):
    with gateway(cluster("app", "http/1.1", nginx.address), workers=2, memory={**FEW, "blocks": 4},
                 timeouts={"stall": "60s"}) as house:
        with contextlib.ExitStack() as stack:
            for number in range(8):
                stack.enter_context(contextlib.closing(open_upload(house, certificates, f"/up/silent{number}")))

            def all_at_the_backend():
                rows = uploads(house)
                return len(rows) == 8 and all(row["state"] == "sent" for row in rows.values()) and rows
            rows = wait_until(all_at_the_backend, "all could send")
            assert all(row["blocks"] == 0 and "no_block" not in row["pause"] for row in rows.values()), rows
            assert put(house, certificates, "good") in (201, 204)


def test_f5_uploads_that_take_credit_and_send_no_more_are_waited_for_one_lease(gateway, certificates, nginx):
    """Each rings with a byte and holds the block that it is given; after the stall time who waits for one has it."""
    with gateway(cluster("app", "http/1.1", nginx.address), workers=2, memory={**FEW, "blocks": 4},
                 timeouts={"stall": "1s"}) as house:
        with contextlib.ExitStack() as stack:
            for number in range(3):
                stack.enter_context(contextlib.closing(open_upload(house, certificates, f"/up/credit{number}", b"x")))
            wait_until(lambda: sum(row["blocks"] for row in uploads(house).values()) == 3, "the credit is given")
            stack.enter_context(contextlib.closing(open_upload(house, certificates, "/up/next", b"x")))
            wait_until(lambda: house.pool()["pool_waiting_requests"]["invite"] == 1, "no block is left")
            wait_until(lambda: uploads(house).get("/up/next", {"blocks": 0})["blocks"] == 1, "it has one of theirs")
            paid = house.wait_for_access(lambda line: line["path"].startswith("/up/credit"), "who held it has paid")
            assert paid["status"] == 408 and "stalled" in paid["end"], paid
            assert put(house, certificates, "good") in (201, 204)


def test_f5_a_backend_that_takes_nothing_loses_what_is_queued_for_it(gateway, certificates, nginx):
    """Its bytes are stuck in the socket's queue, or in the pipe before it: either way who waits for the block has it."""
    is_over = threading.Event()

    def deaf(connection):
        connection.read_head()
        is_over.wait(20 * PATIENCE)
    with H1Backend(deaf) as behind, gateway(
            cluster("files", "http/1.1", nginx.address), cluster("deaf", "http/1.1", behind.address), workers=1,
            routes=[route("files"), route("deaf", "/up/deaf")], memory={**FEW, "blocks": 2},
            timeouts={"stall": "1s", "stream_idle": "60s"}) as house:
        client = H2Client(connect_tls(house.https, certificates), connection_window=1 << 20).wait_for_settings()
        stream = client.post("/up/deaf", b"x" * (24 << 20), end=False)
        uploading = threading.Thread(target=client.wait, args=(stream,), kwargs={"seconds": 20})
        uploading.start()
        wait_until(lambda: uploads(house).get("/up/deaf", {"pause": ""})["pause"].endswith("backend_slow"), "the backend's socket is full")
        with contextlib.closing(open_upload(house, certificates, "/up/next", b"x")):
            wait_until(lambda: uploads(house).get("/up/next", {"blocks": 0})["blocks"] == 1, "it has the block")
        uploading.join()
        line = house.wait_for_access(lambda line: line["path"] == "/up/deaf", "who held it has paid")
        assert line["status"] == 504 and house.metric_sum("gateway_evictions_total") == 1, line
        is_over.set()
        client.close()


def put(house, certificates, name):
    client = H2Client(connect_tls(house.https, certificates), connection_window=1 << 30).wait_for_settings()
    stream = client.h2.get_next_available_stream_id()
    client.send_headers(stream, client.head("PUT", f"/up/{name}"))
    client.send_body(stream, b"x" * 100_000)
    status = client.wait(stream, seconds=20)[0].status
    client.close()
    return status
