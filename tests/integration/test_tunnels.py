"""What becomes of a tunnel: who may have one, how each side's end reaches the other, and time (RFC 6455 §4, RFC 8441 §5)."""

import json
import signal
import socket
import threading
import time

import pytest

from support.environment import wait_until
from support.gateway import cluster, route
from support.h1_backend import H1Backend
from support.h2_backend import H2Backend
from support.tunnels import TAKES_TUNNELS, TunnelBackend, open_tunnel

EVERYWHERE = [route("app", websocket=True)]
FRONTS = ["http/1.1", "h2"]
BEHIND = ["http/1.1", "h2"]
SIZE = 300_000


def at_both(test):
    return pytest.mark.parametrize("behind", BEHIND)(pytest.mark.parametrize("front", FRONTS)(test))


def under_tls_too(test):
    return pytest.mark.parametrize("behind", BEHIND)(pytest.mark.parametrize("front", [*FRONTS, "https/1.1"])(test))


@pytest.fixture
def pair(gateway, certificates):
    """pair(front, behind, **options): a gateway with a tunnel, as (house, client's tunnel, backend's side)."""
    stack = []

    def start(front, behind, **options):
        backend = TunnelBackend(behind)
        house = gateway(cluster("app", behind, backend.address), routes=EVERYWHERE, **options)
        stack.extend([backend, house])
        tunnel = open_tunnel(front, house, certificates)
        assert tunnel.status == (200 if front == "h2" else 101)
        return house, tunnel, backend.side()
    yield start
    if stack:
        backend, house = stack
        try:
            house.__exit__(None)
        finally:
            backend.__exit__()


def send_apart(tunnel, data, end=False):
    """From a thread of its own: the other side may not read yet."""
    thread = threading.Thread(target=tunnel.send, args=(data, end))
    thread.start()
    return thread


def send_to_the_end(sender, reader, data):
    """All of it and the sender's end arrive."""
    sending = send_apart(sender, data, end=True)
    assert reader.read_to_end() and reader.body == data
    sending.join()


def end_of(house, path="/"):
    return house.wait_for_access(lambda line: line["path"] == path and line["method"] == "CONNECT")["end"]


def gone(house):
    wait_until(lambda: house.metric_sum("^gateway_(exchanges_active|upstream_requests_active)") <= 1, "no exchange is left")
    house.expect_idle()


def expect_reset_to_pass_on(house, sender, reader):
    sender.send(b"hello")
    assert reader.read(5) == b"hello"
    sender.reset()
    assert not reader.read_to_end()
    assert end_of(house) != "complete"
    gone(house)


# ---- Ends ----


@under_tls_too
def test_the_clients_end_reaches_the_backend_which_goes_on(pair, front, behind):
    house, tunnel, side = pair(front, behind)
    send_to_the_end(tunnel, side, b"c" * SIZE)
    send_to_the_end(side, tunnel, b"b" * SIZE)
    assert end_of(house) == "complete"
    tunnel.close()


@under_tls_too
def test_the_backends_end_reaches_the_client_which_goes_on_to_the_last_byte(pair, front, behind):
    """The client's stream is over with its last byte, which the backend has not got by then."""
    house, tunnel, side = pair(front, behind)
    send_to_the_end(side, tunnel, b"b" * SIZE)
    send_to_the_end(tunnel, side, b"c" * SIZE)
    side.over.set()
    assert end_of(house) == "complete"
    tunnel.close()


@pytest.mark.parametrize("behind", BEHIND)
def test_under_tls_the_backends_end_is_close_notify(pair, behind):
    house, tunnel, side = pair("https/1.1", behind)
    side.send(b"bye", end=True)
    assert tunnel.read_to_end() and tunnel.body == b"bye"
    tunnel.send(b"and thanks")
    assert side.read(10) == b"and thanks"
    tunnel.client.sock.unwrap()
    assert side.read_to_end()
    side.over.set()
    assert end_of(house) == "complete"
    tunnel.close()


@pytest.mark.parametrize("behind", BEHIND)
def test_under_tls_fin_alone_is_no_end_of_the_client(pair, behind):
    """Whoever sits on the path can send it (RFC 8446 §6.1)."""
    house, tunnel, side = pair("https/1.1", behind)
    tunnel.send(b"half a mess")
    assert side.read(11) == b"half a mess"
    tunnel.client.sock.shutdown(socket.SHUT_WR)
    assert not side.read_to_end()
    assert "without close_notify" in end_of(house)
    tunnel.close()


@at_both
def test_a_client_that_vanishes_is_a_reset_for_the_backend(pair, front, behind):
    house, tunnel, side = pair(front, behind)
    expect_reset_to_pass_on(house, tunnel, side)


@at_both
def test_a_backend_that_vanishes_is_a_reset_for_the_client(pair, front, behind):
    house, tunnel, side = pair(front, behind)
    expect_reset_to_pass_on(house, side, tunnel)


@at_both
def test_a_side_that_vanishes_after_its_own_end_leaves_nothing_behind(pair, front, behind):
    house, tunnel, side = pair(front, behind)
    tunnel.send(b"bye", end=True)
    assert side.read_to_end()
    side.reset()
    tunnel.read_to_end()
    gone(house)


def test_many_that_vanish_in_midst_of_everything_leave_nothing_behind(gateway, certificates):
    for behind in BEHIND:
        with TunnelBackend(behind) as backend, gateway(cluster("app", behind, backend.address), routes=EVERYWHERE,
                                                       memory={"blocks": 4}) as house:
            tunnels = [open_tunnel(FRONTS[number % 2], house, certificates) for number in range(20)]
            senders = [send_apart(tunnel, b"c" * 20_000) for tunnel in tunnels]
            senders += [send_apart(backend.side(number), b"b" * 20_000) for number in range(20)]
            for sender in senders:
                sender.join()
            for number, tunnel in enumerate(tunnels):
                (tunnel if number % 4 < 2 else backend.side(number)).reset()
            gone(house)


@pytest.mark.parametrize("front", FRONTS)
def test_a_connection_that_was_a_tunnel_is_not_used_again(gateway, certificates, front):
    with TunnelBackend("http/1.1") as backend, gateway(cluster("app", "http/1.1", backend.address), routes=EVERYWHERE) as house:
        for number in range(3):
            tunnel = open_tunnel(front, house, certificates)
            tunnel.send(b"", end=True)
            side = backend.side(number)
            assert side.read_to_end()
            side.send(b"", end=True)
            assert tunnel.read_to_end()
            side.over.set()
            tunnel.close()
        assert [side.connection.number for side in backend.sides] == [1, 2, 3]


# ---- Time ----


@at_both
def test_a_tunnel_that_is_silent_both_ways_ends_and_any_byte_keeps_it(pair, front, behind):
    house, tunnel, side = pair(front, behind, timeouts={"tunnel_idle": "1s", "stream_idle": "300ms", "connection_idle": "300ms"})
    begin = time.monotonic()
    for number in range(1, 4):
        time.sleep(0.5)  # the tunnel's silence is what is tested
        sender, reader = (tunnel, side) if number % 2 else (side, tunnel)
        sender.send(b"x")
        reader.read((number + 1) // 2)
    assert not tunnel.read_to_end() and not side.read_to_end()
    assert time.monotonic() - begin >= 2.4
    assert "no byte in either direction" in end_of(house)
    assert house.metric_sum('timeouts_total{kind="tunnel_idle"}') == 1


@pytest.mark.parametrize("front", FRONTS)
def test_a_backend_that_does_not_answer_is_504(gateway, certificates, front):
    with H1Backend(lambda connection: connection.read_head() and connection.closed_by_peer()) as h1:
        with H2Backend(on_request=lambda *_: None, settings=TAKES_TUNNELS) as h2:
            for kind, backend in [("http/1.1", h1), ("h2", h2)]:
                with gateway(cluster("app", kind, backend.address), routes=EVERYWHERE,
                             timeouts={"response_header": "300ms"}) as house:
                    tunnel = open_tunnel(front, house, certificates)
                    assert tunnel.status == 504
                    tunnel.close()


@at_both
def test_a_drain_waits_for_tunnels_until_its_deadline(gateway, certificates, front, behind):
    with TunnelBackend(behind) as backend, gateway(cluster("app", behind, backend.address), routes=EVERYWHERE,
                                                   timeouts={"drain": "1s"}) as house:
        tunnel = open_tunnel(front, house, certificates)
        house.signal(signal.SIGTERM)
        house.wait_for_log("drain")
        tunnel.send(b"still here")
        assert backend.side().read(10) == b"still here"
        try:
            assert not tunnel.read_to_end()
        except Exception as closed:  # the whole connection
            assert front == "h2", closed
        assert house.wait(5) == 1
        tunnel.close()


def test_streams_show_a_tunnel(pair):
    house, tunnel, side = pair("h2", "http/1.1")
    shown = wait_until(lambda: [s for s in json.loads(house.ask_admin("/streams").body)["by_memory"] if s["method"] == "CONNECT"], "the tunnel")
    assert [stream["state"] for stream in shown] == ["tunnel"]
    tunnel.reset()
    side.over.set()
