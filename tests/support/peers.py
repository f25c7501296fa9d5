"""The backends that Debian packages: nginx for HTTP/1.1, nghttpd for h2 in cleartext and over TLS."""

from support.environment import wait_until
from support.process import Process, accepts, free_port

NGINX = """
daemon off; worker_processes 1; pid {dir}/nginx.pid; error_log {dir}/nginx.err;
events {{ worker_connections 2048; }}
http {{
  access_log off; client_max_body_size 0; keepalive_requests 100000; types {{ }} default_type application/octet-stream;
  client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=4096{tls};
    root {dir}/files;
    location /up/ {{ dav_methods PUT; }}
    location /slowly/ {{ alias {dir}/files/; limit_rate {slowly}; }}
    location /nothing {{ return 204; }}
    location /hello {{ return 200 "hello from nginx\\n"; }}
  }}
}}
"""


class Server:
    """A peer that can be stopped and started again on its port; its files lie in `files`."""

    def __init__(self, directory, port=None):
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.files = directory / "files"
        self.files.mkdir(exist_ok=True)
        self.port = port or free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.process = None
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def start(self):
        self.process = Process(self.command(), self.directory / "server.log")
        def listens():
            assert self.process.exit_code() is None, self.process.log()
            return accepts(self.address)
        wait_until(listens, f"{self.address} accepts", 10)

    def kill(self):
        self.process.kill()

    def signal(self, number):
        self.process.signal(number)


class Nginx(Server):
    """One process, so that a signal stops all of it. PUT stores below /up/; /slowly/ is the files at 256 KiB/s."""

    def __init__(self, directory, certificates=None, slowly="256k"):
        self.certificates = certificates
        self.slowly = slowly
        super().__init__(directory)

    def command(self):
        tls = ""
        if self.certificates:
            tls = f" ssl; ssl_certificate {self.certificates.certificate}; ssl_certificate_key {self.certificates.key}"
        (self.files / "up").mkdir(exist_ok=True)
        config = self.directory / "nginx.conf"
        text = NGINX.format(dir=self.directory, port=self.port, tls=tls, slowly=self.slowly)
        config.write_text("master_process off;\n" + text)
        return ["nginx", "-p", self.directory, "-e", self.directory / "nginx.err", "-c", config]


class Nghttpd(Server):
    """h2 with prior knowledge, or over TLS; POST echoes the body. It remembers files: one that was served must not change."""

    def __init__(self, directory, certificates=None, options=()):
        self.certificates = certificates
        self.options = options
        super().__init__(directory)

    def command(self):
        shared = ["nghttpd", "--address=127.0.0.1", "-d", self.files, "--echo-upload", *self.options]
        if self.certificates:
            return [*shared, self.port, self.certificates.key, self.certificates.certificate]
        return [*shared, "--no-tls", self.port]
