"""One large upload over a long path (scenario W5): the gateway beside the proxies of bench/peers, in one run.

    PYTHONPATH=tests python3 tests/bench/long_path.py [--mib 64] [--delay-ms 25] [--rounds 3]

curl uploads over TLS and HTTP/2 through a relay that delays every byte; behind each proxy stands the same nginx. Prints Mb/s, and
the time of small uploads. A proxy that is not installed (conf/install_packages.sh bench) is left out.
"""

import argparse
import pathlib
import statistics
import subprocess
import tempfile

from bench.peers import proxies
from support.certificates import make_certificates
from support.peers import Nginx
from support.relay import Relay


def seconds(address, certificates, file):
    """What one upload takes, from when the connection stands."""
    told = subprocess.run(
        ["curl", "--silent", "--show-error", "--http2", "--cacert", certificates.ca, "--upload-file", file, "--output", "/dev/null",
         "--write-out", "%{http_code} %{time_appconnect} %{time_total}", "--max-time", "120", "-H", "expect:",
         f"https://localhost:{address.rsplit(':', 1)[1]}/up/"],
        capture_output=True, text=True, check=False)
    status, connected, total = told.stdout.split() if told.returncode == 0 else ("0", "0", "0")
    return float(total) - float(connected) if status in ("200", "201", "204") else None


def measure(address, certificates, files, delay, rounds):
    with Relay(address, delay) as relay:
        return [[seconds(relay.address, certificates, file) for _ in range(rounds)] for file in files]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mib", type=int, default=64)
    parser.add_argument("--delay-ms", type=float, default=25)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", help="names, separated by commas")
    chosen = parser.parse_args()
    names = [name for name in proxies.available() if not chosen.only or name in chosen.only.split(",")]
    small = [1, 8, 64]
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        certificates = make_certificates(root / "certificates")
        files = []
        for kib in [*small, chosen.mib * 1024]:
            files.append(root / f"{kib}k")
            files[-1].write_bytes(bytes(range(256)) * 4 * kib)
        print(f"{'':10} {chosen.mib} MiB, Mb/s (each round)" + "".join(f"   {kib} KiB, ms" for kib in small))
        with Nginx(root / "origin") as origin:
            for name in names:
                with proxies.running(name, root / name, certificates, origin.address, "h1") as proxy:
                    *times, large = measure(f"127.0.0.1:{proxy.port}", certificates, files, chosen.delay_ms / 1000, chosen.rounds)
                rates = [f"{chosen.mib * 8.388608 / s:.0f}" if s else "failed" for s in large]
                medians = [f"{statistics.median(s) * 1000:10.0f}" if all(s) else "    failed" for s in times]
                print(f"{name:10} {' '.join(rates):30}" + " ".join(medians), flush=True)


if __name__ == "__main__":
    main()
