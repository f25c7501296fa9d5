"""Clients that make the gateway hold responses which they do not read, in every form (F1): they are ended, others are served."""

import time

import pytest

from support.bad_clients import FORMS, HTTP1_FORMS, bad_clients
from support.environment import PATIENCE, scaled, wait_until
from support.gateway import cluster, route
from support.h2_client import H2Client, connect

KIB = 1 << 10
CONNECTIONS, STREAMS = scaled(20, 8), 50
HTTP1_CONNECTIONS = 20  # each has one stream, which may hold a sixteenth of the blocks
FEW = {"budget": "64MiB", "blocks": 64}
PLENTY = {"budget": "64MiB", "blocks": 256}  # the last eighth is more than there are bad connections
FEWER = {"budget": "64MiB", "blocks": scaled(16, 7)}  # fewer than there are bad connections


def serve(gateway, files, stall, memory=FEW):
    """The good clients' cluster is another one: who waits for a connection to a backend does not wait for memory."""
    return gateway(cluster("large", "http/1.1", files.address), cluster("page", "http/1.1", files.address), workers=2, memory=memory,
                   routes=[route("large"), route("page", "/page")], timeouts={"stall": stall})


def connections_of(form):
    return HTTP1_CONNECTIONS if form in HTTP1_FORMS else CONNECTIONS


def waiting(house):
    return sum(house.pool()["pool_waiting"].values())


def ended(house):
    return sum(house.pool()["evictions"].values())


def fetch_times(house, count):
    client = H2Client(connect(house.h2c))
    times = []
    for _ in range(count):
        began = time.monotonic()
        reply = client.fetch("/page", seconds=20)
        assert (reply.status, len(reply.body)) == (200, 10 * KIB)
        times.append(time.monotonic() - began)
    client.close()
    return sorted(times)


@pytest.fixture(scope="module")
def files(nginx):
    (nginx.files / "large").write_bytes(b"x" * 2048 * KIB)
    with open(nginx.files / "huge", "wb") as huge:
        huge.truncate(64 << 20)
    (nginx.files / "page").write_bytes(b"x" * 10 * KIB)
    return nginx


@pytest.mark.parametrize("form", FORMS + HTTP1_FORMS)
def test_f1_who_reads_never_waits_for_those_who_do_not(gateway, files, form):
    """Each bad connection holds its share and no more, so that some blocks are free for who holds none, from the start."""
    with serve(gateway, files, "10m", PLENTY) as house:
        alone = fetch_times(house, 20)
        with bad_clients(house.h2c, form, connections_of(form), STREAMS):
            wait_until(lambda: waiting(house) > 0, "bad clients wait for more", 20)
            beside = fetch_times(house, 50)
            assert waiting(house) > 0 and house.pool()["pool_blocks_free"] > 0
            def pages():
                return [line for line in house.access_log() if line["path"] == "/page"]
            wait_until(lambda: len(pages()) == 70, "each has its line")
            paused = [line for line in pages() if "no_block" in line["pause"]]
            assert not paused, paused
            print(f"{form}: alone p50 {alone[10]:.4f} s max {alone[-1]:.4f} s, beside p50 {beside[25]:.4f} s max {beside[-1]:.4f} s")


@pytest.mark.parametrize("form", FORMS + HTTP1_FORMS)
def test_what_slow_peers_hold_together_is_capped_long_before_the_stall_time(gateway, files, form):
    """More bad connections than blocks, so that they do hold all of them."""
    with serve(gateway, files, "10m", FEWER) as house:
        with bad_clients(house.h2c, form, connections_of(form), STREAMS):
            wait_until(lambda: waiting(house) > 0, "the pool is empty", 20)
            times = fetch_times(house, 5)
            assert times[-1] < 20 * PATIENCE, times
            wait_until(lambda: ended(house) > 0, "who is slow has paid", 20)
            kinds = house.pool()["evictions"]
            assert all(kind.endswith("_early") for kind, count in kinds.items() if count > 0), kinds


@pytest.mark.parametrize("form", FORMS + HTTP1_FORMS)
def test_after_the_stall_time_the_blocks_are_back(gateway, files, form):
    with serve(gateway, files, "1s") as house:
        with bad_clients(house.h2c, form, connections_of(form), STREAMS):
            wait_until(lambda: waiting(house) > 0, "the pool is empty", 20)
            # Some of the streams may hold what is left; they are nobody's loss while nobody waits.
            wait_until(lambda: waiting(house) == 0, "nobody waits any more", 60)
            assert ended(house) > 0
            assert all(time < 2 * PATIENCE for time in fetch_times(house, 10))
            house.wait_for_access(lambda line: line["path"] in ("/large", "/huge")
                                  and ("memory" in line["end"] or "ended with" in line["end"]), "the reason in the log")
