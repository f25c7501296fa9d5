"""The load at a rate that the benchmarks use: it asks for what is due whether answers come or not, and counts only whole ones."""

import time
import types

import pytest

from bench.peers import load
from bench.peers.machine import Cpu
from support.curl import H2Load
from support.environment import PATIENCE
from support.gateway import cluster

DEMO = {"name": "app", "protocol": "demo"}


@pytest.fixture
def loop():
    with load.OpenLoop() as one:
        yield one


def asked(loop, house, path, size, clients=3):
    proxy = types.SimpleNamespace(name="gateway", port=int(house.https.rsplit(":", 1)[1]), cpu=lambda: Cpu(0, 0), pss=lambda: 0)
    return loop.connect(proxy, types.SimpleNamespace(path=path, size=size, clients=clients))


def test_whole_answers_count_and_each_run_has_moments_of_its_own_that_are_the_same_again(gateway, loop):
    with gateway(DEMO) as house:
        counts = []
        for _ in range(2):
            ask = asked(loop, house, "/bytes/1024", 1024)
            points = [ask(400, 0.5) for _ in range(2)]
            counts.append([point.ok for point in points])
            assert [point.failed for point in points] == [0, 0]
            assert all(len(point.times) == point.ok and min(point.times) > 0 for point in points)
        assert counts[0] == counts[1] and counts[0][0] != counts[0][1]
        assert all(120 < count < 280 for count in counts[0])  # 200 with a deviation of 14


@pytest.mark.parametrize("path, missing", [("/bytes/1024", 1), ("/nothing", 0)])
def test_an_answer_of_another_length_or_status_has_failed(gateway, loop, path, missing):
    with gateway(DEMO) as house:
        point = asked(loop, house, path, len(house.curl(path).body) - missing)(200, 0.5)
        assert point.ok == 0 and point.failed > 50


def test_who_asks_does_not_wait_for_answers(gateway, loop):
    with gateway(DEMO) as house:
        point = asked(loop, house, "/delay/500", len("after 500 ms\n"), clients=1)(200, 0.3)
        assert point.failed == 0 and point.ok > 30
        assert 500_000 <= min(point.times) and max(point.times) < 500_000 + PATIENCE * 300_000


def test_a_time_counts_from_when_the_request_was_due(gateway, loop):
    """Ten thousand a second from a single connection are more than come back in time; who is last has waited for all before it."""
    with gateway(DEMO, workers=1) as house:
        ask = asked(loop, house, "/bytes/1048576", 1 << 20, clients=1)
        begin = time.monotonic()
        point = ask(10_000, 0.05)
        assert point.failed == 0 and max(point.times) > (time.monotonic() - begin) * 1e6 / 2


def test_a_connection_that_ends_is_an_error(gateway, loop):
    with gateway(DEMO, listener={"keep_alive": {"max_requests": 5}}) as house:
        with pytest.raises(RuntimeError, match="has ended"):
            asked(loop, house, "/bytes/1024", 1024)(1000, 0.2)


@pytest.mark.parametrize("protocol, kind", [("http/1.1", "h1"), ("h2", "h2c")])
def test_it_is_a_backend_too_while_it_asks_and_while_it_does_not(gateway, loop, protocol, kind):
    with gateway(cluster("app", protocol, loop.origins[kind])) as house:
        answer = house.curl("/")
        assert (answer.status, len(answer.body)) == (200, 1024)
        ask = asked(loop, house, "/", 1024)
        assert ask(1000, 0.3).failed == 0
        H2Load(f"https://{house.https}/", 2000, 2, 100).expect_all_2xx()
