"""Good clients beside bad ones at full size (scenario F1), as figures.

    PYTHONPATH=tests python3 tests/bench/slow_peers.py [--connections 100] [--streams 100] [--seconds 10]

Bad clients ask for 10 MB on each of their streams, or on four times as many connections in HTTP/1.1, and read nothing, in five forms (the
gateway itself answers them, so that no limit on connections to a backend is met first); ten good ones fetch 10 KiB one after the other,
alone and then beside them, in the protocol of the bad ones (h2load with its log: the times of single requests). Budget 64 MiB; the
gateway's resident memory from /proc, at its peak.
"""

import argparse
import pathlib
import resource
import subprocess
import tempfile
import time

from support.bad_clients import FORMS, HTTP1_FORMS, bad_clients
from support.certificates import make_certificates
from support.environment import wait_until
from support.gateway import Gateway, cluster, route
from support.peers import Nginx

MIB = 1 << 20


def good_clients(address, form, directory, seconds):
    """Their times in seconds, sorted."""
    log = directory / "times"
    log.unlink(missing_ok=True)
    subprocess.run(["h2load", "-c", "10", "-m", "1", "--duration", str(seconds), "--warm-up-time", "1", "--log-file", log,
                    *(["--h1"] if form in HTTP1_FORMS else []), f"http://{address}/page"], check=True, stdout=subprocess.DEVNULL)
    rows = [line.split() for line in log.read_text().splitlines()]
    # In HTTP/1.1 what the end of the measurement has cut short is logged too, with status 0.
    assert rows and {status for _, status, _ in rows} <= {"200", "0"}, "an answer of a good client was not 200"
    return sorted(int(micros) / 1e6 for _, status, micros in rows if status == "200")


def told(times):
    return f"{len(times):6} answers, p50 {times[len(times) // 2] * 1e3:7.3f} ms, p99 {times[len(times) * 99 // 100] * 1e3:7.3f} ms"


def wait_idle(house, seconds):
    wait_until(lambda: house.pool()["pool_blocks_free"] == house.pool()["pool_blocks"], "all blocks are back", seconds)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--connections", type=int, default=100)
    options.add_argument("--streams", type=int, default=100)
    options.add_argument("--seconds", type=int, default=10, help="of each measurement")
    chosen = options.parse_args()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        certificates = make_certificates(root / "certificates")
        with Nginx(root / "nginx") as files:
            (files.files / "page").write_bytes(b"x" * 10 * 1024)
            for number, form in enumerate(FORMS + HTTP1_FORMS):
                directory = root / f"run{number}"
                directory.mkdir()
                with Gateway(directory, certificates,
                             [cluster("large", "demo"), cluster("page", "http/1.1", files.address)], workers=2,
                             routes=[route("large", "/bytes"), route("page", "/page")], memory={"budget": "64MiB"},
                             timeouts={"stall": "20s"}) as house:
                    base = house.memory()
                    alone = good_clients(house.h2c, form, directory, chosen.seconds)
                    connections = chosen.connections * (4 if form in HTTP1_FORMS else 1)
                    with bad_clients(house.h2c, form, connections, chosen.streams, "/bytes/10000000"):
                        began = time.monotonic()
                        wait_until(lambda: sum(house.pool()["pool_waiting"].values()) > 0, "bad clients wait for more", 30)
                        beside = good_clients(house.h2c, form, directory, chosen.seconds)
                        pool = house.pool()
                        wait_until(lambda: sum(house.pool()["evictions"].values()) > 0, "the stall time is over", 60)
                        print(f"{form}: p99 beside / alone {beside[len(beside) * 99 // 100] / alone[len(alone) * 99 // 100]:.2f}; "
                              f"peak resident {house.peak_memory() / MIB:.1f} MiB, base {base / MIB:.1f} MiB + budget 64 MiB; "
                              f"{pool['pool_blocks_free']} of {pool['pool_blocks']} blocks free beside them, "
                              f"waiting {sum(pool['pool_waiting'].values())}; first ended {time.monotonic() - began:.1f} s after they began")
                    print(f"  alone  {told(alone)}\n  beside {told(beside)}", flush=True)


if __name__ == "__main__":
    main()
