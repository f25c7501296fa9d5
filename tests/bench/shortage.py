"""What a scarce pool costs (scenarios P8 and T1), as figures.

    PYTHONPATH=tests python3 tests/bench/shortage.py [--rounds 3] [--blocks 16,4]

P8: 4000 GETs of 100 KiB over 40 connections x 50 streams, 2 workers, from nginx and from nghttpd: the rate with a few blocks by the rate
without a limit, of runs that follow each other. T1: 100 streams that wait for a block until a time-out of 1 s ends them: when, and
what CPU that took.
"""

import argparse
import os
import pathlib
import statistics
import tempfile
import time

from h2.settings import SettingCodes

from support.certificates import make_certificates
from support.curl import H2Load
from support.environment import wait_until
from support.gateway import Gateway, cluster
from support.h2_client import H2Client, connect_tls, frame
from support.peers import Nghttpd, Nginx


class Bench:
    def __init__(self, root):
        self.root = root
        self.certificates = make_certificates(root / "certificates")
        self.runs = 0

    def gateway(self, kind, address, **more):
        self.runs += 1
        directory = self.root / f"run{self.runs}"
        directory.mkdir()
        return Gateway(directory, self.certificates, [cluster("app", kind, address)], **more)

    def rate(self, kind, address, memory):
        with self.gateway(kind, address, workers=2, memory=memory) as house:
            load = H2Load(f"https://{house.https}/page", 4000, 40, 50, "-t", 1, timeout=120)
            load.expect_all_2xx()
            return load.total / load.seconds

    def p8(self, rounds, counts):
        for kind, make in (("http/1.1", Nginx), ("h2", Nghttpd)):
            with make(self.root / kind.replace("/", "")) as server:
                (server.files / "page").write_bytes(b"x" * 100 * 1024)
                for blocks in counts:
                    told = []
                    for _ in range(rounds):
                        free = self.rate(kind, server.address, {"budget": "256MiB"})
                        few = self.rate(kind, server.address, {"budget": "64MiB", "blocks": blocks})
                        told.append(f"{few / free:.2f} ({few:.0f}/{free:.0f})")
                    print(f"P8 {kind:8} {blocks:3} blocks, ratio (answers/s with them / without a limit): {'  '.join(told)}", flush=True)

    def t1(self):
        with Nginx(self.root / "t1") as server:
            (server.files / "large").write_bytes(b"x" * (1 << 20))
            with self.gateway("http/1.1", server.address, workers=1, memory={"budget": "64MiB", "blocks": 4},
                              timeouts={"stall": "60s", "stream_idle": "1s"}) as house:
                self._time_waiters(house)

    def _time_waiters(self, house):
        holder = H2Client(connect_tls(house.https, self.certificates), consume=False, connection_window=1 << 24,
                          settings={SettingCodes.INITIAL_WINDOW_SIZE: 1000}).wait_for_settings()
        held = [holder.get("/large") for _ in range(8)]
        wait_until(lambda: house.pool()["pool_waiting"]["leave"] > 0, "the pool is empty")
        client = H2Client(connect_tls(house.https, self.certificates)).wait_for_settings()
        begin = time.monotonic()
        streams = [client.get("/large") for _ in range(100)]
        cpu = cpu_seconds(house.pid)
        took = {}
        fed = begin
        while len(took) < len(streams) and time.monotonic() < begin + 5:
            client.receive(0.05)
            for stream in streams:
                if stream in client.streams and client.streams[stream].over():
                    took.setdefault(stream, time.monotonic() - begin)
            if time.monotonic() > fed + 0.3:  # the holder takes a byte of each stream, so that no time-out finds it
                fed = time.monotonic()
                for stream in held:
                    holder.send_raw(frame(8, 0, stream, (1).to_bytes(4, "big")))
        used = cpu_seconds(house.pid) - cpu
        times = sorted(took.values())
        print(f"T1 {len(times)} of 100 time-outs of 1 s on an empty pool: first {times[0]:.3f} s, median {statistics.median(times):.3f} s, "
              f"last {times[-1]:.3f} s; CPU {used:.2f} s")
        before, start = cpu_seconds(house.pid), time.monotonic()
        for stream in held:
            holder.reset(stream, 8)
        time.sleep(3)
        print(f"   CPU while idle: {100 * (cpu_seconds(house.pid) - before) / (time.monotonic() - start):.2f} % of a core")
        holder.close()
        client.close()


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--blocks", default="16,4")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(pathlib.Path(name))
        bench.t1()
        bench.p8(chosen.rounds, [int(blocks) for blocks in chosen.blocks.split(",")])


if __name__ == "__main__":
    main()
