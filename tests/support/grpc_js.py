"""@grpc/grpc-js as a service and as a stub: programs of node's in the folder grpc_js."""

import json
import os
import subprocess

import pytest

from support.environment import PATIENCE, ROOT
from support.process import Process

PROGRAMS = ROOT / "tests/support/grpc_js"
MODULES = ROOT / "build/grpc_js/node_modules"
ENVIRONMENT = {**os.environ, "NODE_PATH": str(MODULES)}


def program(name):
    if not MODULES.exists():
        pytest.skip(f"@grpc/grpc-js is not there: run {PROGRAMS / 'install.sh'}")
    return ["node", PROGRAMS / name]


class GrpcJsService:
    """The service of GrpcService in a process of its own, with the same attributes."""

    def __init__(self, directory, party=0):
        self.process = Process([*program("service.js"), party], directory / "grpc_js.log", env=ENVIRONMENT)

    def __enter__(self):
        self.process.wait_for_log("address", 10)
        self.address, = self._told("address")
        return self

    def __exit__(self, *_):
        self.process.kill()

    def _told(self, what):
        lines = self.process.log().splitlines(keepends=True)
        return [told[what] for line in lines if line.startswith("{") and line.endswith("\n") and what in (told := json.loads(line))]

    @property
    def held(self):
        return len(self._told("held"))

    @property
    def time_left(self):
        return self._told("held")[-1]

    @property
    def cancelled(self):
        return len(self._told("cancelled"))

    @property
    def most_met(self):
        return max(self._told("met"), default=0)


def stub(house, scenario, *arguments, timeout=60):
    """What came of a scenario of stub.js over TLS to https://localhost at the gateway."""
    where = f"localhost:{house.https.rsplit(':', 1)[1]}"
    done = subprocess.run([*program("stub.js"), where, house.certificates.ca, scenario, *map(str, arguments)], env=ENVIRONMENT,
                          capture_output=True, text=True, timeout=timeout * PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
