"""What is measured. A scenario gives rows for each proxy, one a round; `value` of a row is what proxies are compared by, less is better.

All contestants of a scenario run side by side and take turns, a round after the other, so that a machine that drifts drifts for all.
"""

import contextlib
import dataclasses
import functools
import itertools
import math
import operator
import signal
import sys
import typing

from bench.peers import load, machine, proxies
from bench.peers.report import TIMES

TURNS = 9  # of each proxy in a round that starts all of them anew


@dataclasses.dataclass
class Site:
    """Where and how long: the backend's addresses by protocol, who takes part, rounds, seconds a point, connections that idle."""
    directory: typing.Any
    certificates: typing.Any
    origins: dict
    names: list
    rounds: int
    seconds: float
    idle: int
    starts: typing.Any = dataclasses.field(default_factory=itertools.count)

    def running(self, name, protocol, workers=1, many=False, busy=False):
        """A proxy. `many`: thousands of connections, more than the gateway's default budget admits. `busy`: it polls before it sleeps, if it can."""
        directory = self.directory / f"{next(self.starts)}-{name}"
        budget = "2GiB" if many else None
        return proxies.running(name, directory, self.certificates, self.origins[protocol], protocol, workers, budget, busy)

    def before(self, origins):
        """The same place, with the proxies in front of other backends."""
        return dataclasses.replace(self, origins=origins)

    def contestants(self, protocol):
        return proxies.candidates(self.names, protocol)


@dataclasses.dataclass
class Load:
    """What h2load asks for: `size` is a response's bytes, `body` a request's."""
    path: str
    clients: int
    streams: int
    probe: int  # requests that tell how fast a proxy is
    size: int | None = None
    body: int | None = None
    options: list = dataclasses.field(default_factory=list)

    def prepared(self, site):
        """Itself, with a file for the request's body."""
        if not self.body:
            return self
        file = site.directory / f"body-{self.body}"
        file.write_bytes(bytes(range(256)) * (self.body // 256))
        return dataclasses.replace(self, options=["-d", file])


def by_cpu(point):
    row = point.row()
    return {**row, "value": row["cpu"]}


def by_time(clients):
    """How long each of `clients` waits that ask for the next answer when they have one."""
    def valued(point):
        row = point.row()
        return {**row, "value": clients / row["rate"] * 1e6 if row["rate"] else math.inf}
    return valued


def compared(before, after):
    """The second row, with its CPU time in multiples of the first's."""
    return {**after, "failed": before["failed"] + after["failed"], "value": after["cpu"] / before["cpu"] if before["cpu"] else math.inf}


def told(proxy, row):
    """One line of progress."""
    extra = f"  {row['failed']} FAILED" if row.get("failed") else ""
    print(f"  {proxy.name:8} {row['value']:10.2f}  {row.get('rate', 0):9.0f}/s{extra}", file=sys.stderr, flush=True)
    return row


def in_turns(site, protocol, prepare, measure, many=False, busy=False):
    """{name: rows} of `measure(proxy, prepare(proxy))`, round robin over proxies that all run. Of busy ones only that runs whose turn it is."""
    with contextlib.ExitStack() as stack:
        field, prepared = [], {}
        for name in site.contestants(protocol):
            proxy = stack.enter_context(site.running(name, protocol, many=many, busy=busy))
            field.append(proxy)
            if busy:
                proxy.signal_family(signal.SIGSTOP)
        turn = machine.Pinned.its_turn if busy else contextlib.nullcontext
        for proxy in field:
            with turn(proxy):
                prepared[proxy.name] = prepare(proxy)
        rows = {proxy.name: [] for proxy in field}
        for _ in range(site.rounds):
            for proxy in field:
                with turn(proxy):
                    rows[proxy.name].append(told(proxy, measure(proxy, prepared[proxy.name])))
        return rows


def started_anew(site, protocol, prepare, valued, busy=False):
    """{name: rows} of `valued(point)`. Each round starts all proxies, another one first, as two starts of one program differ by as much as two
    programs. Within it they have TURNS short turns, `prepare(proxy)()`, which are one point: what slows the machine for seconds is in that of all."""
    names = site.contestants(protocol)
    rows = {name: [] for name in names}
    def measure(_, ask):
        point = ask()
        return {**valued(point), "point": point}
    for turn in range(site.rounds):
        first = turn % len(names)
        once = dataclasses.replace(site, rounds=TURNS, names=names[first:] + names[:first])
        for name, parts in in_turns(once, protocol, prepare, measure, busy=busy).items():
            rows[name].append(valued(functools.reduce(operator.add, (part["point"] for part in parts))))
    return rows


def one_by_one(site, protocol, measure, many=False):
    """{name: rows} of `measure(proxy)` for proxies that are started afresh and alone."""
    rows = {}
    for name in site.contestants(protocol):
        with site.running(name, protocol, many=many) as proxy:
            rows[name] = [told(proxy, measure(proxy))]
    return rows


def capacity(proxy, asked):
    """Requests/s of a short run, which also warms everything."""
    point = load.counted(proxy, asked, asked.probe)
    return point.ok / point.seconds


def closed_loop(asked, valued=by_cpu):
    """As fast as it goes, a count of requests that takes about the time of a point."""
    def measure(site, protocol):
        ready = asked.prepared(site)
        def count(proxy):
            return max(asked.clients * asked.streams, round(capacity(proxy, ready) * site.seconds))
        return in_turns(site, protocol, count, lambda proxy, n: valued(load.counted(proxy, ready, n)))
    return measure


def many_connections(asked):
    """As fast as it goes, for a time after all connections stand: their handshakes would weigh as much as the requests."""
    def measure(site, protocol):
        return in_turns(site, protocol, lambda _: None, lambda proxy, _: by_cpu(load.timed(proxy, asked, site.seconds)), many=True)
    return measure


def new_connections(resume):
    def measure(site, protocol):
        count = max(400, round(1000 * site.seconds))
        return in_turns(site, protocol, lambda proxy: load.handshakes(proxy, 40, resume),
                        lambda proxy, _: by_cpu(load.handshakes(proxy, count, resume)))
    return measure


def base(site, protocol):
    """MiB of a proxy that has started, its helpers too."""
    return one_by_one(site, protocol, lambda proxy: {"value": proxy.settled_pss() / 1024})


def idle(site, protocol):
    """KiB a connection that had one answer and is idle."""
    def measure(proxy):
        load.handshakes(proxy, 40, False)  # what the first connections ever cost is not theirs
        before = proxy.settled_pss()
        with load.held(proxy, site.idle) as standing:
            return {"value": (proxy.settled_pss() - before) / max(standing, 1), "ok": standing, "failed": site.idle - standing}
    return one_by_one(site, protocol, measure, many=True)


def half_load(ask, seconds):
    """The requests/s at which a proxy's CPU is busy for half of the time. Not half of what it does without a pause: many at once cost less each."""
    rate = 5000
    for _ in range(4):  # the CPU time grows slower than the rate: each step comes nearer, from below
        row = ask(rate, seconds).row()
        rate = round(rate * 0.5 / (row["cpu"] * row["rate"] / 1e6))
    return rate


def latency(asked, own=False, busy=False):
    """p99 at the gateway's half load, or at the `own`. Of a tenth of a second in which the machine lets it run: what that takes away in the others would be the
    p99 of the whole, whichever proxy."""
    def measure(site, protocol):
        with load.OpenLoop() as loop:
            place = site.before(loop.origins)
            names = place.contestants(protocol)
            rates = {}
            for name in names if own else [proxies.OURS]:
                with place.running(name, protocol) as proxy:
                    rates[name] = half_load(loop.connect(proxy, asked), site.seconds)
            def prepare(proxy):
                ask = loop.connect(proxy, asked)
                rate = rates.get(proxy.name, rates[proxies.OURS])
                ask(rate, site.seconds)  # warms
                return lambda: ask(rate, site.seconds / 2)
            def by_p99(point):
                row = point.row()
                return {**row, "value": (row["p99 of a quiet tenth"] or math.inf) / 1000}
            return started_anew(place, protocol, prepare, by_p99, busy=busy)
    return measure


def two_workers(asked):
    """CPU time a request with two workers on both CPUs, which they share with the load, by that with one worker."""
    def measure(site, protocol):
        rows = {}
        for name in site.contestants(protocol):
            with site.running(name, protocol) as one, site.running(name, protocol, workers=2) as two:
                capacity(two, asked)
                count = round(capacity(one, asked) * site.seconds)
                rows[name] = []
                for _ in range(site.rounds):
                    before, after = by_cpu(load.counted(one, asked, count)), by_cpu(load.counted(two, asked, count))
                    rows[name].append(told(two, compared(before, after)))
        return rows
    return measure


def growth(clients, beside):
    """CPU time a request over `clients` connections with `beside` idle ones, by that over 10 and none, at 2500 requests/s; the same proxy twice, in
    turns."""
    seconds, rate = 4, 2500  # of 5000 clients each has its turn twice
    def measure(site, protocol):
        rows = {}
        for name in site.contestants(protocol):
            with contextlib.ExitStack() as stack:
                loop = stack.enter_context(load.OpenLoop())
                place = site.before(loop.origins)
                one, other = (stack.enter_context(place.running(name, protocol, many=True)) for _ in range(2))
                few, many = (loop.connect(proxy, dataclasses.replace(SMALL, clients=count)) for proxy, count in ((one, 10), (other, clients)))
                wanted = site.idle if beside else 0
                missing = wanted - stack.enter_context(load.held(other, wanted))
                for ask in (few, many):
                    ask(rate, 1)  # warms
                rows[name] = []
                for _ in range(site.rounds):
                    row = compared(by_cpu(few(rate, seconds)), by_cpu(many(rate, seconds)))
                    rows[name].append(told(other, {**row, "failed": row["failed"] + missing}))
        return rows
    return measure


SMALL = Load("/1k", 10, 32, probe=2000, size=1 << 10)


@dataclasses.dataclass
class Scenario:
    name: str
    title: str
    unit: str
    measure: typing.Callable  # (site, protocol) -> {name: rows}
    protocols: tuple = ("h1", "h2c")
    quick: bool = False
    alone: bool = False  # each proxy is measured without regard to the others: rows of several runs may stand side by side


CPU = "us of CPU"
SCENARIOS = [
    Scenario("get-1k-10x32", "GET 1 KiB, 10 x 32 streams", CPU, closed_loop(SMALL), quick=True),
    Scenario("get-1k-1x100", "GET 1 KiB, 1 x 100 streams", CPU, closed_loop(Load("/1k", 1, 100, 2000, 1 << 10)), quick=True),
    Scenario("get-100k", "GET 100 KiB, 10 x 10 streams", CPU, closed_loop(Load("/100k", 10, 10, 400, 100 << 10)), quick=True),
    Scenario("get-10m", "GET 10 MiB, 4 x 2 streams", CPU, closed_loop(Load("/10m", 4, 2, 8, 10 << 20)), quick=True),
    Scenario("post-1m", "POST 1 MiB, 10 x 2 streams", CPU, closed_loop(Load("/post", 10, 2, 80, body=1 << 20)), quick=True),
    Scenario("post-1k", "POST 1 KiB, 10 x 32 streams", CPU, closed_loop(Load("/post", 10, 32, 2000, body=1 << 10))),
    Scenario("get-1k-1000x1", "GET 1 KiB, 1000 x 1 streams", CPU, many_connections(Load("/1k", 1000, 1, 2000, 1 << 10))),
    Scenario("alone-1", "GET 1 KiB, one at a time", "us of waiting", closed_loop(Load("/1k", 1, 1, 100, 1 << 10), by_time(1))),
    Scenario("alone-2", "GET 1 KiB, 2 clients, one at a time each", "us of waiting", closed_loop(Load("/1k", 2, 1, 200, 1 << 10), by_time(2))),
    Scenario("handshake", "TLS handshake, full, with a GET", CPU, new_connections(False), ("h1",), quick=True),
    Scenario("handshake-resumed", "TLS handshake, resumed, with a GET", CPU, new_connections(True), ("h1",)),
    Scenario("latency-same", "p99 at half the gateway's load", "ms", latency(SMALL)),
    Scenario("latency-busy", "p99 at half the gateway's load, busy polling", "ms", latency(SMALL, busy=True)),
    Scenario("latency-own", "p99 at half the own load", "ms", latency(SMALL, own=True)),
    Scenario("two-workers", "GET 1 KiB, 2 workers by 1", TIMES, two_workers(SMALL), alone=True),
    Scenario("growth-5000", "GET 1 KiB, 5000 connections by 10", TIMES, growth(5000, False), ("h1",), alone=True),
    Scenario("growth-idle", "GET 1 KiB, idle connections beside by none", TIMES, growth(10, True), ("h1",), alone=True),
    Scenario("base", "memory after the start", "MiB", base, ("h1",), quick=True, alone=True),
    Scenario("idle", "an idle connection", "KiB", idle, ("h1",), quick=True, alone=True),
]
