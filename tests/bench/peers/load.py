"""What runs against a proxy, and what comes of it: h2load as fast as it goes, requests at a rate, new connections, connections that are held."""

import collections
import contextlib
import dataclasses
import itertools
import json
import math
import pathlib
import re
import subprocess
import sys
import tempfile
import time

from bench.peers.machine import Cpu
from support.environment import BINARY

CPU = "1"  # of the load and of the backend; the proxy has CPU 0
OPEN_LOOP = pathlib.Path(BINARY).parent / "open_loop"
QUIET = 0.1  # this share of the tenths of a second counts as undisturbed by the machine
CIPHER = "TLS_AES_128_GCM_SHA256"  # the only one that is offered, so that no proxy has an easier one


@dataclasses.dataclass
class Point:
    """One proxy under one load for a second or two. `ok` counts whole 2xx answers, `failed` all that were asked for and are not."""
    ok: int
    failed: int
    seconds: float
    cpu: Cpu
    times: list  # microseconds of each good answer
    pss: int  # KiB afterwards
    tenths: list = dataclasses.field(default_factory=list)  # the p99 of each tenth of a second, of those at a rate

    def __add__(self, later):
        """Of both times together."""
        return Point(self.ok + later.ok, self.failed + later.failed, self.seconds + later.seconds, self.cpu + later.cpu,
                     self.times + later.times, later.pss, self.tenths + later.tenths)

    def row(self):
        """What is kept of it; CPU in microseconds an answer."""
        ordered = sorted(self.times)
        per = 1e6 / self.ok if self.ok else math.inf
        return {
            "ok": self.ok, "failed": self.failed, "pss": self.pss, "rate": self.ok / self.seconds,
            "user": self.cpu.user * per, "system": self.cpu.system * per, "cpu": (self.cpu.user + self.cpu.system) * per,
            "p50": quantile(ordered, 0.5), "p99": quantile(ordered, 0.99),
            "p99 of a quiet tenth": quantile(sorted(self.tenths), QUIET),
        }


def quantile(ordered, share):
    """The smallest value that is at least as large as `share` of them; None of nothing."""
    return ordered[math.ceil(len(ordered) * share) - 1] if ordered else None


def parse_log(text):
    """(end in seconds since the epoch, status, microseconds) of each line of h2load's log; the status of a failed stream is -1."""
    rows = []
    for line in text.splitlines():
        fields = line.split("\t")
        if len(fields) >= 3:
            begin, status, took = (int(field) for field in fields[:3])
            rows.append(((begin + took) / 1e6, status, took))
    return rows


def good(rows):
    return [took for _, status, took in rows if 200 <= status < 300]


def parse_data_bytes(output):
    """The bytes of all bodies, from h2load's summary."""
    found = re.search(r"^traffic: .*\((\d+)\) data$", output, re.MULTILINE)
    return int(found.group(1)) if found else None


def h2load(port, path, log, *options):
    return ["taskset", "-c", CPU, "h2load", f"--tls13-ciphers={CIPHER}", f"--log-file={log}", *map(str, options),
            f"https://localhost:{port}{path}"]


def counted(proxy, load, count):
    """`count` requests as fast as they go; the CPU of the whole run, its few handshakes included."""
    with tempfile.TemporaryDirectory() as name:
        log = pathlib.Path(name) / "log"
        options = ["-n", count, "-c", load.clients, "-m", load.streams, *load.options]
        before, begin = proxy.cpu(), time.monotonic()
        done = subprocess.run(h2load(proxy.port, load.path, log, *options), capture_output=True, text=True, timeout=120, check=False)
        seconds, cpu = time.monotonic() - begin, proxy.cpu() - before
        times = good(parse_log(log.read_text())) if log.exists() else []
    if load.size is not None and len(times) == count and parse_data_bytes(done.stdout) != count * load.size:
        times = []  # each has ended well, but not all have the whole body
    return Point(len(times), count - len(times), seconds, cpu, times, proxy.pss())


def p99_of_tenths(rows):
    """The p99 of those that ended well in each tenth of a second, the first and the last left out, which are parts of one."""
    tenths = collections.defaultdict(list)
    for end, status, took in rows:
        tenths[math.floor(end * 10)] += good([(end, status, took)])
    return [quantile(sorted(tenths[key]), 0.99) for key in sorted(tenths)[1:-1] if tenths[key]]


def timed(proxy, load, seconds):
    """The same for a time; looks only at the time after all connections stand."""
    warm_up = 1 + load.clients * 0.0025
    with tempfile.TemporaryDirectory() as name:
        log = pathlib.Path(name) / "log"
        options = ["-c", load.clients, "-m", load.streams, f"--duration={round((seconds + warm_up + 0.5) * 1000)}ms", *load.options]
        with subprocess.Popen(h2load(proxy.port, load.path, log, *options), stdout=subprocess.DEVNULL) as child:
            time.sleep(warm_up)
            before, begin = proxy.cpu(), time.time()
            time.sleep(seconds)
            cpu, end = proxy.cpu() - before, time.time()
            child.wait(60)
        rows = [row for row in parse_log(log.read_text()) if begin <= row[0] < end]
    times = good(rows)
    return Point(len(times), len(rows) - len(times), end - begin, cpu, times, proxy.pss())


class OpenLoop:
    """What asks proxies at a rate and is the backend behind them, in one process that never sleeps while it asks (open_loop/main.cc). To be used as a
    context. `origins`: its backend's addresses by protocol."""

    def __init__(self):
        self._process = subprocess.Popen(["taskset", "-c", CPU, OPEN_LOOP], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        ports = self._answer("ready").split()
        self.origins = {protocol: f"127.0.0.1:{port}" for protocol, port in zip(("h1", "h2c"), ports, strict=True)}
        self._loads = itertools.count()
        self._directory = tempfile.TemporaryDirectory()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()
        self._directory.cleanup()

    def _answer(self, word):
        """The rest of a line that begins with `word`."""
        line = self._process.stdout.readline()
        if line.split()[:1] != [word]:
            raise RuntimeError("the load has ended")
        return line.removeprefix(word)

    def _say(self, *words):
        print(*words, file=self._process.stdin, flush=True)
        self._answer("done")

    def connect(self, proxy, load):
        """Connections, as many as `load` has clients; returns ask(rate, seconds), which gives a Point. The n-th time all proxies are asked at the same
        moments. Fails where a connection ends or an answer does not come."""
        self._say("connect", proxy.port, load.path, load.size, load.clients)
        number, seeds, log = next(self._loads), itertools.count(), pathlib.Path(self._directory.name) / "log"

        def ask(rate, seconds):
            before = proxy.cpu()
            self._say("ask", number, rate, seconds, next(seeds), log)
            cpu, rows = proxy.cpu() - before, parse_log(log.read_text())
            times = good(rows)
            return Point(len(times), len(rows) - len(times), seconds, cpu, times, proxy.pss(), p99_of_tenths(rows))

        return ask


def client(*arguments):
    return ["taskset", "-c", CPU, sys.executable, "-B", "-m", "bench.peers.client", *map(str, arguments)]


def handshakes(proxy, count, resume):
    """`count` new connections with one GET of 1 KiB each."""
    before = proxy.cpu()
    done = subprocess.run(client("handshakes", proxy.port, count, *(["--resume"] if resume else [])),
                          capture_output=True, text=True, timeout=120, check=True)
    cpu, told = proxy.cpu() - before, json.loads(done.stdout)
    return Point(told["ok"], told["failed"], told["seconds"], cpu, told["times"], proxy.pss())


@contextlib.contextmanager
def held(proxy, count):
    """`count` connections that have had one answer and are idle; yields how many stand. Fails if the proxy ended some meanwhile."""
    with subprocess.Popen(client("hold", proxy.port, count), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        told = json.loads(child.stdout.readline())
        yield told["ok"]
        child.stdin.close()
        still = json.loads(child.stdout.readline())["open"]
        if still != told["ok"]:
            print(f"  {proxy.name}: {told['ok'] - still} of {told['ok']} idle connections were closed meanwhile", file=sys.stderr)
