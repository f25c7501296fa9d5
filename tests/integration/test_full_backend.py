"""Clients that stand still on every connection that a backend bears: they are ended, others are served.

The blocks are plenty here: nobody waits for memory.
"""

import pytest

from support.environment import wait_until
from support.gateway import cluster
from support.h2_client import H2Client, connect

INITIAL_WINDOW_SIZE = 4
STREAMS = 20  # of the bad client; the backend bears fewer


def behind_few_connections(gateway, kind, server, **timeouts):
    return gateway(cluster("app", kind, server.address, max_connections=2 if kind == "http/1.1" else 1), workers=1,
                   timeouts=timeouts)


@pytest.fixture(scope="module")
def servers(nginx, nghttpd_narrow):
    for server in (nginx, nghttpd_narrow):
        (server.files / "page").write_bytes(b"x" * 100_000)
    return {"http/1.1": nginx, "h2": nghttpd_narrow}


def evictions(house, of):
    return house.pool()["evictions"][of]


@pytest.mark.parametrize("kind", ["http/1.1", "h2"])
def test_who_does_not_take_a_response_gives_its_place_to_who_waits(gateway, servers, kind):
    with behind_few_connections(gateway, kind, servers[kind], stall="1s") as house:
        bad = H2Client(connect(house.h2c), settings={INITIAL_WINDOW_SIZE: 0})
        for _ in range(STREAMS):
            bad.get("/page")
        wait_until(lambda: house.metrics()["gateway_exchanges_active"] > STREAMS, "all are under way")
        good = H2Client(connect(house.h2c))
        assert good.fetch("/page", seconds=25).status == 200
        assert evictions(house, "response") > 0
        assert sum(house.pool()["pool_waiting"].values()) == 0
        good.close()
        bad.close()


@pytest.mark.parametrize("kind", ["http/1.1", "h2"])
def test_who_does_not_send_what_it_has_begun_gives_its_place_to_who_waits(gateway, servers, kind):
    with behind_few_connections(gateway, kind, servers[kind], stall="1s") as house:
        bad = H2Client(connect(house.h2c))
        for number in range(STREAMS):
            stream = bad.h2.get_next_available_stream_id()
            bad.send_headers(stream, bad.head("PUT" if kind == "http/1.1" else "POST", f"/up/{number}"))
            bad.send_body(stream, b"begun", end=False)
        wait_until(lambda: house.metrics()["gateway_exchanges_active"] > STREAMS, "all are under way")
        good = H2Client(connect(house.h2c))
        assert good.fetch("/page", seconds=25).status == 200
        assert evictions(house, "request") > 0
        good.close()
        bad.close()


def test_who_stands_still_where_nobody_waits_is_left_alone(gateway, servers):
    with gateway(cluster("app", "http/1.1", servers["http/1.1"].address), workers=1, timeouts={"stall": "300ms"}) as house:
        slow = H2Client(connect(house.h2c), settings={INITIAL_WINDOW_SIZE: 0})
        stream = slow.get("/page")
        good = H2Client(connect(house.h2c))
        wait_until(lambda: house.metrics()["gateway_exchanges_active"] > 1, "it is under way")
        for _ in range(30):
            assert good.fetch("/page").status == 200
            slow.receive(0.05)
        assert sum(house.pool()["evictions"].values()) == 0 and not (stream in slow.streams and slow.streams[stream].over())
        good.close()
        slow.close()
