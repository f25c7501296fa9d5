"""The gateway and the five proxies of Debian, each with a configuration that asks the same of it.

The same for all: `workers` threads or processes; TLS 1.3 with one P-256 certificate, HTTP/2 in front with 256 streams a connection (Caddy
2.6: its fixed 250); connections to the backend kept alive and enough of them for every stream; no access log; no limit on a body's
size, bodies streamed and not written to disk; long time-outs. The rest is what the package has as its default.
"""

import contextlib
import os
import pathlib
import pwd
import shutil

from bench.peers.machine import Pinned
from support import toml
from support.environment import BINARY, wait_until
from support.process import accepts, free_port

HAPROXY = """
global
  nbthread {workers}{busy}
  maxconn 12000
  no strict-limits
  tune.h2.max-concurrent-streams 256
  ssl-default-bind-options ssl-min-ver TLSv1.3
defaults
  mode http
  option http-keep-alive
  http-reuse always
  timeout connect 5s
  timeout client 300s
  timeout server 300s
frontend front
  bind 127.0.0.1:{port} ssl crt {pem} alpn h2
  default_backend back
backend back
  server origin {origin} {protocol}
"""

NGINX = """
daemon off; user {user}; worker_processes {workers}; worker_rlimit_nofile 20000; pid {dir}/nginx.pid; error_log {dir}/error.log;
events {{ worker_connections 12000; }}
http {{
  access_log off; client_max_body_size 0; proxy_request_buffering off; proxy_max_temp_file_size 0;
  keepalive_timeout 300s; keepalive_requests 1000000000; http2_max_concurrent_streams 256;
  client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
  upstream origin {{ server {origin}; keepalive 1024; keepalive_requests 1000000000; keepalive_timeout 300s; }}
  server {{
    listen 127.0.0.1:{port} ssl http2 backlog=4096;
    ssl_protocols TLSv1.3; ssl_certificate {certificate}; ssl_certificate_key {key};
    location / {{ proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}
}}
"""

H2O = """
user: {user}
num-threads: {workers}
max-connections: 12000
error-log: {dir}/error.log
pid-file: {dir}/h2o.pid
limit-request-body: 1099511627776
http2-idle-timeout: 300
http2-max-concurrent-requests-per-connection: 256
proxy.timeout.io: 300000
proxy.timeout.keepalive: 300000
listen:
  host: 127.0.0.1
  port: {port}
  ssl: {{ certificate-file: {certificate}, key-file: {key} }}
hosts:
  default:
    paths:
      /: {{ proxy.reverse.url: "http://{origin}/" }}
"""

CADDY = """
{{
  admin off
  auto_https off
  log {{
    level ERROR
  }}
  servers {{
    protocols h1 h2
    timeouts {{
      idle 300s
    }}
  }}
}}
https://localhost:{port} {{
  bind 127.0.0.1
  tls {certificate} {key} {{
    protocols tls1.3
  }}
  reverse_proxy {origin} {{
    transport http {{
      versions {protocol}
      keepalive 300s
      keepalive_idle_conns 1024
      keepalive_idle_conns_per_host 1024
    }}
  }}
}}
"""


class Setting:
    """What one proxy is started with: `protocol` is "h1" or "h2c", `origin` "host:port", `budget` the gateway's, `busy`: it polls, if it can."""

    def __init__(self, directory, certificates, origin, protocol, workers=1, budget=None, busy=False):
        self.directory, self.certificates, self.origin, self.protocol = directory, certificates, origin, protocol
        self.workers, self.budget, self.busy = workers, budget, busy
        self.port = free_port()

    def write(self, text, **more):
        """A template filled in; the path of the file."""
        path = self.directory / "conf"
        path.write_text(text.format(
            dir=self.directory, port=self.port, origin=self.origin, workers=self.workers, user=pwd.getpwuid(os.getuid()).pw_name,
            certificate=self.certificates.certificate, key=self.certificates.key, **more))
        return path


def gateway(s, binary=BINARY):
    tree = {
        "workers": s.workers,
        **({"busy_poll": "1ms"} if s.busy else {}),  # a build from before it has no such key
        "memory": {"budget": s.budget} if s.budget else {},
        "timeouts": {"connection_idle": "5m", "drain": "1s"},
        "log": {"access": "off", "level": "warning"},
        "listener": [{"address": f"127.0.0.1:{s.port}", "max_concurrent_streams": 256,
                      "tls": {"certificate": s.certificates.certificate, "key": s.certificates.key}}],
        "cluster": [{"name": "origin", "endpoints": [s.origin],
                     **({"protocol": "h2"} if s.protocol == "h2c" else {"protocol": "http/1.1", "max_connections": 1024})}],
        "route": [{"cluster": "origin"}],
    }
    path = s.directory / "gateway.toml"
    path.write_text(toml.document(tree))
    return [binary, "run", "--config", path], {}


def before(s):
    """Another build of the gateway, to see what a change brings."""
    return gateway(s, os.environ["GATEWAY_BEFORE"])


def nghttpx(s):
    behind = s.origin.replace(":", ",") + (";;proto=h2" if s.protocol == "h2c" else "")
    return ["nghttpx", "--conf=/dev/null", f"--frontend=127.0.0.1,{s.port}", f"--backend={behind}", f"--workers={s.workers}",
            "--tls-min-proto-version=TLSv1.3", "--rlimit-nofile=20000", "--backlog=4096",
            "--frontend-http2-max-concurrent-streams=256", "--backend-http2-max-concurrent-streams=256",
            "--frontend-http2-read-timeout=300s", "--backend-keep-alive-timeout=300s",
            f"--errorlog-file={s.directory}/error.log", f"--pid-file={s.directory}/nghttpx.pid",
            s.certificates.key, s.certificates.certificate], {}


def haproxy(s):
    pem = s.directory / "both.pem"
    pem.write_text(s.certificates.certificate.read_text() + s.certificates.key.read_text())
    more = {"busy": "\n  busy-polling" if s.busy else "", "protocol": "proto h2" if s.protocol == "h2c" else ""}
    return ["haproxy", "-f", s.write(HAPROXY, pem=pem, **more)], {}


def nginx(s):
    return ["nginx", "-p", s.directory, "-e", s.directory / "error.log", "-c", s.write(NGINX)], {}


def h2o(s):
    return ["h2o", "-c", s.write(H2O)], {}


def caddy(s):
    path = s.write(CADDY, protocol="h2c" if s.protocol == "h2c" else "1.1")
    return ["caddy", "run", "--config", path, "--adapter", "caddyfile"], \
        {"GOMAXPROCS": str(s.workers), "HOME": str(s.directory), "XDG_DATA_HOME": str(s.directory), "XDG_CONFIG_HOME": str(s.directory)}


COMMANDS = {"gateway": gateway, "before": before, "nghttpx": nghttpx, "haproxy": haproxy, "nginx": nginx, "h2o": h2o, "caddy": caddy}
OURS, BEFORE = "gateway", "before"
SPEAKS_H2C = {OURS, BEFORE, "nghttpx", "haproxy", "caddy"}  # behind; nginx and H2O 2.2 have HTTP/1.1 only


def available():
    """The names of those that are installed, ours first."""
    return [name for name in COMMANDS if name == OURS or (name == BEFORE and "GATEWAY_BEFORE" in os.environ) or shutil.which(name)]


def candidates(names, protocol):
    return [name for name in names if protocol == "h1" or name in SPEAKS_H2C]


@contextlib.contextmanager
def running(name, directory, certificates, origin, protocol, workers=1, budget=None, busy=False):
    """The proxy as a `Pinned` process that listens, with its port; one worker has CPU 0 alone, two have both."""
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    setting = Setting(directory, certificates, origin, protocol, workers, budget, busy)
    command, environment = COMMANDS[name](setting)
    with Pinned(command, directory / "log", cpus="0" if workers == 1 else "0,1", env={**os.environ, **environment}) as proxy:
        proxy.name, proxy.port = name, setting.port
        def listens():
            assert proxy.exit_code() is None, f"{name} ended:\n{proxy.log()[-3000:]}"
            return accepts(f"127.0.0.1:{setting.port}")
        wait_until(listens, f"{name} listens", 10)
        yield proxy
