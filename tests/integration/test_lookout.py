"""A worker looks for the answers of an endpoint that is prompt; whose answers take longer it soon leaves alone."""

import threading

import pytest

from support.h1_backend import H1Backend
from support.h2_backend import H2Backend, answer
from support.h2_client import H2Client, connect_tls

LATE = 0.005  # seconds; a look lasts 100 us


def late_in_http1(connection):
    while connection.read_request():
        threading.Event().wait(LATE)
        connection.answer()


def late_in_h2(connection, stream):
    threading.Event().wait(LATE)
    answer(connection, stream)


@pytest.fixture(params=["http/1.1", "h2"])
def late_backend(request):
    with H1Backend(late_in_http1) if request.param == "http/1.1" else H2Backend(on_end=late_in_h2) as backend:
        yield {"name": "app", "protocol": request.param, "endpoints": [backend.address]}


def test_who_answers_late_is_looked_for_more_and_more_rarely(gateway, certificates, late_backend):
    with gateway(late_backend, workers=1) as house:
        client = H2Client(connect_tls(house.https, certificates)).wait_for_settings()
        for _ in range(20):
            assert client.fetch("/").status == 200
        client.close()
        looks = {result: house.metric_sum(r'gateway_upstream_looks_total\{.*result="%s"' % result) for result in ("in_time", "in_vain")}
        assert looks == {"in_time": 0, "in_vain": 4}  # the 1st, 4th, 9th and 18th: it rests for 2, 4 and 8 of them in between
