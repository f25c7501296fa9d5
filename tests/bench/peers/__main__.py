"""Measures the gateway beside nghttpx, HAProxy, nginx, H2O and Caddy. See tests/bench/README.md."""

import argparse
import fnmatch
import json
import os
import pathlib
import signal
import sys
import tempfile

from bench.peers import origin, proxies, report
from bench.peers.scenarios import SCENARIOS, Site
from support.certificates import make_certificates
from support.environment import ROOT


def arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/run.sh", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the scenarios for daily use, short: about 2 minutes")
    parser.add_argument("--only", default="*", metavar="NAMES", help="scenarios, as get-1k-10x32/h2c or with stars, separated by commas")
    parser.add_argument("--peers", metavar="NAMES", help=f"of {','.join(proxies.COMMANDS)}; the gateway is always there")
    parser.add_argument("--rounds", type=int, help="default 5, quick 3")
    parser.add_argument("--seconds", type=float, help="of a point; default 1.5, quick 0.4")
    parser.add_argument("--idle", type=int, help="idle connections; default 10000, quick 1000")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "build/bench", help="default build/bench")
    parser.add_argument("--fresh", action="store_true", help="forget the results of earlier runs instead of adding to them")
    parser.add_argument("--list", action="store_true", help="tell the names of the scenarios")
    return parser.parse_args()


def chosen_runs(chosen):
    """(scenario, protocol) of those that are to be measured."""
    patterns = chosen.only.split(",")
    return [(scenario, protocol) for scenario in SCENARIOS for protocol in scenario.protocols
            if (scenario.quick or not chosen.quick)
            and any(fnmatch.fnmatch(name, pattern) for pattern in patterns for name in (scenario.name, f"{scenario.name}/{protocol}"))]


def chosen_names(chosen):
    names = proxies.available()
    if chosen.peers:
        unknown = set(chosen.peers.split(",")) - set(names)
        if unknown:
            sys.exit(f"not here: {', '.join(sorted(unknown))}; bash conf/install_packages.sh bench installs the peers")
        names = [name for name in names if name in (proxies.OURS, proxies.BEFORE) or name in chosen.peers.split(",")]
    return names


def write(results, out):
    out.mkdir(parents=True, exist_ok=True)
    (out / "results.json").write_text(json.dumps(results, indent=1))
    (out / "table.md").write_text(report.table(results))


def main():
    chosen = arguments()
    runs = chosen_runs(chosen)
    if chosen.list or not runs:
        sys.exit("\n".join(f"{scenario.name}/{protocol}" for scenario in SCENARIOS for protocol in scenario.protocols))
    defaults = {"rounds": 3, "seconds": 0.4, "idle": 1000} if chosen.quick else {"rounds": 5, "seconds": 1.5, "idle": 10000}
    sizes = {key: getattr(chosen, key) or value for key, value in defaults.items()}
    results = {} if chosen.fresh else report.read(chosen.out / "results.json")
    os.sched_setaffinity(0, {1})  # this process looks on from where the load is
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))  # so that it leaves no proxy behind
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        directory.chmod(0o755)
        certificates = make_certificates(directory / "certificates")
        with origin.running(directory / "origin") as origins:
            site = Site(directory, certificates, origins, chosen_names(chosen), **sizes)
            for scenario, protocol in runs:
                print(f"{scenario.name}/{protocol}: {scenario.title}, {scenario.unit}", file=sys.stderr, flush=True)
                report.merge(results, scenario, protocol, scenario.measure(site, protocol))
                write(results, chosen.out)
    drawn = report.plot(results, chosen.out / "plot.png")
    print((chosen.out / "table.md").read_text())
    print(f"in {chosen.out}: results.json, table.md" + (", plot.png" if drawn else " (no plot: python3-matplotlib is not installed)"))


if __name__ == "__main__":
    main()
