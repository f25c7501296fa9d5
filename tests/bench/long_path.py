"""One large upload over a long path (scenario W5): the gateway beside nghttpx, HAProxy, nginx and H2O of Debian, in one run.

    PYTHONPATH=tests python3 tests/bench/long_path.py [--mib 64] [--delay-ms 25] [--rounds 3] [--install]

curl uploads over TLS and HTTP/2 through a relay that delays every byte; behind each proxy stands the same nginx. Prints Mb/s, and
the time of small uploads. Installs nothing without --install; a proxy that is not here is left out.
"""

import argparse
import contextlib
import pathlib
import shutil
import statistics
import subprocess
import tempfile

from support.certificates import make_certificates
from support.environment import wait_until
from support.gateway import Gateway, cluster
from support.peers import Nginx
from support.process import Process, accepts, free_port
from support.relay import Relay

PACKAGES = {"nghttpx": "nghttp2-proxy", "haproxy": "haproxy", "nginx": "nginx", "h2o": "h2o"}

HAPROXY = """
global
  maxconn 1000
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend f
  bind 127.0.0.1:{port} ssl crt {pem} alpn h2
  default_backend b
backend b
  server s {origin}
"""

NGINX = """
daemon off; master_process off; pid {dir}/p.pid; error_log {dir}/p.err;
events {{ }}
http {{
  access_log off; client_max_body_size 0; proxy_request_buffering off;
  client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  server {{
    listen 127.0.0.1:{port} ssl http2; ssl_certificate {crt}; ssl_certificate_key {key};
    location / {{ proxy_pass http://{origin}; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}
}}
"""

H2O = """
user: root
num-threads: 1
error-log: {dir}/h2o.err
pid-file: {dir}/h2o.pid
limit-request-body: 1099511627776
listen:
  host: 127.0.0.1
  port: {port}
  ssl: {{ certificate-file: {crt}, key-file: {key} }}
hosts:
  default:
    paths:
      /: {{ proxy.reverse.url: "http://{origin}/" }}
"""


def nghttpx(directory, certificates, origin, port):
    return ["nghttpx", "--conf=/dev/null", f"--frontend=127.0.0.1,{port}", f"--backend={origin.replace(':', ',')}", "--workers=1",
            "--errorlog-file=" + str(directory / "x.err"), certificates.key, certificates.certificate]


def haproxy(directory, certificates, origin, port):
    pem = directory / "both.pem"
    pem.write_text(certificates.certificate.read_text() + certificates.key.read_text())
    return ["haproxy", "-f", written(directory, HAPROXY, port=port, pem=pem, origin=origin)]


def nginx(directory, certificates, origin, port):
    return ["nginx", "-p", directory, "-e", directory / "p.err", "-c",
            written(directory, NGINX, dir=directory, port=port, origin=origin, crt=certificates.certificate, key=certificates.key)]


def h2o(directory, certificates, origin, port):
    return ["h2o", "-c",
            written(directory, H2O, dir=directory, port=port, origin=origin, crt=certificates.certificate, key=certificates.key)]


def written(directory, text, **values):
    (directory / "conf").write_text(text.format(**values))
    return directory / "conf"


@contextlib.contextmanager
def another(make, directory, certificates, origin):
    port = free_port()
    with Process(make(directory, certificates, origin, port), directory / "log") as process:
        def listens():
            assert process.exit_code() is None, process.log()
            return accepts(f"127.0.0.1:{port}")
        wait_until(listens, make.__name__, 10)
        yield f"127.0.0.1:{port}"


@contextlib.contextmanager
def ours(directory, certificates, origin):
    with Gateway(directory, certificates, [cluster("app", "http/1.1", origin)], workers=1) as house:
        yield house.https


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
    parser.add_argument("--install", action="store_true", help="apt-get install the proxies first")
    chosen = parser.parse_args()
    if chosen.install:
        subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *PACKAGES.values()], check=True)
    makers = {"gateway": None, "nghttpx": nghttpx, "haproxy": haproxy, "nginx": nginx, "h2o": h2o}
    small = [1, 8, 64]
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        certificates = make_certificates(root / "certificates")
        files = []
        for kib in [*small, chosen.mib * 1024]:
            files.append(root / f"{kib}k")
            files[-1].write_bytes(bytes(range(256)) * 4 * kib)
        print(f"{'':10} {chosen.mib} MiB, Mb/s (each round)" + "".join(f"   {kib} KiB, ms" for kib in small))
        with Nginx(root / "origin") as origin:
            for kind, make in makers.items():
                if (chosen.only and kind not in chosen.only.split(",")) or (make and not shutil.which(kind)):
                    continue
                directory = root / kind
                directory.mkdir()
                run = ours(directory, certificates, origin.address) if make is None else \
                    another(make, directory, certificates, origin.address)
                with run as address:
                    *times, large = measure(address, certificates, files, chosen.delay_ms / 1000, chosen.rounds)
                rates = [f"{chosen.mib * 8.388608 / s:.0f}" if s else "failed" for s in large]
                medians = [f"{statistics.median(s) * 1000:10.0f}" if all(s) else "    failed" for s in times]
                print(f"{kind:10} {' '.join(rates):30}" + " ".join(medians), flush=True)


if __name__ == "__main__":
    main()
