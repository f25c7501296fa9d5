"""The backend of all proxies: one nginx on CPU 1 that speaks HTTP/1.1 on one port and h2c on another, and answers from memory."""

import contextlib
import os
import pathlib
import pwd

from bench.peers.machine import Pinned
from support.environment import wait_until
from support.process import accepts, free_port

FILES = {"1k": 1 << 10, "100k": 100 << 10, "10m": 10 << 20}  # bytes

# An upload is answered when its last byte is here, as services do: nginx itself answers `return` at once and resets what still
# comes. So it is read whole into memory and then asked of nginx's own socket, without the body.
NGINX = """
daemon off; master_process off; user {user}; worker_rlimit_nofile 20000; pid {dir}/nginx.pid; error_log {dir}/error.log;
events {{ worker_connections 12000; }}
http {{
  access_log off; client_max_body_size 0; client_body_buffer_size 2m; types {{ }} default_type application/octet-stream;
  sendfile on; tcp_nopush on; open_file_cache max=100 inactive=1h; open_file_cache_valid 1h;
  keepalive_timeout 300s; keepalive_requests 1000000000; http2_max_concurrent_streams 256;
  client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
  upstream self {{ server unix:{dir}/self; keepalive 1024; keepalive_requests 1000000000; keepalive_timeout 300s; }}
  server {{ listen unix:{dir}/self; location / {{ return 200 "taken\\n"; }} }}
  server {{
    listen 127.0.0.1:{h1} backlog=4096;
    listen 127.0.0.1:{h2c} http2 backlog=4096;
    root {dir}/files;
    location /post {{
      proxy_pass http://self; proxy_http_version 1.1; proxy_pass_request_body off;
      proxy_set_header Connection ""; proxy_set_header Content-Length "";
    }}
  }}
}}
"""


@contextlib.contextmanager
def running(directory):
    """{"h1": "host:port", "h2c": "host:port"} of a running backend."""
    directory = pathlib.Path(directory)
    files = directory / "files"
    files.mkdir(parents=True)
    directory.chmod(0o755)
    for name, size in FILES.items():
        (files / name).write_bytes(bytes(range(256)) * (size // 256))
    ports = {"h1": free_port(), "h2c": free_port()}
    config = directory / "nginx.conf"
    config.write_text(NGINX.format(dir=directory, user=pwd.getpwuid(os.getuid()).pw_name, **ports))
    with Pinned(["nginx", "-p", directory, "-e", directory / "error.log", "-c", config], directory / "log", cpus="1") as server:
        for port in ports.values():
            def listens():
                assert server.exit_code() is None, (directory / "error.log").read_text() + server.log()
                return accepts(f"127.0.0.1:{port}")
            wait_until(listens, "the backend listens", 10)
        yield {protocol: f"127.0.0.1:{port}" for protocol, port in ports.items()}
