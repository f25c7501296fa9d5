"""Endpoints are taken out by checks that fail, and by connects that fail, and come back. Scenarios C3 and C4."""

import json
import math
import signal
import socket
import threading
import time

import pytest
from h2.settings import SettingCodes

from support.environment import scaled, wait_until
from support.gateway import cluster
from support.h1_backend import H1Backend
from support.h2_backend import H2Backend, answer
from support.h2_client import H2Client, connect, connect_tls
from support.peers import Nginx
from support.process import free_port

KIB = 1 << 10
CHECK_MS = scaled(400, 1500)  # two in a row must not fail for want of a core alone
QUICK = {"path": "/health", "interval": f"{CHECK_MS}ms", "timeout": f"{CHECK_MS}ms", "healthy": 2, "unhealthy": 2}


def endpoints(house):
    """What /endpoints tells, by address."""
    page = house.ask_admin("/endpoints")
    assert page.status == 200 and "json" in page.header("content-type")
    return {entry["endpoint"]: entry for entry in json.loads(page.body)["endpoints"]}


def wait_for_state(house, address, state, seconds=5.0):
    return wait_until(lambda: (entry := endpoints(house)[address])["state"] == state and entry,
                      f"{address} is {state}", seconds)


def checks(house, result):
    return house.metric_sum(r'gateway_health_checks_total\{result="%s"\}' % result)


def bodies(house, count):
    """Of so many requests one after another: what each of them finds out is known to the next."""
    found = set()
    for _ in range(count):
        reply = house.curl("/")
        assert reply.status == 200
        found.add(reply.body)
    return found


class Patient:
    """A backend of either protocol that answers with its name, and to checks with what the test says."""

    def __init__(self, kind, name):
        self.name, self.status, self.body, self.checks = name.encode(), 200, b"fine", []
        self.backend = H1Backend(self._serve_h1) if kind == "http/1.1" else H2Backend(on_end=self._answer_h2)

    def __enter__(self):
        self.address = self.backend.address
        return self

    def __exit__(self, *_):
        self.backend.__exit__()

    def _serve_h1(self, connection):
        while request := connection.read_request():
            if request.line.split()[1].startswith("/health"):
                self.checks.append((request.line, dict(request.fields)))
                connection.answer(self.body, f"{self.status} Told")
            else:
                connection.answer(self.name)

    def _answer_h2(self, connection, stream):
        head = dict(stream.head)
        if head[":path"].startswith("/health"):
            self.checks.append((f"{head[':method']} {head[':path']}", {"host": head[":authority"], **head}))
            answer(connection, stream, self.status, self.body)
        else:
            answer(connection, stream, body=self.name)


@pytest.fixture(params=["http/1.1", "h2"])
def kind(request):
    return request.param


def test_an_endpoint_whose_checks_fail_gets_nothing_and_comes_back(gateway, kind):
    with Patient(kind, "a") as a, Patient(kind, "b") as b:
        with gateway(cluster("app", kind, a.address, b.address, health=QUICK)) as house:
            assert bodies(house, 6) == {b"a", b"b"}
            a.status = 500
            entry = wait_for_state(house, a.address, "down")
            assert entry["why"] == "status 500" and entry["checks"]["failed"] >= 2
            assert bodies(house, 6) == {b"b"}
            assert house.metric_sum(rf'gateway_endpoint_up\{{cluster="app",endpoint="{a.address}"\}}') == 0
            assert house.metric_sum(rf'gateway_endpoint_up\{{cluster="app",endpoint="{b.address}"\}}') == 1
            house.wait_for_log(rf"warning health: endpoint {a.address} of cluster app is down: 2 checks in a row failed, "
                               r"the last: status 500")
            a.status = 204
            a.body = b""
            wait_for_state(house, a.address, "up")
            house.wait_for_log(rf"endpoint {a.address} of cluster app is up")
            assert bodies(house, 6) == {b"a", b"b"}


def test_the_request_of_a_check(gateway, kind):
    with Patient(kind, "a") as a:
        health = {**QUICK, "path": "/health?deep=1", "host": "app.internal:99"}
        with gateway(cluster("app", kind, a.address, health=health)) as house:
            wait_until(lambda: len(a.checks) >= 3, "checks")
            line, fields = a.checks[0]
            assert line.startswith("GET /health?deep=1") and fields["host"] == "app.internal:99"
            assert house.access_log() == [], "checks are no requests of clients"
            assert len(a.backend.connections) == 1, "one connection is kept for them"


def test_a_check_is_of_one_worker(gateway):
    with Patient("http/1.1", "a") as a:
        with gateway(cluster("app", "http/1.1", a.address, health=QUICK), workers=4) as house:
            wait_until(lambda: checks(house, "ok") >= 3, "checks")
            assert len(a.backend.connections) == 1


def test_an_endpoint_that_accepts_and_says_nothing_is_down_in_time(gateway):
    with socket.create_server(("127.0.0.1", 0)) as mute, Patient("http/1.1", "b") as b:
        address = "127.0.0.1:%d" % mute.getsockname()[1]
        with gateway(cluster("app", "http/1.1", address, b.address, health=QUICK)) as house:
            entry = wait_for_state(house, address, "down")
            assert entry["why"] == f"no response within {CHECK_MS} ms"
            assert bodies(house, 6) == {b"b"}


def test_when_all_are_down_the_answer_is_503_at_once(gateway, tmp_path):
    with Nginx(tmp_path / "server") as server:
        (server.files / "health").write_bytes(b"fine")
        (server.files / "page").write_bytes(b"page")
        with gateway(cluster("app", "http/1.1", server.address, health=QUICK)) as house:
            wait_until(lambda: checks(house, "ok") >= 1, "a check")
            server.signal(signal.SIGSTOP)
            wait_for_state(house, server.address, "down")
            reply = house.curl("/page", timeout=2)
            assert reply.status == 503
            assert b"no endpoint in cluster app is up (1 down)" in reply.body
            server.signal(signal.SIGCONT)
            wait_for_state(house, server.address, "up")
            assert house.curl("/page").body == b"page"


def test_c4_a_check_that_got_no_block_says_nothing(gateway, certificates, nginx):
    (nginx.files / "large").write_bytes(b"x" * 4096 * KIB)
    with Patient("http/1.1", "a") as a, PoolHolder(gateway, certificates, nginx, a) as holder:
        house = holder.house
        wait_until(lambda: checks(house, "ok") >= 2, "checks while there are blocks")
        holder.hold()
        a.body = b"x" * 64 * KIB
        before = checks(house, "inconclusive")
        wait_until(lambda: checks(house, "inconclusive") >= before + 3, "checks that got no block")
        entry = endpoints(house)[a.address]
        assert (entry["state"], entry["checks"]["failed"]) == ("up", 0)
        a.status = 500
        wait_for_state(house, a.address, "down")  # a head needs no block
        holder.let_go()
        a.status = 200
        wait_for_state(house, a.address, "up")


def test_c3_the_admin_pages_answer_with_the_pool_empty(gateway, certificates, nginx):
    (nginx.files / "large").write_bytes(b"x" * 4096 * KIB)
    with Patient("http/1.1", "a") as a, PoolHolder(gateway, certificates, nginx, a) as holder:
        holder.hold()
        for page in ("/", "/healthz", "/readyz", "/stats.json", "/metrics", "/pool", "/endpoints"):
            reply = holder.house.ask_admin(page, timeout=1)
            assert (reply.status, reply.exit_code) == (200, 0), page
            assert reply.body.endswith(b"\n"), page


def test_c3_a_page_larger_than_its_own_memory_needs_no_block_and_pauses_for_its_reader(gateway, certificates, nginx):
    (nginx.files / "large").write_bytes(b"x" * 4096 * KIB)
    many = cluster("many", "http/1.1", *(f"127.0.0.1:{port}" for port in range(1, 401)))
    with Patient("http/1.1", "a") as a, PoolHolder(gateway, certificates, nginx, a, many) as holder:
        holder.hold()
        page = holder.house.ask_admin("/endpoints", timeout=1)
        assert (page.status, page.exit_code) == (200, 0) and len(page.body) > 80 * KIB
        assert len(json.loads(page.body)["endpoints"]) == 402
        reader = H2Client(connect(holder.house.admin), settings={SettingCodes.INITIAL_WINDOW_SIZE: 1000}, consume=False)
        stream = reader.get("/endpoints")
        reader.receive_until(lambda: stream in reader.streams and len(reader.streams[stream].body) == 1000)
        reader.h2.increment_flow_control_window(1 << 20)
        reader.h2.increment_flow_control_window(1 << 20, stream)
        reader.flush()
        reply, = reader.wait(stream)
        assert reply.ended and len(json.loads(reply.body)["endpoints"]) == 402
        reader.close()


class PoolHolder:
    """A gateway with hardly a block, and a client that can hold all of those for responses."""

    def __init__(self, gateway, certificates, nginx, patient, *more):
        self.certificates = certificates
        routes = [{"host": "*", "path": "/", "cluster": "files"}, {"host": "*", "path": "/app/", "cluster": "app"}]
        routes += [{"host": "*", "path": f"/{c['name']}/", "cluster": c["name"]} for c in more]
        self.house = gateway(cluster("files", "http/1.1", nginx.address),
                             cluster("app", "http/1.1", patient.address, health=QUICK), *more, routes=routes,
                             memory={"budget": "64MiB", "blocks": 2}, timeouts={"stall": "60s"})

    def __enter__(self):
        self.house.__enter__()
        self.client = None
        return self

    def hold(self):
        self.client = H2Client(connect_tls(self.house.https, self.certificates), consume=False)
        self.streams = [self.client.get("/large") for _ in range(4)]
        wait_until(lambda: sum(self.house.pool()["pool_waiting"].values()) > 0, "somebody waits for a block")

    def let_go(self):
        if self.client:
            for stream in self.streams:
                self.client.reset(stream, 8)
            self.client.close()
            self.client = None

    def __exit__(self, *failure):
        self.let_go()
        self.house.__exit__(*failure)


def test_an_endpoint_that_refuses_connections_is_left_out_and_tried_again(gateway):
    port = free_port()
    dead = f"127.0.0.1:{port}"
    with Patient("http/1.1", "b") as b:
        with gateway(cluster("app", "http/1.1", dead, b.address), workers=1) as house:
            began = time.monotonic()

            def retried_as_trials_allow():
                """Three that took it out, and a trial after 1 s, 2 s more, 4 s more ..., if somebody asked so late."""
                retries = house.metric_sum("gateway_retries_total")
                return 3 <= retries <= 3 + int(math.log2(1 + time.monotonic() - began))

            assert bodies(house, 8) == {b"b"}  # the first three were tried twice
            assert house.metric_sum("gateway_endpoints_out_total") == 1
            house.wait_for_log(rf"warning health: endpoint {dead} is out: 3 connects failed in a row")
            entry = endpoints(house)[dead]
            assert entry["state"] == "out" and "refused" in entry["why"].lower() and entry["checks"] is None
            assert retried_as_trials_allow()
            assert bodies(house, 20) == {b"b"}
            assert retried_as_trials_allow()
            with H1Backend(lambda connection: connection.read_request() and connection.answer(b"a"), port=port):
                wait_until(lambda: house.curl("/").body == b"a", "a trial", 10)
                assert wait_for_state(house, dead, "up")["connect_failures"] == 0
                house.wait_for_log(rf"endpoint {dead} is in: it takes connections again")
                assert bodies(house, 6) == {b"a", b"b"}


def test_the_only_endpoint_is_tried_though_it_is_out(gateway):
    port = free_port()
    with gateway(cluster("app", "http/1.1", f"127.0.0.1:{port}"), workers=1) as house:
        assert {house.curl("/").status for _ in range(6)} == {502}
        assert endpoints(house)[f"127.0.0.1:{port}"]["state"] == "out"
        with H1Backend(lambda connection: connection.read_request() and connection.answer(b"back"), port=port):
            assert house.curl("/").body == b"back", "served from the moment of its return"


def test_a_server_that_ends_and_starts_again_is_found_by_the_checks(gateway, tmp_path):
    with Nginx(tmp_path / "server") as server:
        (server.files / "health").write_bytes(b"fine")
        with gateway(cluster("app", "http/1.1", server.address, health=QUICK)) as house:
            wait_until(lambda: checks(house, "ok") >= 1, "a check")
            server.kill()
            assert "refused" in wait_for_state(house, server.address, "down")["why"].lower()
            server.start()
            wait_for_state(house, server.address, "up")
            assert house.curl("/health").body == b"fine"
