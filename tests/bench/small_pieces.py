"""A backend that writes its answers in two pieces and leaves TCP_NODELAY off: the gateway beside the proxies of bench/peers, in one run.

    PYTHONPATH=tests python3 tests/bench/small_pieces.py [--requests 100] [--only gateway,nginx]

Its kernel keeps the second piece until the first is acknowledged (Nagle's algorithm); a kernel that expects to send soon acknowledges up to
40 ms later. h2load asks for one after the other. Prints the median and the longest of the answers' times, in ms. A proxy that is not
installed (conf/install_packages.sh bench) is left out.
"""

import argparse
import pathlib
import socket
import statistics
import subprocess
import tempfile

from bench.peers import load, proxies
from support.certificates import make_certificates
from support.h1_backend import H1Backend
from support.h2_backend import H2Backend

BODY = bytes(1000)


def serve_http1(connection):
    while connection.read_request():
        connection.send(f"HTTP/1.1 200 OK\r\nContent-Length: {len(BODY)}\r\n\r\n")
        connection.send(BODY)


def serve_h2(connection, stream):
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
    connection.send_headers(stream.id, [(":status", "200"), ("content-length", str(len(BODY)))])
    connection.send_body(stream.id, BODY)


def milliseconds(port, log, requests):
    """Of each good answer."""
    subprocess.run(load.h2load(port, "/", log, "-n", requests, "-c", 1, "-m", 1), stdout=subprocess.DEVNULL, timeout=120, check=False)
    return [took / 1000 for took in load.good(load.parse_log(log.read_text()))]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=100)
    parser.add_argument("--only", help="names, separated by commas")
    chosen = parser.parse_args()
    names = [name for name in proxies.available() if not chosen.only or name in chosen.only.split(",")]
    backends = {"h1": lambda: H1Backend(serve_http1), "h2c": lambda: H2Backend(on_end=serve_h2)}
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        certificates = make_certificates(root / "certificates")
        for protocol, backend in backends.items():
            for name in proxies.candidates(names, protocol):
                directory = root / f"{name}-{protocol}"
                with backend() as origin, proxies.running(name, directory, certificates, origin.address, protocol) as proxy:
                    times = milliseconds(proxy.port, directory / "h2load.log", chosen.requests)
                good = f"median {statistics.median(times):6.1f}  most {max(times):6.1f}" if len(times) == chosen.requests else "failed"
                print(f"{protocol:4} {name:9} {good}", flush=True)


if __name__ == "__main__":
    main()
