"""Busy polling: a worker looks for more for a time after an event, so that nobody has to wake it; then it sleeps as ever."""

import pathlib
import re
import threading

import pytest

from support.empty_pool import expect_nobody_turns
from support.h2_client import H2Client, connect_tls

DEMO = {"name": "app", "protocol": "demo"}
REQUESTS = 20


def sleeps(house):
    """How often its threads have gone to sleep by now."""
    texts = (path.read_text() for path in pathlib.Path(f"/proc/{house.pid}/task").glob("*/status"))
    return sum(int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", text, re.MULTILINE).group(1)) for text in texts)


@pytest.mark.parametrize("options", [{}, {"busy_poll": "10s"}], ids=["off", "on"])
def test_a_worker_that_polls_does_not_sleep_between_requests(gateway, certificates, options):
    with gateway(DEMO, workers=1, log={"access": "off"}, **options) as house:
        client = H2Client(connect_tls(house.https, certificates)).wait_for_settings()
        assert client.fetch("/bytes/10").status == 200
        before = sleeps(house)
        for _ in range(REQUESTS):
            threading.Event().wait(0.02)
            assert client.fetch("/bytes/10").status == 200
        often = sleeps(house) - before > REQUESTS / 2
        assert often == (not options)
        client.close()


def test_after_that_time_it_sleeps(gateway):
    with gateway(DEMO, workers=1, busy_poll="100ms") as house:
        assert house.curl("/bytes/10").status == 200
        threading.Event().wait(0.5)
        expect_nobody_turns(house)
