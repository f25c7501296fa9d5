"""gRPC through the gateway, the stub by grpcio: calls of every kind, their ends, and failures of the gateway's own."""

import queue
import signal

import grpc
import pytest

from support.environment import PATIENCE, scaled, wait_until
from support.gateway import cluster, route
from support.grpc_service import Calls
from support.h2_backend import H2Backend
from support.process import accepts

MIB = 1 << 20
LONG = 20 * PATIENCE  # seconds: a deadline that no call is to reach
CANCEL, INTERNAL_ERROR = 8, 2
NOBODY = "127.0.0.1:1"
GRPC_HEAD = [(":status", "200"), ("content-type", "application/grpc")]


def failure(call, *arguments, **more):
    """The error that the stub raises; fails if it raises none."""
    with pytest.raises(grpc.RpcError) as raised:
        call(*arguments, timeout=LONG, **more)
    return raised.value


@pytest.fixture
def service(grpc_service):
    with grpc_service() as running:
        yield running


def test_the_four_kinds_of_calls(gateway, service):
    with gateway(cluster("app", "h2", service.address)) as house, Calls(house) as calls:
        answer, call = calls.unary.with_call(b"one", timeout=LONG)
        assert answer == b"one" and dict(call.trailing_metadata())["x-sum"] == "3"
        assert calls.collect((b"x" * 1000 for _ in range(100)), timeout=LONG) == b"100000"
        assert list(calls.expand(b"200", timeout=LONG)) == [b"%d" % number for number in range(200)]
        said = queue.SimpleQueue()
        answers = calls.chat(iter(said.get, None), timeout=LONG)
        for message in (b"a", b"b" * 100000, b"c"):  # each waits for its echo
            said.put(message)
            assert next(answers) == message
        said.put(None)
        assert list(answers) == [] and answers.code() is grpc.StatusCode.OK


def test_messages_of_four_mebibytes_both_ways_with_few_blocks(gateway, service):
    with gateway(cluster("app", "h2", service.address), memory={"budget": "64MiB", "blocks": 16}) as house, Calls(house) as calls:
        messages = [bytes([number]) * (4 * MIB) for number in range(4)]
        pending = [calls.unary.future(message, timeout=LONG) for message in messages]
        assert [call.result() for call in pending] == messages
        assert list(calls.chat(iter(messages), timeout=LONG)) == messages


def test_a_trailers_only_answer_of_the_service_passes(gateway, service):
    with gateway(cluster("app", "h2", service.address)) as house, Calls(house) as calls:
        error = failure(calls.fail, b"")
        assert (error.code(), error.details()) == (grpc.StatusCode.FAILED_PRECONDITION, "not today: 100 %\n")


def test_a_thousand_calls_at_once_on_one_channel(gateway, grpc_service):
    """No call ends before all have begun."""
    count = scaled(1000, 200)
    with grpc_service(party=count) as service:
        listener = {"max_concurrent_streams": 1000}
        with gateway(cluster("app", "h2", service.address), listener=listener, memory={"budget": "64MiB", "blocks": 16}) as house:
            with Calls(house) as calls:
                met = [calls.meet(b"", timeout=3 * LONG) for _ in range(count)]
                assert [list(call) for call in met] == [[b"here", b"all here"]] * count
                assert service.most_met == count


def test_a_deadline_passes_to_the_service_and_ends_the_call_there(gateway, service):
    with gateway(cluster("app", "h2", service.address)) as house, Calls(house) as calls:
        call = calls.hold(b"", timeout=2 * PATIENCE)
        assert next(call) == b"held" and service.time_left <= 2 * PATIENCE + 1
        with pytest.raises(grpc.RpcError):
            next(call)
        assert call.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        wait_until(lambda: service.cancelled == 1, "the service's call is cancelled")


def test_a_call_that_its_client_cancels_is_cancelled_at_the_service(gateway, service):
    with gateway(cluster("app", "h2", service.address)) as house, Calls(house) as calls:
        call = calls.hold(b"")
        assert next(call) == b"held"
        call.cancel()
        wait_until(lambda: service.cancelled == 1, "the service's call is cancelled")
        assert calls.unary(b"next", timeout=LONG) == b"next"


def test_a_cancellation_is_rst_stream_cancel_and_te_trailers_is_passed_on(gateway):
    silent = H2Backend(on_end=lambda connection, stream: None)
    with silent as behind, gateway(cluster("app", "h2", behind.address)) as house, Calls(house) as calls:
        call = calls.hold(b"")
        stream = wait_until(lambda: next((s for c in behind.connections for s in c.streams.values() if s.head), None), "the request")
        assert stream.field("te") == "trailers" and stream.field("content-type") == "application/grpc"
        call.cancel()
        assert wait_until(lambda: stream.reset, "the reset") == CANCEL


# ---- Failures of the gateway's own, as the stub sees them ----


def test_no_route_is_unimplemented(gateway, service):
    with gateway(cluster("app", "h2", service.address), routes=[route("app", "/other/")]) as house, Calls(house) as calls:
        error = failure(calls.unary, b"x" * 100000)
        assert error.code() is grpc.StatusCode.UNIMPLEMENTED and "no route for localhost" in error.details()
        assert house.wait_for_access(lambda line: line["path"] == "/test.Calls/Unary")["status"] == 200


def no_endpoint(error):
    return error if "no endpoint" in error.details() else None


def test_a_service_that_cannot_be_reached_is_unavailable(gateway):
    checks = {"path": "/", "interval": "200ms", "timeout": "200ms", "unhealthy": 1}
    with gateway(cluster("app", "h2", NOBODY), cluster("checked", "h2", NOBODY, health=checks),
                 routes=[route("app"), route("checked", "/test.Calls/Fail")]) as house, Calls(house) as calls:
        error = failure(calls.unary, b"")
        assert error.code() is grpc.StatusCode.UNAVAILABLE and "refused" in error.details().lower()
        error = wait_until(lambda: no_endpoint(failure(calls.fail, b"")), "the endpoint is known to be down")
        assert error.code() is grpc.StatusCode.UNAVAILABLE


def test_a_service_that_breaks_before_its_answer_is_unavailable(gateway):
    def reset(connection, stream, ended):
        connection.reset(stream.id, INTERNAL_ERROR)
    with H2Backend(on_request=reset) as behind, gateway(cluster("app", "h2", behind.address)) as house, Calls(house) as calls:
        assert failure(calls.unary, b"").code() is grpc.StatusCode.UNAVAILABLE


def test_a_service_that_does_not_answer_in_time_is_deadline_exceeded(gateway):
    with H2Backend(on_end=lambda connection, stream: None) as behind:
        with gateway(cluster("app", "h2", behind.address), timeouts={"response_header": "200ms"}) as house, Calls(house) as calls:
            error = failure(calls.unary, b"")
            assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED and "no response header" in error.details()


def test_too_many_metadata_are_resource_exhausted(gateway, service):
    with gateway(cluster("app", "h2", service.address)) as house, Calls(house) as calls:
        error = failure(calls.unary, b"", metadata=[(f"x-{number}", "") for number in range(300)])
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and "too large" in error.details()
        assert calls.unary(b"next", timeout=LONG) == b"next"


def test_a_call_that_stands_still_on_memory_that_others_wait_for_is_resource_exhausted(gateway, service):
    few = {"budget": "64MiB", "blocks": 4}
    with gateway(cluster("app", "h2", service.address), memory=few, timeouts={"stall": "500ms"}) as house, Calls(house) as calls:
        said = queue.SimpleQueue()  # never more than the first messages

        def one_and_no_more():
            yield b"x" * 20000
            said.get()
        silent = [calls.collect.future(one_and_no_more(), timeout=3 * LONG) for _ in range(8)]
        wait_until(lambda: any(call.done() for call in silent), "a silent call is ended", 20)
        assert {call.code() for call in silent if call.done()} == {grpc.StatusCode.RESOURCE_EXHAUSTED}
        for call in silent:
            call.cancel()
            said.put(None)


def test_a_call_that_memory_does_not_suffice_for_is_unavailable_and_may_come_again(gateway):
    """Its stream is refused before anything of it is kept, so a stub may try again; it takes that for UNAVAILABLE."""
    metadata = [(f"x-{number}", "v" * 500) for number in range(60)]
    with H2Backend(on_end=lambda connection, stream: None) as behind:
        with gateway(cluster("app", "h2", behind.address), workers=1, memory={"budget": "16MiB", "blocks": 64},
                     listener={"max_concurrent_streams": 1000}) as house, Calls(house) as calls:
            pending = [calls.hold(b"", metadata=metadata) for _ in range(600)]
            refused = wait_until(lambda: [call for call in pending if call.done()], "calls are refused", 20)
            assert {call.code() for call in refused} == {grpc.StatusCode.UNAVAILABLE}
            assert house.metrics()["gateway_streams_refused_total"] >= len(refused)
            for call in pending:
                call.cancel()


def test_a_drain_lets_calls_end_and_leaves_new_ones_unavailable(gateway, service):
    with gateway(cluster("app", "h2", service.address)) as house, Calls(house) as calls:
        said = queue.SimpleQueue()
        answers = calls.chat(iter(said.get, None), timeout=LONG)
        said.put(b"before")
        assert next(answers) == b"before"
        house.signal(signal.SIGTERM)
        wait_until(lambda: not accepts(house.https), "the listener is closed")
        said.put(b"after")
        assert next(answers) == b"after"
        said.put(None)
        assert list(answers) == [] and answers.code() is grpc.StatusCode.OK
        assert house.wait() == 0
        assert failure(calls.unary, b"").code() is grpc.StatusCode.UNAVAILABLE


def test_a_failure_behind_the_head_does_not_look_whole(gateway):
    def begin(connection, stream):
        connection.send_headers(stream.id, GRPC_HEAD)
        connection.send_body(stream.id, b"\0\0\0\0\5cut", end=False)
        connection.reset(stream.id, INTERNAL_ERROR)
    with H2Backend(on_end=begin) as behind, gateway(cluster("app", "h2", behind.address)) as house, Calls(house) as calls:
        assert failure(calls.unary, b"").code() is grpc.StatusCode.INTERNAL
