"""Ending in order: what was accepted is answered, what was not is told so, and the second signal waits for nothing."""

import signal
import threading
import time

import pytest

from support.environment import PATIENCE, SANITIZED, wait_until
from support.gateway import cluster
from support.h2_client import H2Client, connect_tls, drain_under
from support.h2_peer import NO_LIMIT, Closed
from support.process import accepts

DEMO = {"name": "app", "protocol": "demo"}


class Load(threading.Thread):
    """A client that keeps `width` requests under way until it hears a GOAWAY, then waits for those that were accepted."""

    def __init__(self, house, certificates, path, width=10):
        super().__init__(daemon=True)
        self.client = H2Client(connect_tls(house.https, certificates))
        self.path, self.width = path, width
        self.sent = []
        self.closed_early = False
        self.start()

    def answered(self):
        return sum(stream.ended for stream in list(self.client.streams.values()))

    def run(self):
        try:
            while not self.client.goaways:
                under_way = len(self.sent) - sum(stream.over() for stream in self.client.streams.values())
                self.sent += [self.client.get(self.path) for _ in range(self.width - under_way)]
                self.client.receive(5 * PATIENCE)
            self.client.receive_to_close(20)
        except Closed:
            self.closed_early = True

    def unanswered(self):
        """Of those that the last GOAWAY says were accepted."""
        last = self.client.goaways[-1].last_stream_id
        streams = self.client.streams
        return [i for i in self.sent if i <= last and not (i in streams and streams[i].ended and streams[i].status == 200)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_every_accepted_request_is_answered(gateway, certificates, nginx, number):
    (nginx.files / "page").write_bytes(b"x" * 100000)
    with gateway(cluster("app", "http/1.1", nginx.address), workers=2) as house:
        loads = [Load(house, certificates, "/page") for _ in range(4)]
        wait_until(lambda: all(load.answered() > 50 for load in loads), "the load runs", 20)
        house.signal(number)
        for load in loads:
            load.join(20 * PATIENCE)
            assert not load.is_alive() and load.client.goaways and not load.closed_early
            assert load.unanswered() == []
        assert house.wait(10) == 0
        assert {line["status"] for line in house.access_log()} == {200}


def test_the_going_away_has_two_steps(gateway, certificates):
    with gateway(DEMO) as house:
        client, stream = drain_under(house, certificates, "/delay/500")
        assert client.goaways[0].last_stream_id == NO_LIMIT and client.goaways[0].code == 0
        reply, = client.wait(stream)
        assert (reply.status, reply.ended) == (200, True)
        client.receive_to_close()
        assert client.goaways[-1].last_stream_id < NO_LIMIT
        assert client.goaways[-1].last_stream_id >= stream
        assert house.wait(5) == 0


def test_an_upload_under_way_is_finished(gateway, certificates):
    with gateway(DEMO) as house:
        client = H2Client(connect_tls(house.https, certificates))
        stream = client.post("/echo", b"first ", end=False)
        client.receive_until(lambda: stream in client.streams and client.streams[stream].body == b"first ")
        house.signal(signal.SIGTERM)
        client.receive_until(lambda: client.goaways)
        client.send_body(stream, b"second")
        reply, = client.wait(stream)
        assert (reply.ended, reply.body) == (True, b"first second")
        assert house.wait(5) == 0


def test_idle_connections_do_not_hold_it_up(gateway, certificates):
    with gateway(DEMO, timeouts={"drain": "60s"}) as house:
        clients = [H2Client(connect_tls(house.https, certificates)) for _ in range(10)]
        for client in clients:
            client.fetch("/")
        house.signal(signal.SIGTERM)
        for client in clients:
            client.receive_to_close()
        assert house.wait(5) == 0


def test_a_second_signal_ends_at_once(gateway, certificates):
    with gateway(DEMO, timeouts={"drain": "60s"}) as house:
        client = H2Client(connect_tls(house.https, certificates))
        client.get("/delay/50000")
        client.fetch("/")
        house.signal(signal.SIGTERM)
        client.receive_until(lambda: client.goaways)
        began = time.monotonic()
        house.signal(signal.SIGTERM)
        assert house.wait(3) not in (-signal.SIGSEGV, -signal.SIGABRT)
        assert SANITIZED or time.monotonic() - began < 1


def test_the_drain_has_an_end(gateway, certificates):
    with gateway(DEMO, timeouts={"drain": "1s"}) as house:
        client = H2Client(connect_tls(house.https, certificates))
        client.get("/delay/50000")
        client.fetch("/")
        began = time.monotonic()
        house.signal(signal.SIGTERM)
        house.wait(5)
        assert time.monotonic() - began >= 0.9


def test_a_draining_gateway_takes_no_new_connections(gateway, certificates):
    with gateway(DEMO) as house:
        client, stream = drain_under(house, certificates, "/delay/1500")
        wait_until(lambda: not accepts(house.https), "the listener is closed", 1)
        assert client.wait(stream)[0].status == 200
        assert house.wait(5) == 0
