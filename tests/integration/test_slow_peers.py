"""Clients that make the gateway hold responses which they do not read, in three forms (F1): they are ended, others are served."""

import threading
import time

import pytest

from support.environment import PATIENCE, scaled, wait_until
from support.gateway import cluster, route
from support.h2_client import H2Client, connect, frame
from support.h2_peer import Closed

KIB = 1 << 10
INITIAL_WINDOW_SIZE = 4
WINDOW_UPDATE = 8
WIDE = 2**31 - 1
CONNECTIONS, STREAMS = scaled(20, 8), 50
FEW = {"budget": "64MiB", "blocks": 64}
FORMS = ("closed windows", "unread socket", "dribbled windows")


class BadClients:
    """Ask for a large file on every stream and hardly take any of it."""

    def __init__(self, house, form):
        self.form = form
        self.clients = []
        self.is_over = threading.Event()
        for _ in range(CONNECTIONS):
            wide = form == "unread socket"
            sock = connect(house.h2c, receive_buffer=4096 if wide else None)
            client = H2Client(sock, settings={INITIAL_WINDOW_SIZE: WIDE if wide else 0}, consume=False,
                              connection_window=WIDE - 65535)
            self.streams = [client.get("/large") for _ in range(STREAMS)]
            self.clients.append(client)
        self.thread = threading.Thread(target=self._dribble)
        if form == "dribbled windows":
            self.thread.start()

    def _dribble(self):
        one_byte_each = b"".join(frame(WINDOW_UPDATE, 0, stream, (1).to_bytes(4, "big")) for stream in self.streams)
        while not self.is_over.wait(0.3):
            for client in self.clients:
                try:
                    client.send_raw(one_byte_each)
                    client.sock.setblocking(False)
                    client.sock.recv(1 << 16)
                except (Closed, BlockingIOError):
                    pass
                finally:
                    client.sock.settimeout(10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.is_over.set()
        if self.thread.is_alive():
            self.thread.join()
        for client in self.clients:
            client.close()


def serve(gateway, files, stall):
    """The good clients' cluster is another one: who waits for a connection to a backend does not wait for memory."""
    return gateway(cluster("large", "http/1.1", files.address), cluster("page", "http/1.1", files.address), workers=2, memory=FEW,
                   routes=[route("large", "/large"), route("page", "/page")], timeouts={"stall": stall})


def waiting(house):
    return sum(house.pool()["pool_waiting"].values())


def ended(house):
    return sum(house.pool()["evictions"].values())


def fetch_times(house, count):
    client = H2Client(connect(house.h2c))
    times = []
    for _ in range(count):
        began = time.monotonic()
        reply = client.fetch("/page", seconds=10)
        assert (reply.status, len(reply.body)) == (200, 10 * KIB)
        times.append(time.monotonic() - began)
    client.close()
    return sorted(times)


@pytest.fixture(scope="module")
def files(nginx):
    (nginx.files / "large").write_bytes(b"x" * 2048 * KIB)
    (nginx.files / "page").write_bytes(b"x" * 10 * KIB)
    return nginx


@pytest.mark.parametrize("form", FORMS)
def test_what_slow_peers_hold_together_is_capped_long_before_the_stall_time(gateway, files, form):
    with serve(gateway, files, "10m") as house:
        alone = fetch_times(house, 20)
        with BadClients(house, form):
            wait_until(lambda: waiting(house) > 0, "the pool is empty", 20)
            times = fetch_times(house, 5)
            assert times[-1] < 6 * PATIENCE, times
            kinds = house.pool()["evictions"]
            early = sum(count for kind, count in kinds.items() if kind.endswith("_early"))
            assert early > 0 and early == sum(kinds.values()), kinds
            print(f"{form}: alone p50 {alone[10]:.4f} s max {alone[-1]:.4f} s, "
                  f"beside p50 {times[2]:.3f} s max {times[-1]:.3f} s, {kinds}")


@pytest.mark.parametrize("form", FORMS)
def test_after_the_stall_time_the_blocks_are_back(gateway, files, form):
    with serve(gateway, files, "1s") as house:
        with BadClients(house, form):
            wait_until(lambda: waiting(house) > 0, "the pool is empty", 20)
            # Some of the streams may hold what is left; they are nobody's loss while nobody waits.
            wait_until(lambda: waiting(house) == 0, "nobody waits any more", 60)
            assert ended(house) > 0
            assert all(time < 2 * PATIENCE for time in fetch_times(house, 10))
            lines = [line for line in house.access_log() if line["path"] == "/large"]
            assert lines and any("memory" in line["end"] or "ended with" in line["end"] for line in lines), lines[-3:]
