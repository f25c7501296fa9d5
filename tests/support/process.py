"""A child process with its output in a file, and ports for those children that cannot choose their own."""

import pathlib
import random
import re
import signal
import socket
import subprocess

from support.environment import PATIENCE, wait_until


def free_port():
    """A port nobody listens on, below the range that the kernel gives to outgoing connections."""
    for _ in range(100):
        port = random.randint(10000, 31999)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise RuntimeError("no free port")


def accepts(address):
    """Whether something listens on "host:port"."""
    host, port = address.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
        return True
    except OSError:
        return False


def listening_socket(port=0, path=None):
    """On 127.0.0.1, or a unix socket at `path`; and its address as the gateway's configuration has it."""
    if path:
        return socket.create_server(str(path), family=socket.AF_UNIX, backlog=256), f"unix:{path}"
    server = socket.create_server(("127.0.0.1", port), backlog=256)
    return server, "127.0.0.1:%d" % server.getsockname()[1]


def hang_up(sock):
    """Closes a socket that another thread may be blocked in."""
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    sock.close()


class Process:
    """Started at once; stdout and stderr go to `log`. A context manager that leaves nothing running."""

    def __init__(self, command, log, env=None, cwd=None):
        self.log_path = pathlib.Path(log)
        with open(self.log_path, "wb") as output:
            self._child = subprocess.Popen(
                [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=env, cwd=cwd)
        self.pid = self._child.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def log(self):
        return self.log_path.read_text(errors="replace")

    def exit_code(self):
        """None while it runs; negative: the signal that ended it."""
        return self._child.poll()

    def wait_for_log(self, pattern, seconds=5.0):
        """The matches of `pattern` in the log, once there is one."""
        def look():
            found = re.findall(pattern, self.log(), re.MULTILINE)
            if not found and self.exit_code() is not None:
                raise AssertionError(f"ended with {self.exit_code()} before {pattern!r}:\n{self.log()}")
            return found
        return wait_until(look, f"{pattern!r} in {self.log_path}", seconds)

    def signal(self, number):
        self._child.send_signal(number)

    def wait(self, seconds=5.0):
        """Its exit code."""
        try:
            return self._child.wait(seconds * PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"process {self.pid} did not end within {seconds * PATIENCE:g} s:\n{self.log()[-3000:]}")

    def kill(self):
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGKILL)
            self._child.wait()
