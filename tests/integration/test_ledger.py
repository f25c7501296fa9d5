"""The budget is the whole process: connections, streams and heads are admitted by it, and it can change while the gateway runs.

Scenarios B1, B2 and B3 of the promise. Resident memory is compared with what the gateway says at its start: base + budget.
"""

import contextlib
import json
import re
import signal
import ssl
import threading

import pytest

from support.environment import SANITIZED, SLOW, scaled, wait_until
from support.gateway import cluster, route
from support.h1_backend import H1Backend
from support.h1_client import H1Client
from support.h2_backend import H2Backend
from support.h2_client import PREFACE, SETTINGS_TYPE, H2Client, connect, connect_tls, frame, read_all
from support.header_bombs import BOMBS, END_HEADERS, END_STREAM, HEADERS, NEWEST, POST_HTTPS, literal, string, throw_bombs

KIB = 1 << 10
MIB = 1 << 20
DEMO = {"name": "demo", "protocol": "demo"}
CANCEL, CONTINUATION = 8, 9
BASE = re.compile(r"fixed base (\d+) KiB; budget ([\d.]+) MiB")


def expect_inside_budget(house, budget):
    """At no time since it started was more resident than base + budget."""
    base, told = BASE.search(house.log()).groups()
    assert float(told) * MIB == budget
    if not SANITIZED:  # shadow memory is not ours
        assert house.peak_memory() <= int(base) * KIB + budget, f"{house.peak_memory()} beyond {base} KiB and {budget}"


def counter(house, name):
    return house.metrics()[f"gateway_{name}_total"]


# ---- B1: idle connections ----

def idle_connections(house, certificates, most):
    """TLS connections that say their SETTINGS and nothing else, until one is not accepted; that one is not among them."""
    context = ssl.create_default_context(cafile=str(certificates.ca))
    context.set_alpn_protocols(["h2"])
    opened = []
    while len(opened) < most:
        sock = connect(house.https)
        sock.settimeout(2 if opened else 20)
        try:
            client = context.wrap_socket(sock, server_hostname="localhost")
        except TimeoutError:
            sock.close()
            break
        client.sendall(PREFACE + frame(SETTINGS_TYPE))
        opened.append(client)
    return opened


def test_b1_at_the_budget_accepting_pauses_and_existing_traffic_runs(gateway, certificates):
    budget, most = (64 * MIB, 2000) if SLOW else (16 * MIB, 600)
    memory = {"budget": budget, "blocks": budget // 8 // (16 * KIB)}
    with gateway(DEMO, workers=2, memory=memory) as house:
        good = H2Client(connect_tls(house.https, certificates))
        assert good.fetch("/bytes/1000").status == 200
        idle = idle_connections(house, certificates, most)
        assert len(idle) > budget // MIB * 8, "idle connections cost more than was measured"
        assert len(idle) < most, "nothing paused"
        assert counter(house, "accept_pauses") > 0
        house.wait_for_log(r"no more clients are accepted: \d+ KiB of \d+ KiB")

        for _ in range(20):
            assert good.fetch("/bytes/100000").status == 200
        late = threading.Thread(target=lambda: served.append(house.curl("/bytes/1000", timeout=30).status))
        served = []
        late.start()
        for client in idle[:len(idle) // 2]:
            client.close()
        late.join()
        assert served == [200], "who waited is accepted when there is room"
        house.wait_for_log(r"clients are accepted again", seconds=20)
        expect_inside_budget(house, budget)
        for client in idle:
            client.close()
        good.close()
        # What connections held goes back to the kernel.
        if not SANITIZED:
            base = int(BASE.search(house.log()).group(1)) * KIB
            wait_until(lambda: house.memory() < base + budget // 4, "memory goes back to the kernel", 20)


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's heap has no pages of a session's own")
@pytest.mark.parametrize("idle", ["5m", "0s", "6s"])
def test_idle_connections_give_back_what_they_have_for_work(gateway, certificates, idle):
    with gateway(DEMO, timeouts={"connection_idle": idle}) as house:
        clients = [H2Client(connect_tls(house.https, certificates)) for _ in range(100)]
        assert all(client.fetch("/").status == 200 for client in clients)
        working = house.memory()
        wait_until(lambda: house.memory() <= working - len(clients) * 7 * KIB, "two pages of each go back to the kernel", 10)
        for client in clients:
            if idle == "6s":  # its end is no later for it
                client.receive_until(lambda c=client: c.goaways, what="GOAWAY")
            else:
                assert client.fetch("/").status == 200
            client.close()


# ---- B2: header bombs ----

@pytest.mark.parametrize("bomb", BOMBS)
def test_b2_header_bombs_stay_inside_the_budget_and_good_clients_are_served(gateway, certificates, bomb):
    budget = 32 * MIB
    memory = {"budget": budget, "blocks": 256}
    limits = {"provoked_resets_per_second": 100000}
    with gateway(DEMO, workers=2, memory=memory, limits=limits, timeouts={"stall": "3s"}) as house:
        bad = [connect_tls(house.https, certificates) for _ in range(scaled(100, 30))]
        for sock in bad:
            with contextlib.suppress(OSError):  # it may be ended for standing still while it is not through yet
                throw_bombs(sock, b"/bytes/100000", BOMBS[bomb], 250)
        wait_until(lambda: counter(house, "streams_refused") > 0, "streams are refused", 20)
        for _ in range(10):
            assert house.curl("/bytes/100000", timeout=10).status == 200
        house.wait_for_log(r"streams are refused: \d+ KiB of \d+ KiB")
        expect_inside_budget(house, budget)
        for sock in bad:
            sock.close()
        wait_until(lambda: house.metrics()["gateway_exchanges_active"] <= 1, "the bombs are gone", 10)
        assert house.curl("/bytes/1000").status == 200


def test_b2_streams_that_wait_for_a_silent_backend_stay_inside_the_budget(gateway, certificates):
    budget = 16 * MIB
    done = threading.Event()
    with H1Backend(lambda *_: done.wait(60)) as behind:
        clusters = [DEMO, cluster("silent", "http/1.1", behind.address)]
        with gateway(*clusters, routes=[route("silent", "/silent/"), route("demo")], workers=1,
                     memory={"budget": budget, "blocks": 256}) as house:
            bad = [connect_tls(house.https, certificates) for _ in range(30)]
            for sock in bad:
                throw_bombs(sock, b"/silent/", BOMBS["references to a large field"], 250)
            wait_until(lambda: counter(house, "streams_refused") > 0, "streams are refused", 20)
            assert house.curl("/bytes/1000", timeout=10).status == 200
            expect_inside_budget(house, budget)
            for sock in bad:
                sock.close()
            wait_until(lambda: house.metrics()["gateway_exchanges_active"] <= 1, "all are given up", 10)
            done.set()


@pytest.mark.parametrize("kind", ["http/1.1", "h2"])
def test_b2_large_response_heads_stay_inside_the_budget_and_good_clients_are_served(gateway, certificates, kind):
    """Of a backend whose heads nobody reads: some are taken, the others' requests get 503."""
    budget, fields = 16 * MIB, [("x", "v" * 4000)] * 14
    done = threading.Event()

    def answer_h1(connection):
        connection.read_request()
        connection.send("HTTP/1.1 200 OK\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields) + "Content-Length: 9\r\n\r\n")
        done.wait(60)

    def answer_h2(connection, stream):
        connection.send_headers(stream.id, [(":status", "200"), *fields])

    with H1Backend(answer_h1) if kind == "http/1.1" else H2Backend(on_end=answer_h2) as behind:
        clusters = [DEMO, cluster("verbose", kind, behind.address, max_connections=500)]
        with gateway(*clusters, routes=[route("verbose", "/verbose/"), route("demo")], workers=1,
                     memory={"budget": budget, "blocks": 256}) as house:
            bad = [connect_tls(house.https, certificates) for _ in range(10)]
            for sock in bad:
                throw_bombs(sock, b"/verbose/", ((b"a", b"b"), 1), 100)
            wait_until(lambda: counter(house, "sections_refused") > 0, "heads are refused", 20)
            assert house.curl("/bytes/1000", timeout=10).status == 200
            house.wait_for_log(r"503 .*no memory for a header section of the response")
            expect_inside_budget(house, budget)
            for sock in bad:
                sock.close()
            wait_until(lambda: house.metrics()["gateway_exchanges_active"] <= 1, "all are given up", 10)
            done.set()
            expect_inside_budget(house, budget)


@pytest.mark.parametrize("rest", ["its end", "no field"])
def test_b2_a_head_in_http1_that_is_refused_before_it_is_whole_is_answered_once(gateway, certificates, rest):
    """What is read of it in the same turn comes behind the answer."""
    done = threading.Event()
    with H1Backend(lambda *_: done.wait(60)) as behind:
        clusters = [DEMO, cluster("silent", "http/1.1", behind.address)]
        with gateway(*clusters, routes=[route("silent", "/silent/"), route("demo")], workers=1,
                     memory={"budget": 32 * MIB, "blocks": 64}, limits={"provoked_resets_per_second": 100000}) as house:
            client = H1Client.to(house.h2c)
            bad = [connect_tls(house.https, certificates) for _ in range(30)]
            for sock in bad:
                throw_bombs(sock, b"/silent/", BOMBS["references to a large field"], 250)
            wait_until(lambda: counter(house, "requests") + counter(house, "streams_refused") > 30 * 250, "all have come", 20)
            used = house.metrics()["gateway_memory_used_bytes"]
            # In between the two bounds: no request may begin, and a section that has begun may go on.
            change(house, budget=int(used / 0.97 / 7 * 8) + 64 * 16 * KIB)
            house.wait_for_log(r"budget \S+ MiB instead of 32 MiB")
            field = f"x: {'v' * 1000}\r\n" if rest == "its end" else "no field\r\n"
            client.send(f"GET /?{'q' * 3000} HTTP/1.1\r\nHost: localhost\r\nx: {'v' * 1000}\r\n{field}\r\n")
            answer = read_all(client.sock)
            assert answer.startswith(b"HTTP/1.1 503 ") and answer.count(b"HTTP/1.1") == 1, answer
            assert answer.endswith(b"\r\n\r\n503 no memory for the request\n")
            for sock in bad:
                sock.close()
            done.set()


def test_b2_trailers_that_only_grow_are_cut_where_memory_ends(gateway):
    """They belong to requests that were admitted."""
    budget = 16 * MIB
    with gateway(DEMO, workers=1, memory={"budget": budget, "blocks": 64},
                 limits={"max_header_bytes": "1MiB", "max_header_fields": 10000}) as house:
        head = POST_HTTPS + literal(1, b"localhost") + literal(4, b"/delay/60000")
        bad = [connect(house.h2c) for _ in range(40)]
        for sock in bad:
            sock.sendall(PREFACE + frame(SETTINGS_TYPE) + frame(HEADERS, END_HEADERS, 1, head))
        wait_until(lambda: house.metrics()["gateway_exchanges_active"] > len(bad), "all have begun")  # and the admin's own
        assert counter(house, "sections_refused") == 0
        (name, value), _ = BOMBS["references to a large field"]
        for sock in bad:
            sock.sendall(frame(HEADERS, END_STREAM | END_HEADERS, 1, b"\x40" + string(name) + string(value) + NEWEST * 250))
        wait_until(lambda: counter(house, "sections_refused") > 0, "requests are reset")
        house.wait_for_log(r"trailers and response heads are refused: \d+ KiB of \d+ KiB")
        assert house.curl("/bytes/1000").status == 200
        expect_inside_budget(house, budget)
        for sock in bad:
            sock.close()


def test_fields_that_do_not_end_are_cut_where_memory_ends(gateway):
    """Nobody is asked for a part of a field; nothing but the connections can be ended."""
    budget = 16 * MIB
    with gateway(DEMO, workers=1, memory={"budget": budget, "blocks": 64}) as house:
        begun = POST_HTTPS + b"\x40" + string(b"x" * 60000) + string(b"v" * 60000)[:-1]
        bad = [connect(house.h2c) for _ in range(150)]
        for sock in bad:
            sock.sendall(PREFACE + frame(SETTINGS_TYPE))
        wait_until(lambda: house.metrics()["gateway_connections_open"] > len(bad), "all are there")
        assert counter(house, "headers_cut") == 0
        for sock in bad:
            with contextlib.suppress(OSError):  # it is cut
                sock.sendall(frame(HEADERS, END_STREAM, 1, begun[:16000]))
                for at in range(16000, len(begun), 16000):
                    sock.sendall(frame(CONTINUATION, 0, 1, begun[at:at + 16000]))
        wait_until(lambda: counter(house, "headers_cut") > 0, "connections are ended")
        house.wait_for_log(r"connections end that send a header section: \d+ KiB of \d+ KiB")
        for sock in bad:
            sock.close()
        wait_until(lambda: house.metrics()["gateway_connections_open"] <= 2, "they are gone")
        assert house.curl("/bytes/1000").status == 200
        expect_inside_budget(house, budget)


# ---- B3: the budget changes ----

SIZE = 30 * MIB  # five seconds at the rate that the downloads keep to


def change(house, **values):
    """Writes other values for keys that are there, and tells the gateway."""
    assert house.ask_admin("/healthz").status == 200, "it hears signals by now"
    text = house.config_path.read_text()
    for key, value in values.items():
        text, count = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", text)
        assert count == 1, text
    house.config_path.write_text(text)
    house.signal(signal.SIGHUP)


def test_b3_the_budget_follows_the_file_and_nothing_is_dropped(gateway, certificates):
    with gateway(DEMO, workers=2, memory={"budget": "64MiB", "blocks": 512}) as house:
        idle = H2Client(connect_tls(house.https, certificates))
        downloads = [house.curl(f"/bytes/{SIZE}", "--limit-rate", "6M", output="/dev/null", timeout=60) for _ in range(6)]
        wait_until(lambda: house.metrics()["gateway_exchanges_active"] >= len(downloads), "all are under way", 10)
        change(house, budget='"24MiB"', blocks=4)
        house.wait_for_log(r"budget 24 MiB instead of 64 MiB, 4 blocks instead of 512")
        assert house.pool()["pool_blocks"] == 4
        assert house.metrics()["gateway_memory_budget_bytes"] == 24 * MIB
        assert not all(download.done() for download in downloads), "too short to tell"
        assert [download.exit_code for download in downloads] == [0] * len(downloads)
        wait_until(lambda: sum(house.pool()["pool_blocks_used"].values()) <= 4, "what was beyond the cap is back")
        wait_until(lambda: house.pool()["pool_blocks_resident"] <= 4, "and its memory", 10)

        change(house, budget='"48MiB"', blocks=1024)
        house.wait_for_log(r"budget 48 MiB instead of 24 MiB")
        assert house.pool()["pool_blocks"] == 1024
        assert idle.fetch("/bytes/1000").status == 200
        idle.close()


def request_blocks(house, path):
    """Blocks that the request of the stream with this path holds."""
    rows = json.loads(house.ask_admin("/streams").body)["by_memory"]
    return next((row["request"]["blocks"] for row in rows if row["path"] == path), 0)


def test_b3_a_stream_may_hold_its_share_of_the_blocks_that_there_are_now(gateway):
    """A sixteenth of them: as many as are promised to a client that has sent much."""
    with gateway(DEMO, workers=1, memory={"budget": "64MiB", "blocks": 16}) as house:
        client = H2Client(connect(house.h2c)).wait_for_settings()

        def most_promised():
            stream = client.post("/delay/60000", b"x" * 4 * MIB, end=False)
            client.receive_until(lambda: client.unsent(stream) == 0)
            blocks = wait_until(lambda: request_blocks(house, "/delay/60000"), "the credit for more")
            client.reset(stream, CANCEL)
            return blocks
        assert most_promised() == 1
        change(house, blocks=1024)
        house.wait_for_log(r"1024 blocks instead of 16")
        assert most_promised() > 8
        client.close()


def test_a_mistake_in_the_file_changes_nothing_and_is_told_with_its_place(gateway):
    with gateway(DEMO, memory={"budget": "64MiB", "blocks": 512}) as house:
        change(house, blocks=1000000)
        house.wait_for_log(r"gateway\.toml:\d+:\d+: memory\.blocks is 1000000, but .* at most 4080 would fit")
        house.wait_for_log(r"nothing is changed")
        assert house.pool()["pool_blocks"] == 512


def test_what_needs_a_restart_is_told(gateway):
    with gateway(DEMO, memory={"budget": "64MiB", "blocks": 512}) as house:
        change(house, blocks=256, drain='"6s"')
        house.wait_for_log(r"needs a restart: timeouts")
        assert house.pool()["pool_blocks"] == 256
