"""Writes gateway/link_order.ld: which functions a request runs through, so that the linker lays them next to each other.

    PYTHONPATH=tests python3 tests/bench/link_order.py

They are those that the gateway calls for at least a quarter of the requests of one of the loads below, as callgrind saw it: GETs that come alone,
many at once, 100 KiB, and uploads of 1 MiB, with HTTP/1.1 and with h2 behind. To be run when the request's path has changed; a name
that is not there any more does no harm. Wants a release build and the packages of `conf/install_packages.sh bench`. Takes about three minutes.
"""

import collections
import pathlib
import re
import signal
import subprocess
import tempfile

from bench.peers import load, origin, proxies, scenarios
from support.certificates import make_certificates
from support.environment import BINARY

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "gateway" / "link_order.ld"
ROOT = "_ZN7gateway9EventLoop3runEv"  # what it calls is looked at, and nothing else
OFTEN = 0.25  # calls a request
LOADS = [
    (scenarios.Load("/1k", 10, 8, probe=0, size=1 << 10), 1000),
    (scenarios.Load("/100k", 4, 4, probe=0, size=100 << 10), 200),
    (scenarios.Load("/post", 2, 2, probe=0, body=1 << 20), 20),
]
TEXT = """\
/* The functions that requests run through, next to each other. Written by tests/bench/link_order.py. */
SECTIONS {{
  .text.request_path : {{
{sections}
  }}
}}
INSERT BEFORE .text;
"""


class Calls:
    """Who calls whom how often, in the order in which callgrind tells of it."""

    def __init__(self, text):
        self.of = collections.defaultdict(collections.Counter)
        self.counts = collections.Counter()
        caller = callee = ""
        for line in text.splitlines():
            kind, _, value = line.partition("=")
            if kind == "fn":
                caller = plain(value)
            elif kind == "cfn":
                callee = plain(value)
            elif kind == "calls":
                count = int(value.split()[0])
                self.of[caller][callee] += count
                self.counts[callee] += count


def plain(name):
    """Without callgrind's mark of recursion."""
    return re.sub(r"'\d+$", "", name)


def functions_of(binary):
    """{name: (address, size)} of a program's own functions."""
    told = subprocess.run(["nm", "--defined-only", "--print-size", binary], capture_output=True, text=True, check=True).stdout
    rows = (line.split() for line in told.splitlines())
    return {row[3]: (int(row[0], 16), int(row[1], 16)) for row in rows if len(row) == 4 and row[2] in "tTwW"}


def often_called(calls, requests, ours):
    """Those of `ours` that are called for a quarter of the requests or more; each is followed by those that it calls."""
    found, seen, pending = [], set(), [ROOT]
    while pending:
        name = pending.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in ours and calls.counts[name] >= OFTEN * requests:
            found.append(name)
        pending += reversed(calls.of[name])
    return found


def sections_of(name):
    """Where the compiler puts it. A thunk has a section of its own, or is in that of what it leads to; a constructor or destructor has two names
    and one section (C1, C2)."""
    names = dict.fromkeys([name, re.sub(r"^_ZThn\d+_", "_Z", name)])
    return [".text." + re.sub(r"([CD])[12](?=[EI])", r"\1[12]", one) for one in names]


def observed(directory, certificates, protocol, address, drive):
    """The functions that `drive(proxy)`, which returns how many requests it made, runs through."""
    file = directory / "callgrind"

    def command(setting):
        arguments, environment = proxies.gateway(setting)
        return ["valgrind", "--tool=callgrind", f"--callgrind-out-file={file}", f"--toggle-collect={ROOT}", "--demangle=no",
                "--compress-strings=no", *arguments], environment

    proxies.COMMANDS["observed"] = command
    with proxies.running("observed", directory, certificates, address, protocol) as proxy:
        requests = drive(proxy)
        proxy.signal(signal.SIGTERM)
        proxy.wait(60)
    return often_called(Calls(file.read_text()), requests, functions_of(BINARY))


def all_observed(root):
    certificates = make_certificates(root / "certificates")
    with load.OpenLoop() as loop, origin.running(root / "origin") as origins:
        site = scenarios.Site(root, certificates, origins, names=[], rounds=1, seconds=1, idle=0)
        for protocol in ("h1", "h2c"):
            def alone(proxy):
                return loop.connect(proxy, scenarios.SMALL)(200, 10).ok
            yield observed(root / f"{protocol}-alone", certificates, protocol, loop.origins[protocol], alone)
            for number, (asked, count) in enumerate(LOADS):
                def at_once(proxy, asked=asked.prepared(site), count=count):
                    return load.counted(proxy, asked, count).ok
                yield observed(root / f"{protocol}-{number}", certificates, protocol, origins[protocol], at_once)


def main():
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        root.chmod(0o755)
        sections = dict.fromkeys(section for run in all_observed(root) for name in run for section in sections_of(name))
    SCRIPT.write_text(TEXT.format(sections="\n".join(f"    *({section})" for section in sections)))
    print(f"{len(sections)} functions; build again")


if __name__ == "__main__":
    main()
