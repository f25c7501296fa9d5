"""An empty pool: who holds its blocks, and what is measured meanwhile."""

import contextlib
import os
import re
import signal
import statistics
import threading
import time

from h2.settings import SettingCodes

from support.environment import PATIENCE, SANITIZED, wait_until
from support.gateway import cluster, route
from support.h1_backend import H1Backend
from support.h2_client import H2Client, connect_tls, frame

FEW = {"budget": "64MiB", "blocks": 4}
LARGE = 1 << 20  # bytes of /large


class Holder:
    """A client whose own responses hold every block that responses may have. `dribble`: it takes a byte of each now and then, so
    that no time-out finds it."""

    def __init__(self, house, certificates, streams=8):
        self.house = house
        self.client = H2Client(connect_tls(house.https, certificates), consume=False, connection_window=1 << 24,
                               settings={SettingCodes.INITIAL_WINDOW_SIZE: 1000}).wait_for_settings()
        self.streams = [self.client.get("/large") for _ in range(streams)]
        self._over = threading.Event()
        self._thread = None
        wait_until(lambda: house.pool()["pool_waiting"]["leave"] > 0, "the pool is empty")

    def dribble(self):
        def take():
            while not self._over.wait(0.2):
                with self.client.send_lock:
                    for stream in self.streams:
                        self.client.send_raw(frame(8, 0, stream, (1).to_bytes(4, "big")))
        self._thread = threading.Thread(target=take)
        self._thread.start()
        return self

    def close(self):
        self._over.set()
        if self._thread:
            self._thread.join()
        self.client.close()


class UploadHolder:
    """Clients whose uploads hold every block that requests may have, of two or more. `path`: of an h2 backend that reads no body."""

    def __init__(self, house, certificates, path, blocks, streams=8):
        # More than the backend's window and all blocks take.
        body = b"x" * 200_000
        self.clients = [H2Client(connect_tls(house.https, certificates)).wait_for_settings() for _ in range(streams)]
        self.streams = [client.post(path, body) for client in self.clients]

        def is_empty():
            for client in self.clients:
                client.receive(0.001)
            return waiting(house) >= streams - blocks
        wait_until(is_empty, "the pool is empty")

    def close(self):
        for client in self.clients:
            client.close()


def waiting(house):
    return sum(house.pool()["pool_waiting"].values())


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def expect_nobody_turns(house):
    """CPU below 1 % while nothing happens."""
    before = cpu_seconds(house.pid)
    begin = time.monotonic()
    threading.Event().wait(3)
    share = (cpu_seconds(house.pid) - before) / (time.monotonic() - begin)
    assert share <= (0.05 if SANITIZED else 0.01), f"{100 * share:.1f} % of a core"


def expect_on_time(took, what):
    """Between 1.0 and 1.1 s, where nothing slows the machine down."""
    assert min(took) >= 0.99, f"{what}: the first after {min(took):.3f} s"
    late = statistics.median(took)
    assert late < 1.0 + 0.1 * (PATIENCE if not SANITIZED else 20), f"{what}: half of them after {late:.3f} s"


@contextlib.contextmanager
def beside_a_silent_backend(gateway, certificates, nginx, blocks_left):
    """A gateway with a backend that never answers on /silent; without `blocks_left`, responses have none."""
    (nginx.files / "large").write_bytes(b"x" * LARGE)

    def silent(connection):
        connection.read_head()
        connection.read_head()
    with H1Backend(silent) as behind, gateway(
            cluster("app", "http/1.1", nginx.address), cluster("silent", "http/1.1", behind.address), workers=1, memory=FEW,
            routes=[route("app"), route("silent", "/silent")], timeouts={"stall": "60s", "response_header": "1s"}) as house:
        holder = None if blocks_left else Holder(house, certificates)
        yield house
        if holder:
            holder.close()


def expect_drained_in_time(house):
    """After a second of grace."""
    begin = time.monotonic()
    house.signal(signal.SIGTERM)
    assert house.wait(4) in (0, 1)  # 1: not all was answered by the end of the grace time
    assert time.monotonic() - begin < 1 + 1 * PATIENCE, "a second of grace, and one to end"


def reload_under(house, waiters):
    """Fewer blocks than are held, and then enough for all: nobody is forgotten, or served twice."""
    reload(house, blocks=1)
    assert waiting(house) >= waiters
    reload(house, blocks=2 * waiters)


def reload(house, blocks):
    text, found = re.subn(r"(?m)^blocks = \d+$", f"blocks = {blocks}", house.config_path.read_text())
    assert found == 1
    house.config_path.write_text(text)
    house.signal(signal.SIGHUP)
    wait_until(lambda: house.pool()["pool_blocks"] == blocks, "the new number of blocks")
