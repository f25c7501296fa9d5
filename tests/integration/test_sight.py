"""An operator sees from /pool and /streams alone who holds the memory, who waits for it and why, and afterwards in the access log."""

import json
import threading

from h2.settings import SettingCodes

from support.environment import wait_until
from support.gateway import cluster, route
from support.h1_backend import H1Backend
from support.h2_client import H2Client, connect, connect_tls

KIB = 1 << 10
FEW = {"budget": "64MiB"}
DEMO = {"name": "app", "protocol": "demo"}
INITIAL_WINDOW_SIZE = 4
CANCEL = 8


def streams(house, query=""):
    page = house.ask_admin("/streams" + query)
    assert page.status == 200, page.body
    return json.loads(page.body)


def waiting(house):
    return sum(house.pool()["pool_waiting"].values())


def slow_reader(house, count, path="/large"):
    """A client that asks `count` times and gives no window back."""
    client = H2Client(connect(house.h2c), consume=False)
    for _ in range(count):
        client.get(path)
    return client


def test_slow_readers_are_found_from_the_pages_alone(gateway, nginx, certificates):
    (nginx.files / "large").write_bytes(b"x" * 4096 * KIB)
    (nginx.files / "page").write_bytes(b"x" * 40 * KIB)
    with gateway(cluster("files", "http/1.1", nginx.address), workers=2, memory={**FEW, "blocks": 8},
                 timeouts={"stall": "60s"}) as house:
        # More connections than blocks: one alone does not get all of them.
        slow = [slow_reader(house, 2) for _ in range(12)]
        wait_until(lambda: waiting(house) > 0, "the pool is empty")
        good = H2Client(connect_tls(house.https, certificates))
        stream = good.get("/page")
        wait_until(lambda: any(row["path"] == "/page" for row in streams(house)["by_memory"]), "the good client's stream")

        # Someone says that the service is slow. Is memory short, and which way?
        pool = house.pool()
        assert pool["pool_waiting_responses"]["leave"] > 0 and pool["pool_waiting_requests"]["invite"] == 0
        assert pool["pool_blocks_filled"]["response"] >= 5 and pool["pool_blocks_free"] <= 2
        # Who has it?
        page = streams(house)
        assert page["workers_missing"] == 0 and page["streams"] >= 21
        first = page["by_memory"][0]
        assert first["path"] == "/large" and first["cluster"] == "files" and first["endpoint"] == nginx.address
        assert first["client"] == "127.0.0.1" and first["state"] == "responding" and first["blocks"] >= 1
        assert "window_closed" in first["response"]["pause"], first
        wait_until(lambda: streams(house)["by_memory"][0]["response"]["paused_ms"] > 500, "the time that it stands still")
        holders = [row for row in page["by_memory"] if row["blocks"] and row["endpoint"] != "admin"]
        assert len(holders) >= 5 and all(row["path"] == "/large" for row in holders), "the slow ones hold all of it"
        # And who waits for it?
        waits = [row for row in page["by_memory"] if "no_block" in row["response"]["pause"]]
        assert waits and all(row["response"]["blocks"] == 0 for row in waits)

        for client in slow:
            client.close()
        reply, = good.wait(stream)
        assert (reply.status, len(reply.body)) == (200, 40 * KIB)
        good.close()
        wait_until(lambda: waiting(house) == 0, "nobody waits any more")
        pool = house.pool()
        assert pool["pool_wait"]["leave"]["count"] > 0 and pool["pool_wait"]["leave"]["p99_ms"] > 1
        hand_overs = pool["pool_hand_over"]
        assert hand_overs["own"]["count"] + hand_overs["other"]["count"] > 0
        line = house.wait_for_access(lambda line: line["path"] == "/page")
        assert line["pause"] == "" or line["paused_ms"] >= 1 or "slow" in line["pause"]


def test_a_closed_window_of_one_stream_is_told_from_that_of_its_connection(gateway, nginx):
    (nginx.files / "large").write_bytes(b"x" * 1024 * KIB)
    with gateway(cluster("files", "http/1.1", nginx.address), timeouts={"stall": "60s"}) as house:
        for whose, wide in (("client", 1 << 24), ("connection", None)):
            settings = {SettingCodes.INITIAL_WINDOW_SIZE: 1000 if wide else 1 << 20}
            client = H2Client(connect(house.h2c), consume=False, connection_window=wide, settings=settings)
            stream = client.get(f"/large?{whose}")

            def pause(path=f"/large?{whose}"):
                row = next((row for row in streams(house)["by_memory"] if row["path"] == path), None)
                return row and "window_closed" in row["response"]["pause"] and row["response"]["pause"].split("+")
            windows = [reason for reason in wait_until(pause, "a window is closed") if "window" in reason]
            assert windows == [f"{whose}_window_closed"]
            client.reset(stream, CANCEL)
            client.close()


def test_a_socket_that_is_not_read_is_told_from_a_closed_window(gateway, nginx):
    (nginx.files / "huge").write_bytes(b"x" * 16384 * KIB)
    with gateway(cluster("files", "http/1.1", nginx.address), timeouts={"stall": "60s"}) as house:
        client = H2Client(connect(house.h2c, receive_buffer=4096), connection_window=1 << 30,
                          settings={SettingCodes.INITIAL_WINDOW_SIZE: 1 << 30}).wait_for_settings()
        stream = client.get("/huge")

        def pause():
            row = next((row for row in streams(house)["by_memory"] if row["path"] == "/huge"), None)
            return row and "socket_full" in row["response"]["pause"] and row["response"]["pause"]
        assert "window" not in wait_until(pause, "a full socket")
        client.reset(stream, CANCEL)
        client.close()


def test_an_upload_that_is_silent_is_told_from_a_request_that_waits_for_its_answer(gateway, certificates):
    with gateway(DEMO, timeouts={"stall": "60s"}) as house:
        client = H2Client(connect_tls(house.https, certificates), connection_window=1 << 20).wait_for_settings()
        stream = client.post("/echo", b"x" * 20 * KIB, end=False)
        client.receive_until(lambda: stream in client.streams and len(client.streams[stream].body) == 20 * KIB)

        def silent():
            row = next(row for row in streams(house)["by_memory"] if row["path"] == "/echo")
            return "client_silent" in row["request"]["pause"] and row["request"]["promised"] > 0 and row
        row = wait_until(silent, "a client that has credit and sends nothing")
        assert row["request"]["blocks"] >= 1 and row["method"] == "POST"
        client.reset(stream, CANCEL)
        client.close()

    # Nothing is told of a backend that is merely slow to answer a request without a body.
    with gateway(DEMO) as house:
        client = H2Client(connect_tls(house.https, certificates))
        stream = client.get("/delay/5000")
        row = wait_until(lambda: next((row for row in streams(house)["by_memory"] if row["path"] == "/delay/5000"), None),
                         "the stream that waits")
        assert row["state"] in ("sent", "waiting") and row["request"]["pause"] == "none"
        client.reset(stream, CANCEL)
        client.close()


def test_the_page_shows_the_largest_and_counts_all(gateway, nginx, certificates):
    (nginx.files / "large").write_bytes(b"x" * 1024 * KIB)
    with gateway(cluster("files", "http/1.1", nginx.address), workers=2, timeouts={"stall": "60s"}) as house:
        clients = [slow_reader(house, 10) for _ in range(6)]
        wait_until(lambda: streams(house)["streams"] >= 60, "all streams")
        wait_until(lambda: streams(house)["by_memory"][0]["blocks"] > 0, "blocks that are held")
        page = streams(house, "?limit=7")
        assert page["shown"] == len(page["by_memory"]) == 7 and page["streams"] >= 60
        blocks = [row["blocks"] for row in page["by_memory"]]
        assert blocks == sorted(blocks, reverse=True) and blocks[0] > 0
        everything = streams(house, "?limit=1000")["by_memory"]
        assert max(row["blocks"] for row in everything) == everything[0]["blocks"]
        assert len({(row["connection"], row["stream"]) for row in everything}) == len(everything)
        assert house.ask_admin("/streams?limit=0").status == 400
        for client in clients:
            client.close()


def test_the_largest_are_shown_though_they_came_last(gateway, nginx):
    """Each worker looks for its own largest: here are more streams than are asked for, and the first hold nothing."""
    (nginx.files / "large").write_bytes(b"x" * 1024 * KIB)
    with H1Backend(lambda connection: connection.read_head() and connection.closed_by_peer()) as mute, gateway(
            cluster("files", "http/1.1", nginx.address), cluster("mute", "http/1.1", mute.address), workers=1,
            routes=[route("files"), route("mute", "/mute")], timeouts={"stall": "60s"}) as house:
        small = [slow_reader(house, 10, "/mute") for _ in range(2)]
        wait_until(lambda: streams(house)["streams"] >= 20, "those that hold nothing")
        large = [slow_reader(house, 3) for _ in range(2)]
        wait_until(lambda: sum(row["path"] == "/large" and row["blocks"] > 0 for row in streams(house)["by_memory"]) == 6, "those that hold blocks")
        page = streams(house, "?limit=6")
        assert page["streams"] >= 26 and [row["path"] for row in page["by_memory"]] == ["/large"] * 6
        for client in small + large:
            client.close()


def test_the_pages_come_while_others_wait(gateway, nginx):
    """Far larger than a block, and than the memory of its own that it goes through."""
    (nginx.files / "large").write_bytes(b"x" * 1024 * KIB)
    with gateway(cluster("files", "http/1.1", nginx.address), workers=2, timeouts={"stall": "60s"},
                 memory={"blocks": 2, "block_size": "4KiB"}) as house:
        page = house.ask_admin("/streams?limit=1000")
        assert page.status == 200 and json.loads(page.body)["workers_missing"] == 0
        slow = [slow_reader(house, 80, "/large") for _ in range(2)]
        wait_until(lambda: streams(house, "?limit=1")["streams"] >= 160, "the streams of the slow readers", 20)
        page = house.ask_admin("/streams?limit=1000", timeout=5)
        assert page.exit_code == 0 and len(page.body) > 100 * KIB and json.loads(page.body)["shown"] >= 160
        for client in slow:
            client.close()


def test_the_access_log_says_what_was_waited_for(gateway, nginx, certificates):
    (nginx.files / "large").write_bytes(b"x" * 256 * KIB)
    with gateway(cluster("files", "http/1.1", nginx.address), workers=1, memory={**FEW, "blocks": 4}) as house:
        client = H2Client(connect_tls(house.https, certificates), consume=False)
        shut = client.get("/large?shut")
        client.receive_until(lambda: shut in client.streams and len(client.streams[shut].body) >= 65535)
        others = [client.get(f"/large?wait{i}") for i in range(6)]  # the connection's window is used up as well
        wait_until(lambda: waiting(house) > 0, "the pool is empty")
        wait_until(lambda: [stream["response"]["paused_ms"] > 300 for stream in streams(house)["by_memory"]
                            if stream["cluster"] == "files"] == [True] * 7, "a pause of each")
        client.consume = True
        client.h2.increment_flow_control_window(1 << 24)
        for stream in (shut, *others):
            client.h2.increment_flow_control_window(1 << 20, stream)
        client.flush()
        client.wait(shut, *others)
        line = house.wait_for_access(lambda line: line["path"] == "/large?shut")
        assert "client_slow" in line["pause"], line
        lines = [house.wait_for_access(lambda line, i=i: line["path"] == f"/large?wait{i}") for i in range(6)]
        waited = [line for line in lines if "no_block" in line["pause"]]
        assert waited and all(line["paused_ms"] >= 100 for line in waited), lines
        client.close()


def test_an_exchange_that_waits_for_nothing_says_nothing(gateway):
    with gateway(DEMO) as house:
        assert house.curl("/delay/100").status == 200
        assert house.wait_for_access(lambda line: line["path"] == "/delay/100")["pause"] == ""


def test_a_backend_that_does_not_take_an_upload_is_named(gateway, certificates):
    is_over = threading.Event()

    def deaf(connection):
        connection.read_head()
        is_over.wait(20)
    with H1Backend(deaf) as behind, gateway(cluster("app", "http/1.1", behind.address), timeouts={"stall": "60s"}) as house:
        client = H2Client(connect_tls(house.https, certificates)).wait_for_settings()
        stream = client.post("/up", b"x" * (24 << 20), end=False)

        def stuck():
            client.receive(0.05)
            return next((row for row in streams(house)["by_memory"]
                         if row["path"] == "/up" and "backend_slow" in row["request"]["pause"]), None)
        row = wait_until(stuck, "a backend that does not take", 20)
        assert row["request"]["blocks"] >= 1
        client.reset(stream, CANCEL)
        client.close()
        is_over.set()
