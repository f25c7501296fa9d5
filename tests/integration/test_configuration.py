"""Each mistake in a configuration is one line that says where, what, and what would be right; and the other ways to start."""

import re
import signal
import socket
import subprocess

import pytest

from support.curl import Curl
from support.environment import BINARY, PATIENCE, wait_until
from support.gateway import LISTENING
from support.h1_backend import H1Backend
from support.process import Process, free_port

GOOD = """\
workers = 1
[memory]
budget = "64MiB"
[[listener]]
address = "127.0.0.1:0"
tls = { certificate = "localhost.crt", key = "localhost.key" }
[[cluster]]
name = "app"
protocol = "http/1.1"
endpoints = ["127.0.0.1:1"]
[[route]]
path = "/"
cluster = "app"
[[route]]
path = "/other"
cluster = "app"
[timeouts]
connect = "3s"
[log]
access = "off"
"""

# What is replaced, by what; the line it is on; what its message has to name.
MISTAKES = {
    "wrong key": ('connect = "3s"', 'conect = "3s"', 18, 'conect.*did you mean "connect"'),
    "wrong type": ("workers = 1", 'workers = "one"', 1, "workers.*(integer|number)"),
    "missing file": ('"localhost.crt"', '"absent.crt"', 6, "absent.crt"),
    "foreign key": ('"localhost.key"', '"localhost-rsa.key"', 6, "key"),
    "port in use": ("127.0.0.1:0", "127.0.0.1:{busy}", 5, "(?i)in use"),
    "unknown cluster": ('cluster = "app"', 'cluster = "ap"', 13, '"ap".*"app"'),
    "duplicate name": ('[[route]]', '[[cluster]]\nname = "app"\nprotocol = "demo"\n[[route]]', 12, '"app"'),
    "bad unit": ('"3s"', '"3 parsecs"', 18, "parsecs"),
    "budget too small": ('budget = "64MiB"', 'budget = "1MiB"\nblocks = 4096', (3, 4), "budget|blocks"),
    "no endpoints": ('["127.0.0.1:1"]', "[]", 10, "endpoints"),
    "syntax": ('name = "app"', 'name = "app', 8, "."),
    "path without a slash": ('path = "/"', 'path = "app"', 12, 'app.*"/'),
}


def run(*arguments):
    return subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=20 * PATIENCE)


@pytest.fixture
def write(tmp_path, certificates):
    """Writes a configuration beside links to the certificates; returns its path."""
    for name in ("localhost.crt", "localhost.key", "localhost-rsa.key"):
        (tmp_path / name).symlink_to(certificates.directory / name)

    def to_file(text):
        path = tmp_path / "gateway.toml"
        path.write_text(text)
        return path
    return to_file


def test_the_good_one_is_good(write):
    done = run("check", "--config", write(GOOD))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("verb", ["check", "run"])
@pytest.mark.parametrize("name", MISTAKES)
def test_each_mistake_is_one_line_with_its_place(write, name, verb):
    old, new, lines, message = MISTAKES[name]
    with socket.create_server(("127.0.0.1", 0)) as busy:
        path = write(GOOD.replace(old, new.replace("{busy}", str(busy.getsockname()[1])), 1))
        done = run(verb, "--config", path)
    if (name, verb) != ("port in use", "check"):  # there it is a warning: the gateway itself may be running
        assert done.returncode == 1, done.stderr
    told = [line for line in done.stderr.splitlines() if "gateway.toml:" in line]
    assert len(told) == 1, done.stderr
    place = re.search(r"gateway\.toml:(\d+):(\d+):? (.*)", told[0])
    assert place, told[0]
    assert int(place.group(1)) in (lines if isinstance(lines, tuple) else (lines,)), told[0]
    assert re.search(message, place.group(3)), told[0]


def test_all_mistakes_of_a_file_are_told_at_once(write):
    text = GOOD
    chosen = ["wrong key", "wrong type", "no endpoints", "path without a slash"]
    for name in chosen:
        text = text.replace(*MISTAKES[name][:2], 1)
    done = run("check", "--config", write(text))
    assert done.returncode == 1
    assert len(re.findall(r"gateway\.toml:\d+:\d+", done.stderr)) == len(chosen), done.stderr


def test_a_file_that_is_not_there(tmp_path):
    done = run("run", "--config", tmp_path / "absent.toml")
    assert done.returncode == 1 and "absent.toml" in done.stderr


def test_the_version():
    done = run("--version")
    assert done.returncode == 0 and re.search(r"\d+\.\d+\.\d+", done.stdout)


@pytest.mark.parametrize("arguments", [[], ["walk"], ["run"], ["run", "--listen", "ftp://x", "--to", "http://y"]])
def test_a_wrong_command_line_is_refused(arguments):
    done = run(*arguments)
    assert done.returncode not in (0, -signal.SIGABRT, -signal.SIGSEGV) and done.stderr + done.stdout


@pytest.mark.parametrize("front", ["https", "h2c"])
def test_the_quick_form(tmp_path, certificates, front):
    port = free_port()
    keys = ["--certificate", certificates.certificate, "--key", certificates.key] if front == "https" else []
    with H1Backend() as behind:
        command = [BINARY, "run", "--listen", f"{front}://127.0.0.1:{port}", "--to", f"http://{behind.address}", *keys]
        with Process(command, tmp_path / "log") as house:
            wait_until(lambda: LISTENING.search(house.log()), "it listens")
            if front == "https":
                reply = Curl(f"https://localhost:{port}/", "--http2", "--cacert", certificates.ca)
            else:
                reply = Curl(f"http://127.0.0.1:{port}/", "--http2-prior-knowledge")
            assert (reply.status, reply.version) == (200, "2")
            house.signal(signal.SIGTERM)
            assert house.wait(5) == 0


def test_a_unix_socket_serves(write, tmp_path):
    text = GOOD.replace("127.0.0.1:0", "unix:gateway.sock").replace("tls = {", "# tls = {")
    text = text.replace('protocol = "http/1.1"\nendpoints = ["127.0.0.1:1"]', 'protocol = "demo"')
    with Process([BINARY, "run", "--config", write(text)], tmp_path / "log") as house:
        wait_until(lambda: LISTENING.search(house.log()) or house.exit_code() is not None, "it listens")
        sockets = list(tmp_path.glob("*.sock"))
        assert sockets, house.log()
        reply = Curl("http://localhost/", "--http2-prior-knowledge", "--unix-socket", sockets[0])
        assert reply.status == 200
        house.signal(signal.SIGTERM)
        assert house.wait(5) == 0
        assert not list(tmp_path.glob("*.sock")), "the socket's file is left behind"
