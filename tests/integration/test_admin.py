"""The admin pages and the demo cluster answer, whatever the pool's state, as users of the pool like any other."""

import json
import re

import pytest

from support.gateway import cluster
from support.h2_client import H2Client, connect, connect_tls, drain_under

DEMO = {"name": "app", "protocol": "demo"}


def test_each_page(gateway):
    with gateway(DEMO) as house:
        assert house.ask_admin("/healthz").status == 200
        assert house.ask_admin("/readyz").status == 200
        stats = house.ask_admin("/stats.json")
        assert stats.status == 200 and "json" in stats.header("content-type") and json.loads(stats.body)["workers"] == 2
        assert json.loads(house.ask_admin("/endpoints").body) == {"endpoints": []}
        assert house.ask_admin("/unknown").status == 404
        assert house.ask_admin("/healthz", "--request", "POST").status == 405


def test_the_metrics_are_prometheus_text_and_count(gateway):
    with gateway(DEMO) as house:
        before = house.metric_sum(r'gateway_responses_total\{class="2xx"\}')
        for _ in range(5):
            assert house.curl("/").status == 200
        assert house.metric_sum(r'gateway_responses_total\{class="2xx"\}') >= before + 5
        page = house.ask_admin("/metrics")
        assert page.header("content-type").startswith("text/plain")
        line = re.compile(r'(# (HELP|TYPE) gateway_\w+ .+|gateway_\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? -?[\d.e+]+)')
        for text in page.body.decode().splitlines():
            assert line.fullmatch(text), text


def test_the_pool_page_shows_the_caps(gateway):
    with gateway(DEMO, memory={"blocks": 32, "block_size": "8KiB"}) as house:
        pool = house.pool()
        assert (pool["pool_blocks"], pool["pool_block_size_bytes"]) == (32, 8192)


@pytest.mark.parametrize("blocks", [1, 2])
def test_pages_larger_than_a_block_come_through_hardly_a_block(gateway, blocks):
    with gateway(DEMO, memory={"blocks": blocks, "block_size": "4KiB"}) as house:
        whole = house.ask_admin("/metrics")
        assert whole.status == 200 and len(whole.body) > 4096
        assert whole.body.endswith(b"\n")


def test_ready_turns_to_503_while_it_drains(gateway, certificates):
    with gateway(DEMO) as house:
        client, stream = drain_under(house, certificates, "/delay/2000")
        assert house.ask_admin("/readyz").status == 503
        assert house.ask_admin("/healthz").status == 200
        assert client.wait(stream)[0].status == 200
        assert house.wait(5) == 0


def test_the_demo_cluster(gateway, certificates):
    with gateway(DEMO) as house:
        told = json.loads(house.curl("/?q=1", "-H", "X-Mine: 1").body)
        assert told["method"] == "GET" and told["path"] == "/?q=1"
        assert {"name": "x-mine", "value": "1"} in told["headers"]
        assert len(house.curl("/bytes/100000").body) == 100000
        assert house.curl("/echo", "--data-binary", "hello").body == b"hello"
        assert house.curl("/delay/100").status == 200
        for status in (204, 304, 404, 500):
            assert house.curl(f"/status/{status}").status == status
        client = H2Client(connect_tls(house.https, certificates))
        reply, = client.wait(client.post("/echo", b"x", trailers=[("x-sum", "1")]))
        assert reply.trailers == [("x-sum", "1")]
        client.close()


def test_demo_bytes_are_the_same_through_a_backend_and_many_readers(gateway):
    with gateway(DEMO, cluster("again", "demo"), memory={"blocks": 4}) as house:
        bodies = [house.curl("/app/bytes/10", "--path-as-is") for _ in range(3)]
        assert len({body.body for body in bodies}) == 1


def test_the_admin_listener_answers_in_http_1_1_too(gateway):
    with gateway(DEMO) as house:
        sock = connect(house.admin)
        sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert sock.recv(4096).startswith(b"HTTP/1.1 200 ")
        sock.close()
