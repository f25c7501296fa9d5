"""One JSON line for each exchange, with every field, into a file that can be rotated."""

import re
import signal

import pytest

from support.curl import H2Load
from support.environment import scaled, wait_until
from support.gateway import cluster
from support.h1_backend import H1Backend
from support.h2_client import H2Client, connect_tls

DEMO = {"name": "app", "protocol": "demo"}


def test_a_line_has_every_field(gateway):
    with H1Backend() as behind, gateway(cluster("app", "http/1.1", behind.address)) as house:
        assert house.curl("/path?query", "--data-binary", "12345").status == 200
        line = house.wait_for_access(lambda line: line["cluster"] == "app")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", line["time"])
        assert line["client"] == "127.0.0.1" and line["stream"] == 1
        assert line["method"] == "POST" and line["path"] == "/path?query"
        assert line["authority"].startswith("localhost:") and line["status"] == 200
        assert line["bytes_in"] == 5 and line["bytes_out"] > 0
        assert line["endpoint"] == behind.address
        assert 0 <= line["backend_ms"] <= line["total_ms"] and line["paused_ms"] == 0
        assert line["end"] == "complete"


def test_the_line_says_why_it_ended(gateway, certificates):
    def serve(connection):
        connection.read_request()
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")
    with H1Backend(serve) as behind, gateway(cluster("app", "http/1.1", behind.address)) as house:
        client = H2Client(connect_tls(house.https, certificates))
        client.fetch("/cut")
        cut = house.wait_for_access(lambda line: line["path"] == "/cut")
        assert cut["status"] == 200 and cut["end"] != "complete" and cut["bytes_out"] <= 5
        client.close()


def test_a_client_that_resets_is_named(gateway, certificates):
    with gateway(DEMO) as house:
        client = H2Client(connect_tls(house.https, certificates))
        stream = client.get("/delay/60000")
        client.fetch("/")
        client.reset(stream, 8)
        line = house.wait_for_access(lambda line: line["path"] == "/delay/60000")
        assert line["status"] == 0 and line["end"] not in ("", "complete")
        client.close()


def test_no_exchange_is_lost_or_doubled(gateway):
    count = scaled(5000, 1000)
    with gateway(DEMO) as house:
        H2Load(f"https://{house.https}/status/204", count, 20, 20).expect_all_2xx()
        house.signal(signal.SIGTERM)
        assert house.wait(5) == 0
        assert sum(line["path"] == "/status/204" for line in house.access_log()) == count


def test_sigusr1_opens_the_file_again(gateway):
    with gateway(DEMO) as house:
        assert house.curl("/status/200").status == 200
        house.wait_for_access(lambda line: line["path"] == "/status/200")
        rotated = house.access_path.with_suffix(".1")
        house.access_path.rename(rotated)
        house.signal(signal.SIGUSR1)
        wait_until(house.access_path.exists, "the new file")
        assert house.curl("/status/201").status == 201
        house.wait_for_access(lambda line: line["path"] == "/status/201")
        assert "/status/201" not in rotated.read_text()


@pytest.mark.parametrize("target, expected", [("stdout", True), ("off", False)])
def test_other_targets(gateway, target, expected):
    with gateway(DEMO, log={"access": target}) as house:
        assert house.curl("/status/200").status == 200
        house.signal(signal.SIGTERM)
        assert house.wait(5) == 0
        assert ('"path":"/status/200"' in house.log()) == expected


def test_what_a_client_sends_cannot_forge_a_line(gateway):
    with gateway(DEMO) as house:
        assert house.curl('/%22%0a?"quote\\', "--path-as-is").status in (404, 400)
        line = house.wait_for_access(lambda line: "%0a" in line["path"])
        assert line["path"] == '/%22%0a?"quote\\'
