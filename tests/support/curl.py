"""curl and h2load, as the clients that everybody has."""

import re
import subprocess
import tempfile

from support.environment import PATIENCE


class Curl:
    """One transfer by curl; starts with the object, is awaited by the first look at what came back.

    status     0 without an answer
    heads      one list of lower-case (name, value) pairs for each head, the 1xx before the last, trailers after it
    body       bytes (empty if `output` takes it)
    exit_code  curl's: 0 whole, 18 partial, 56 receive failure, 92 stream error, 28 timeout ...
    """

    def __init__(self, url, *options, output=None, timeout=20):
        self._heads = tempfile.NamedTemporaryFile()
        self._body = tempfile.NamedTemporaryFile() if output is None else None
        self._timeout = timeout * PATIENCE
        self._child = subprocess.Popen(
            ["curl", "--silent", "--show-error", "--dump-header", self._heads.name,
             "--output", str(output) if output else self._body.name, "--write-out", "%{http_code} %{http_version}",
             "--max-time", str(self._timeout), *(str(option) for option in options), url],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self._result = None

    def done(self):
        """Whether it has ended by now."""
        return self._child.poll() is not None

    def _wait(self):
        if self._result is None:
            out, self.stderr = self._child.communicate(timeout=self._timeout + 10)
            status, self._version = out.split()
            self._result = (int(status), self._child.returncode)
        return self._result

    @property
    def status(self):
        return self._wait()[0]

    @property
    def exit_code(self):
        return self._wait()[1]

    @property
    def version(self):
        self._wait()
        return self._version

    @property
    def body(self):
        self._wait()
        with open(self._body.name, "rb") as body:
            return body.read()

    @property
    def heads(self):
        self._wait()
        with open(self._heads.name, "rb") as heads:
            text = heads.read().decode("latin-1")
        blocks = [block.splitlines() for block in re.split(r"\r?\n\r?\n", text) if block.strip()]
        return [[(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in block
                                                                       if not line.startswith("HTTP/"))]
                for block in blocks]

    @property
    def statuses(self):
        """Of every head, the 1xx included."""
        self._wait()
        with open(self._heads.name) as heads:
            return [int(status) for status in re.findall(r"^HTTP/\S+ (\d+)", heads.read(), re.MULTILINE)]

    def header(self, name):
        """From any of the heads, the last one first; None if there is none."""
        return next((value for head in reversed(self.heads) for key, value in head if key == name), None)

    def kill(self):
        self._child.kill()
        self._child.communicate()


class H2Load:
    """One run of h2load, awaited by the constructor: how many requests were asked for, succeeded, by status class."""

    def __init__(self, url, requests, clients, streams, *options, timeout=60):
        command = ["h2load", "-n", str(requests), "-c", str(clients), "-m", str(streams), *map(str, options), url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout * PATIENCE)
        self.output = done.stdout + done.stderr
        counts = re.search(r"requests: (\d+) total, \d+ started, (\d+) done, (\d+) succeeded, (\d+) failed", self.output)
        classes = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", self.output)
        assert counts and classes, self.output
        self.total, self.done, self.succeeded, self.failed = map(int, counts.groups())
        self.by_class = dict(zip(("2xx", "3xx", "4xx", "5xx"), map(int, classes.groups())))
        took = re.search(r"finished in ([\d.]+)(us|ms|s)", self.output)
        self.seconds = float(took.group(1)) * {"us": 1e-6, "ms": 1e-3, "s": 1}[took.group(2)] if took else None

    def expect_all_2xx(self):
        assert self.by_class["2xx"] == self.total and self.failed == 0, self.output
