"""The gateway as a process: its configuration, its listeners, its logs and what it says about itself."""

import json
import re
import signal

from support import toml
from support.curl import Curl
from support.environment import BINARY, wait_until
from support.process import Process

LISTENING = re.compile(r"listening on (\S+) \((\w+)\)")
SANITIZER = re.compile(r"(ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:).*")

CRASHES = (-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS)


def cluster(name, protocol, *addresses, **more):
    """A [[cluster]]; `addresses` are "host:port"."""
    return {"name": name, "protocol": protocol, "endpoints": list(addresses), **more}


def route(name, path="/", host="*", **more):
    return {"host": host, "path": path, "cluster": name, **more}


class Gateway(Process):
    """Serves over TLS and in cleartext; `clusters` become routes by "/name/" unless `routes` are given, a single one gets "/".

    Listeners have port 0; `listener` holds more keys for both of them, `more_listeners` further ones, whole. Other keyword arguments are tables of the configuration (timeouts={...}), merged over the defaults, or values of its top (busy_poll="1ms").
    Leaving the context drains the gateway and demands exit code 0, zero gauges and a log without a sanitizer's report.
    """

    def __init__(self, directory, certificates, clusters, routes=None, workers=2, listener=None, tls=None,
                 more_listeners=(), **tables):
        self.directory = directory
        self.certificates = certificates
        self.access_path = directory / "access.log"
        if routes is None:
            routes = [route(c["name"], "/" if len(clusters) == 1 else f"/{c['name']}/") for c in clusters]
        tls = tls or {"certificate": certificates.certificate, "key": certificates.key}
        shared = {"address": "127.0.0.1:0", **(listener or {})}
        tree = {
            "workers": workers,
            "memory": {"budget": "256MiB"},
            "timeouts": {"drain": "5s"},
            "admin": {"address": "127.0.0.1:0"},
            "log": {"access": self.access_path, "level": "info"},
            "listener": [{**shared, "tls": tls}, shared, *more_listeners],
            "cluster": clusters,
            "route": routes,
        }
        for name, value in tables.items():
            tree[name] = {**tree.get(name, {}), **value} if isinstance(value, dict) else value
        self.config_path = directory / "gateway.toml"
        self.config_path.write_text(toml.document(tree))
        super().__init__([BINARY, "run", "--config", self.config_path], directory / "gateway.log")
        try:
            wait_until(self._all_listen, "the gateway's listeners", 10)
        except BaseException:
            self.kill()
            raise
        addresses = {kind: address for address, kind in LISTENING.findall(self.log()) if not address.startswith("unix:")}
        self.https, self.h2c, self.admin = addresses["https"], addresses["h2c"], addresses["admin"]

    def _all_listen(self):
        assert self.exit_code() is None, f"ended with {self.exit_code()}:\n{self.log()}"
        return {kind for _, kind in LISTENING.findall(self.log())} >= {"https", "h2c", "admin"}

    def __exit__(self, kind, *_):
        try:
            if kind is None and self.exit_code() is None:
                self.expect_idle()
                self.signal(signal.SIGTERM)
                assert self.wait(8) == 0, self.log()[-3000:]
            assert self.exit_code() not in CRASHES, f"crashed with {self.exit_code()}:\n{self.log()[-3000:]}"
            report = SANITIZER.search(self.log())
            assert not report, self.log()[report.start():][:6000]
        finally:
            self.kill()
            if kind is not None:
                print(self.log()[-6000:])

    # ---- Requests ----

    def curl(self, path, *options, **more):
        """Over TLS, as HTTP/2."""
        port = self.https.rsplit(":", 1)[1]
        return Curl(f"https://localhost:{port}{path}", "--http2", "--cacert", self.certificates.ca, *options, **more)

    def curl_cleartext(self, path, *options, **more):
        return Curl(f"http://{self.h2c}{path}", "--http2-prior-knowledge", *options, **more)

    def ask_admin(self, path, *options, **more):
        return Curl(f"http://{self.admin}{path}", "--http2-prior-knowledge", *options, **more)

    # ---- What it says about itself ----

    def pool(self):
        page = self.ask_admin("/pool")
        assert page.status == 200, f"/pool: {page.status} {page.stderr}, the gateway's exit code is {self.exit_code()}"
        return json.loads(page.body)

    def metrics(self):
        """The samples of /metrics: "name{labels}" to value."""
        lines = self.ask_admin("/metrics").body.decode().splitlines()
        return {name: float(number) for name, number in
                (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))}

    def metric_sum(self, pattern):
        """The sum of the samples whose name and labels match."""
        return sum(number for name, number in self.metrics().items() if re.search(pattern, name))

    def expect_idle(self):
        """Waits until no block is held and nobody waits for one, the admin's own answer aside."""
        def idle():
            pool = self.pool()
            held = sum(pool["pool_blocks_used"].values()) - 1  # the page's own
            return held <= 0 and sum(pool["pool_waiting"].values()) == 0
        wait_until(idle, "no block held and no waiter", 5)

    def access_log(self):
        """The lines that are complete, parsed."""
        if not self.access_path.exists():
            return []
        return [json.loads(line) for line in self.access_path.read_text().splitlines(keepends=True) if line.endswith("\n")]

    def wait_for_access(self, condition, what="a line of the access log", seconds=5.0):
        """The first line of the access log that meets the condition."""
        return wait_until(lambda: next((line for line in self.access_log() if condition(line)), None), what, seconds)

    def expect_no_waits(self, path):
        """The answers at `path`, several, never waited for a block: speeds are told, not judged, on a machine that others use too."""
        whole = [line for line in self.access_log() if line["path"] == path and line["status"] == 200]
        assert len(whole) > 6 and all(line["paused_ms"] == 0 for line in whole), whole

    def memory(self):
        """Resident memory in bytes."""
        with open(f"/proc/{self.pid}/smaps_rollup") as rollup:
            return next(int(line.split()[1]) * 1024 for line in rollup if line.startswith("Rss:"))

    def peak_memory(self):
        """The most that was resident since it started, in bytes."""
        with open(f"/proc/{self.pid}/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))
