"""Connections whose peer is gone are found by PING; those that are old, or have served enough, are left in order."""

import signal
import threading
import time

import pytest

from support.curl import H2Load
from support.environment import PATIENCE, wait_until
from support.gateway import Gateway, cluster
from support.h1_backend import H1Backend
from support.h1_client import H1Client
from support.h2_backend import H2Backend, answer
from support.h2_client import H2Client, connect, connect_tls
from support.h2_peer import NO_LIMIT, Closed
from support.peers import Nghttpd
from support.relay import Relay

PING_TYPE = 6
DEMO = {"name": "app", "protocol": "demo"}
SOON = {"ping_interval": "400ms", "ping_timeout": "400ms"}
LEAST, MOST = 0.7, 0.8 + PATIENCE  # how long it takes to find out with SOON


def retired(house, reason, side="upstream_connections"):
    return house.metric_sum(rf'gateway_{side}_retired_total\{{reason="{reason}"\}}')


# ---- Dead peers ----

def test_a_stopped_backend_is_found_by_ping_and_served_from_again_on_a_new_connection(gateway, tmp_path):
    with Nghttpd(tmp_path / "server") as victim:
        (victim.files / "page").write_bytes(b"page")
        with gateway(cluster("app", "h2", victim.address, keep_alive=SOON), workers=1) as house:
            assert house.curl("/page").status == 200
            victim.signal(signal.SIGSTOP)
            began = time.monotonic()
            assert house.curl("/page").status == 502
            assert LEAST / 2 < time.monotonic() - began < MOST
            assert house.wait_for_log("the peer does not answer PING")
            victim.signal(signal.SIGCONT)
            assert house.curl("/page").body == b"page"
            assert retired(house, "ping") == 1
            assert house.metric_sum("gateway_upstream_connections_opened") == 2


def test_a_path_that_swallows_everything_costs_its_streams_and_no_others(gateway, certificates):
    def begin(connection, stream, ended):
        if stream.field(":path") == "/begun":
            connection.send_headers(stream.id, [(":status", "200")])
            connection.send_body(stream.id, b"half", end=False)

    def end(connection, stream):
        if stream.field(":path") == "/":
            answer(connection, stream)
    with H2Backend(begin, end) as behind, Relay(behind.address, 0) as path:
        with gateway(cluster("app", "h2", path.address, keep_alive=SOON), workers=1) as house:
            client = H2Client(connect_tls(house.https, certificates))
            begun, waiting, upload = client.get("/begun"), client.get("/waits"), client.post("/upload", b"x" * 1000, end=False)
            client.receive_until(lambda: begun in client.streams and client.streams[begun].body == b"half")
            wait_until(lambda: behind.requests() == 3, "the requests came")
            path.swallow()
            began = time.monotonic()
            replies = client.wait(begun, waiting, upload)
            assert time.monotonic() - began < MOST
            assert [reply.status for reply in replies] == [200, 502, 502]
            assert not replies[0].ended and replies[0].reset not in (None, 0)
            assert client.fetch("/").status == 200
            assert retired(house, "ping") == 1 and len(behind.connections) == 2
            client.close()


def test_a_full_socket_is_found_as_well(gateway, certificates):
    """PING could not leave: what the backend does not take tells."""
    def begin(connection, stream, ended):
        if connection.number == 1:
            connection.h2.increment_flow_control_window(1 << 24, stream.id)
            connection.flush()
            wait_until(lambda: ended_test, "the end of the test", 60)  # reads no more
    ended_test = []
    with H2Backend(begin) as behind:
        with gateway(cluster("app", "h2", behind.address, keep_alive=SOON), workers=1) as house:
            client = H2Client(connect_tls(house.https, certificates)).wait_for_settings()
            stream = client.post("/", b"x" * (1 << 24))
            try:
                assert client.wait(stream)[0].status == 502
                assert client.fetch("/").status == 200
                assert retired(house, "ping") == 1
            finally:
                ended_test.append(True)
            client.close()


def test_a_backend_that_is_only_slow_answers_and_is_waited_for(gateway):
    held = []
    with H2Backend(on_end=lambda connection, stream: held.append((connection, stream))) as behind:
        often = {"ping_interval": "50ms", "ping_timeout": "5s"}
        with gateway(cluster("app", "h2", behind.address, keep_alive=often), workers=1) as house:
            reply = house.curl("/")
            wait_until(lambda: held and held[0][0].frames[PING_TYPE] >= 3, "three PINGs")
            answer(*held[0])
            assert reply.status == 200
            assert retired(house, "ping") == 0


@pytest.mark.parametrize("listener", ["https", "h2c"])
def test_a_client_that_is_gone_loses_its_connection_and_one_that_answers_does_not(gateway, certificates, listener):
    with gateway(DEMO, listener={"keep_alive": SOON}) as house:
        to = (lambda: connect_tls(house.https, certificates)) if listener == "https" else (lambda: connect(house.h2c))
        gone, there = H2Client(to()), H2Client(to())
        for client in (gone, there):
            client.fetch("/")
            client.get("/delay/50000")
        began = time.monotonic()
        while not retired(house, "ping", "connections"):
            there.receive(0.05)  # which answers
            assert time.monotonic() - began < MOST
        house.wait_for_log("connection ended with 1 streams open: the peer does not answer PING")
        gone.receive_to_close()
        assert b"does not answer PING" in gone.goaways[-1].debug
        assert there.fetch("/").status == 200
        assert retired(house, "ping", "connections") == 1
        there.close()


# ---- Connections that have served enough ----

class Obedient(threading.Thread):
    """A client that keeps `width` requests under way until it is told to go, then takes what it asked for."""

    def __init__(self, sock, path="/", width=5):
        super().__init__(daemon=True)
        self.client = H2Client(sock)
        self.path, self.width = path, width
        self.sent = []
        self.start()

    def run(self):
        client = self.client
        while not client.goaways:
            over = sum(stream.over() for stream in client.streams.values())
            self.sent += [client.get(self.path) for _ in range(self.width - (len(self.sent) - over))]
            try:
                client.receive(5 * PATIENCE)
            except Closed:
                return
        client.receive_to_close(20)

    def expect_all_answered(self):
        self.join(30 * PATIENCE)
        assert not self.is_alive()
        first, last = self.client.goaways[0], self.client.goaways[-1]
        assert (first.last_stream_id, first.code) == (NO_LIMIT, 0)
        assert (last.last_stream_id, last.code) == (self.sent[-1], 0)
        assert [self.client.streams[i].status for i in self.sent] == [200] * len(self.sent)
        assert all(self.client.streams[i].ended for i in self.sent)


def test_after_max_requests_an_h2_client_is_told_to_go_and_loses_nothing(gateway, certificates):
    with gateway(DEMO, listener={"keep_alive": {"max_requests": 100}}) as house:
        clients = [Obedient(connect_tls(house.https, certificates)) for _ in range(4)]
        for client in clients:
            client.expect_all_answered()
            assert 100 <= len(client.sent) <= 100 + 2 * client.width
        assert retired(house, "max_requests", "connections") == 4


def test_a_client_that_does_not_answer_the_notice_cannot_stay(gateway, certificates):
    """Its requests do not put off the second GOAWAY."""
    with gateway(DEMO, listener={"keep_alive": {"max_requests": 1}}) as house:
        client = H2Client(connect_tls(house.https, certificates)).wait_for_settings()
        client.deaf = True
        stop = time.monotonic() + 10 * PATIENCE
        while len(client.goaways) < 2:
            assert time.monotonic() < stop
            try:
                client.get("/delay/10")
                client.receive(0.02)
            except Closed:
                break
        assert len(client.goaways) == 2 and client.goaways[1].last_stream_id < NO_LIMIT
        client.close()


def test_after_max_requests_an_http1_client_is_told_in_its_last_response(gateway):
    with gateway(DEMO, listener={"keep_alive": {"max_requests": 3}}) as house:
        client = H1Client.to(house.h2c)
        for _ in range(3):
            client.request("GET", "/")
        replies = [client.answer() for _ in range(3)]
        assert [(reply.status, reply.field("connection")) for reply in replies] == [(200, None), (200, None), (200, "close")]
        assert client.ended()
        client.close()


def test_h2load_in_http1_gets_all_it_asks_for(gateway, nginx):
    (nginx.files / "page").write_bytes(b"x" * 1000)
    with gateway(cluster("app", "http/1.1", nginx.address, keep_alive={"max_requests": 50}),
                 listener={"keep_alive": {"max_requests": 100}}) as house:
        H2Load(f"http://{house.h2c}/page", 2000, 4, 1, "--h1").expect_all_2xx()
        assert retired(house, "max_requests", "connections") == 20


def test_a_gateway_in_front_of_one_whose_connections_end_loses_nothing(gateway, certificates, tmp_path):
    """h2load itself does not connect again after GOAWAY; a gateway does, for the requests of h2load."""
    (tmp_path / "behind").mkdir()
    behind = Gateway(tmp_path / "behind", certificates, [DEMO], listener={"keep_alive": {"max_requests": 100}})
    with behind, gateway(cluster("app", "h2", behind.h2c)) as house:
        H2Load(f"https://{house.https}/bytes/1000", 2000, 4, 10).expect_all_2xx()
        assert 10 <= retired(behind, "max_requests", "connections") <= 20


def drive(house, certificates, enough):
    """Requests, ten at a time, until enough(); every one is answered with 200."""
    client = H2Client(connect_tls(house.https, certificates))
    stop = time.monotonic() + 15 * PATIENCE
    while not enough():
        assert time.monotonic() < stop
        assert {reply.status for reply in client.wait(*[client.get("/") for _ in range(10)])} == {200}
    client.close()


def all_told(house, behind):
    """The backend's connections with GOAWAY, once they are as many as the gateway has retired."""
    count, told = retired(house, "max_requests"), [c for c in behind.connections if c.goaways]
    return told if len(told) == count else None


def test_a_backend_in_h2_is_told_after_max_requests_and_nothing_is_lost(gateway, certificates):
    told_early = []

    def end(connection, stream):
        told_early.extend(connection.goaways)
        answer(connection, stream)
    with H2Backend(on_end=end) as behind:
        with gateway(cluster("app", "h2", behind.address, keep_alive={"max_requests": 7}), workers=1) as house:
            drive(house, certificates, lambda: behind.requests() >= 200)
            full = wait_until(lambda: all_told(house, behind), "a GOAWAY on each connection that was retired")
            assert len(full) >= 10
            assert {len(c.streams) for c in full} == {7} and told_early == []
            assert house.metric_sum("gateway_retries") == 0


def test_a_backend_in_http1_is_not_used_again_after_max_requests(gateway, certificates):
    with H1Backend() as behind:
        with gateway(cluster("app", "http/1.1", behind.address, keep_alive={"max_requests": 7}), workers=1) as house:
            drive(house, certificates, lambda: behind.requests() >= 200)
            assert max(c.requests for c in behind.connections) == 7
            assert retired(house, "max_requests") == sum(c.requests == 7 for c in behind.connections)
            assert house.metric_sum("gateway_retries") == 0


def test_a_connection_that_only_finishes_keeps_nobody_out(gateway, certificates):
    held = []

    def end(connection, stream):
        if stream.field(":path") == "/held":
            held.append((connection, stream))
        else:
            answer(connection, stream)
    with H2Backend(on_end=end) as behind:
        limits = {"max_connections": 1, "keep_alive": {"max_requests": 1}}
        with gateway(cluster("app", "h2", behind.address, **limits), workers=1) as house:
            client = H2Client(connect_tls(house.https, certificates))
            slow = client.get("/held")
            wait_until(lambda: held, "the first request is there")
            assert client.fetch("/").status == 200
            answer(*held[0])
            assert client.wait(slow)[0].status == 200
            client.close()


# ---- Connections that are old ----

YOUNG = {"max_age": "300ms"}
YOUNGEST = 0.27


def test_an_old_h2_client_is_told_to_go_and_loses_nothing(gateway, certificates):
    with gateway(DEMO, listener={"keep_alive": YOUNG}) as house:
        began = time.monotonic()
        client = Obedient(connect_tls(house.https, certificates), "/delay/20")
        client.expect_all_answered()
        assert time.monotonic() - began >= YOUNGEST
        assert retired(house, "max_age", "connections") == 1


def test_an_old_idle_h2_client_is_told_too(gateway, certificates):
    with gateway(DEMO, listener={"keep_alive": YOUNG}) as house:
        client = H2Client(connect_tls(house.https, certificates))
        client.receive_to_close()
        assert [g.code for g in client.goaways] == [0, 0]


def test_an_old_http1_client_is_told_in_its_next_response(gateway):
    with gateway(DEMO, listener={"keep_alive": YOUNG}) as house:
        client = H1Client.to(house.h2c)
        began = time.monotonic()
        while (reply := client.fetch("/")).field("connection") is None:
            assert reply.status == 200 and time.monotonic() - began < 5 * PATIENCE
        assert (reply.status, reply.field("connection")) == (200, "close")
        assert client.ended()
        assert time.monotonic() - began >= YOUNGEST
        client.close()


@pytest.mark.parametrize("kind, backend", [("h2", H2Backend), ("http/1.1", H1Backend)])
def test_an_old_connection_to_a_backend_is_replaced_and_nothing_is_lost(gateway, certificates, kind, backend):
    with backend() as behind:
        with gateway(cluster("app", kind, behind.address, keep_alive=YOUNG, max_connections=2), workers=1) as house:
            drive(house, certificates, lambda: retired(house, "max_age") >= 4)
            wait_until(lambda: house.metric_sum("gateway_upstream_connections_open$") == 0, "idle ones end by age too")
            assert house.metric_sum("gateway_retries") == 0
