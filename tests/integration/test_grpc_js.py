"""gRPC through the gateway, the stub by @grpc/grpc-js: what test_grpc.py asks of grpcio's."""

import pytest

from support.environment import PATIENCE, scaled, wait_until
from support.gateway import cluster, route
from support.grpc_js import stub
from support.h2_backend import H2Backend

OK, CANCELLED, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, FAILED_PRECONDITION = 0, 1, 4, 8, 9
UNIMPLEMENTED, INTERNAL, UNAVAILABLE = 12, 13, 14
INTERNAL_ERROR = 2
FEW = {"budget": "64MiB", "blocks": 16}
NOBODY = "127.0.0.1:1"


@pytest.fixture
def service(grpc_service):
    with grpc_service() as running:
        yield running


def test_the_four_kinds_of_calls(gateway, service):
    with gateway(cluster("app", "h2", service.address)) as house:
        assert stub(house, "kinds") == {
            "unary": "one", "sum": "3", "collected": "100000", "expanded": [str(number) for number in range(200)],
            "echoed": [True] * 3, "code": OK}


def test_messages_of_four_mebibytes_both_ways_with_few_blocks(gateway, service):
    with gateway(cluster("app", "h2", service.address), memory=FEW) as house:
        assert stub(house, "large") == {"unary": [True] * 4, "chat": [True] * 4}


def test_a_trailers_only_answer_of_the_service_passes(gateway, service):
    with gateway(cluster("app", "h2", service.address)) as house:
        assert stub(house, "fail", "Fail", 0, 0) == {"code": FAILED_PRECONDITION, "details": "not today: 100 %\n"}


def test_a_thousand_calls_at_once_on_one_channel(gateway, grpc_service):
    """No call ends before all have begun."""
    count = scaled(1000, 200)
    with grpc_service(party=count) as service:
        with gateway(cluster("app", "h2", service.address), listener={"max_concurrent_streams": 1000}, memory=FEW) as house:
            assert stub(house, "meet", count) == {"whole": count}
            assert service.most_met == count


def test_a_deadline_passes_to_the_service_and_ends_the_call_there(gateway, service):
    with gateway(cluster("app", "h2", service.address)) as house:
        assert stub(house, "deadline", 2 * PATIENCE) == {"messages": ["held"], "code": DEADLINE_EXCEEDED}
        assert service.time_left <= 2 * PATIENCE + 1
        wait_until(lambda: service.cancelled == 1, "the service's call is cancelled")


def test_a_call_that_its_client_cancels_is_cancelled_at_the_service(gateway, service):
    with gateway(cluster("app", "h2", service.address)) as house:
        assert stub(house, "cancel") == {"messages": ["held"], "code": CANCELLED, "next": "next"}
        wait_until(lambda: service.cancelled == 1, "the service's call is cancelled")


# ---- Failures of the gateway's own, as the stub sees them ----


def test_no_route_is_unimplemented(gateway):
    with gateway(cluster("app", "h2", NOBODY), routes=[route("app", "/other/")]) as house:
        told = stub(house, "fail", "Unary", 100000, 0)
        assert told["code"] == UNIMPLEMENTED and "no route for localhost" in told["details"]


def test_a_service_that_cannot_be_reached_is_unavailable(gateway):
    with gateway(cluster("app", "h2", NOBODY)) as house:
        told = stub(house, "fail", "Unary", 0, 0)
        assert told["code"] == UNAVAILABLE and "refused" in told["details"].lower()


def test_a_service_that_breaks_before_its_answer_is_unavailable(gateway):
    def reset(connection, stream, ended):
        connection.reset(stream.id, INTERNAL_ERROR)
    with H2Backend(on_request=reset) as behind, gateway(cluster("app", "h2", behind.address)) as house:
        assert stub(house, "fail", "Unary", 0, 0)["code"] == UNAVAILABLE


def test_a_service_that_does_not_answer_in_time_is_deadline_exceeded(gateway):
    with H2Backend(on_end=lambda connection, stream: None) as behind:
        with gateway(cluster("app", "h2", behind.address), timeouts={"response_header": "200ms"}) as house:
            told = stub(house, "fail", "Unary", 0, 0)
            assert told["code"] == DEADLINE_EXCEEDED and "no response header" in told["details"]


def test_too_many_metadata_are_resource_exhausted(gateway, service):
    with gateway(cluster("app", "h2", service.address)) as house:
        told = stub(house, "fail", "Unary", 0, 300)
        assert told["code"] == RESOURCE_EXHAUSTED and "too large" in told["details"]


def test_a_call_that_stands_still_on_memory_that_others_wait_for_is_resource_exhausted(gateway, service):
    with gateway(cluster("app", "h2", service.address), memory={**FEW, "blocks": 4}, timeouts={"stall": "500ms"}) as house:
        assert stub(house, "silent", 8) == {"code": RESOURCE_EXHAUSTED}


def test_a_failure_behind_the_head_does_not_look_whole(gateway):
    def begin(connection, stream):
        connection.send_headers(stream.id, [(":status", "200"), ("content-type", "application/grpc")])
        connection.send_body(stream.id, b"\0\0\0\0\5cut", end=False)
        connection.reset(stream.id, INTERNAL_ERROR)
    with H2Backend(on_end=begin) as behind, gateway(cluster("app", "h2", behind.address)) as house:
        assert stub(house, "fail", "Unary", 0, 0)["code"] == INTERNAL
