"""With the pool empty: control is heard, time goes on, and who waits can leave at any moment (C1, C2, T1 to T3)."""

import signal
import time

import pytest
from h2.settings import SettingCodes

from support.empty_pool import (FEW, LARGE, beside_a_silent_backend, cpu_seconds, expect_drained_in_time, expect_nobody_turns,
                                expect_on_time, reload_under, waiting)
from support.environment import PATIENCE, SANITIZED, scaled, wait_until
from support.gateway import cluster
from support.h2_client import H2Client, connect, connect_tls

CANCEL = 8


def test_c1_a_window_update_frees_what_its_connection_holds(held):
    with held({}) as (house, holder):
        other = house.curl("/large", timeout=20)
        time_before = time.monotonic()
        for stream in holder.streams:
            holder.client.h2.increment_flow_control_window(1 << 24, stream)
        holder.client.flush()
        holder.client.wait(*holder.streams, seconds=10)
        assert all(len(holder.client.streams[stream].body) == LARGE for stream in holder.streams)
        assert (other.status, len(other.body)) == (200, LARGE)
        assert time.monotonic() - time_before < 5 * PATIENCE


def test_c2_control_is_heard_and_answered_while_the_pool_is_empty(held):
    with held({"drain": "1s"}) as (house, holder):
        client = holder.client
        before = client.frames[4]
        client.h2.ping(b"12345678")
        client.h2.update_settings({SettingCodes.MAX_HEADER_LIST_SIZE: 60000})
        client.flush()
        client.receive_until(lambda: client.pings_answered, 2, "a PING is answered")
        client.receive_until(lambda: client.frames[4] > before, 2, "SETTINGS are acknowledged")
        assert house.ask_admin("/healthz", timeout=2).status == 200
        for stream in holder.streams[:-1]:
            client.reset(stream, CANCEL)
        wait_until(lambda: waiting(house) == 0 and sum(house.pool()["pool_blocks_used"].values()) <= 2, "RST_STREAM is obeyed")
        house.signal(signal.SIGTERM)
        client.receive_until(lambda: client.goaways, 2, "a GOAWAY is sent")
        assert house.wait(4) in (0, 1)  # 1: not all was answered by the end of the grace time


def test_t1_a_time_out_fires_on_time_with_the_pool_empty(held, certificates):
    """And T2: the response's head was sent, so what ends it is RST_STREAM."""
    with held({"stream_idle": "1s"}) as (house, holder):
        holder.dribble()
        client = H2Client(connect_tls(house.https, certificates)).wait_for_settings()
        before = waiting(house)
        begin = time.monotonic()
        streams = [client.get("/large") for _ in range(scaled(100, 20))]
        cpu = cpu_seconds(house.pid)
        took = {}

        def note():
            for stream in streams:
                if stream in client.streams and client.streams[stream].over():
                    took.setdefault(stream, time.monotonic() - begin)
            return len(took) == len(streams)
        client.receive_until(note, 10, "every time-out")
        used = cpu_seconds(house.pid) - cpu
        expect_on_time(took.values(), "stream_idle")
        assert all(client.streams[stream].reset is not None and client.streams[stream].status == 200 for stream in streams)
        wait_until(lambda: waiting(house) <= before, "the waiters are gone")
        assert SANITIZED or used < 0.15, f"{used:.2f} s of CPU for a second of waiting by {len(streams)} streams"
        client.close()


def test_t1_nobody_turns_while_everybody_waits(held, certificates):
    with held({}) as (house, holder):
        client = H2Client(connect_tls(house.https, certificates)).wait_for_settings()
        for _ in range(100):
            client.get("/large")
        wait_until(lambda: waiting(house) > 100, "the streams wait")
        expect_nobody_turns(house)
        client.close()


@pytest.mark.parametrize("blocks_left", [True, False])
def test_t2_without_an_answer_it_is_504_and_has_a_body_if_there_is_a_block(gateway, certificates, nginx, blocks_left):
    with beside_a_silent_backend(gateway, certificates, nginx, blocks_left) as house:
        client = H2Client(connect_tls(house.https, certificates)).wait_for_settings()
        begin = time.monotonic()
        reply, = client.wait(client.get("/silent"))
        expect_on_time([time.monotonic() - begin], "response_header")
        assert (reply.status, reply.ended) == (504, True)
        # The doorbell of the answer's own pipe is charged to the stream: a short answer has its place there at all times.
        assert reply.body.startswith(b"504 ")
        client.close()


def test_t2_a_connection_whose_socket_takes_nothing_is_closed(gateway, certificates, nginx):
    (nginx.files / "huge").write_bytes(b"x" * 64 * LARGE)
    with gateway(cluster("app", "http/1.1", nginx.address), workers=1, memory=FEW, timeouts={"stall": "1s"}) as house:
        deaf = H2Client(connect(house.h2c, receive_buffer=4096), connection_window=1 << 30,
                        settings={SettingCodes.INITIAL_WINDOW_SIZE: (1 << 31) - 1})
        for _ in range(8):
            deaf.get("/huge")
        wait_until(lambda: waiting(house) > 0, "the pool is empty")
        begin = time.monotonic()
        good = house.curl("/large", timeout=20)
        assert (good.status, len(good.body)) == (200, LARGE)
        assert time.monotonic() - begin < 3 * PATIENCE
        house.wait_for_access(lambda line: line["path"] == "/huge" and line["end"] != "complete", "who takes nothing has paid")
        deaf.close()


@pytest.mark.parametrize("how", ["reset", "lost", "drain", "reload"])
def test_t3_a_thousand_waiters_leave_the_queue(held, certificates, how):
    count = scaled(1000, 200)
    with held({"drain": "1s"}, limits={"resets_per_second": 1000000}) as (house, holder):
        before = waiting(house)
        clients = [H2Client(connect_tls(house.https, certificates)).wait_for_settings() for _ in range(4)]
        streams = {client: [client.get("/large") for _ in range(count // 4)] for client in clients}
        wait_until(lambda: waiting(house) >= before + count, "they wait", 20)
        if how == "reset":
            for client in clients:
                for stream in streams[client]:
                    client.reset(stream, CANCEL)
        elif how == "lost":
            for client in clients:
                client.close()
        elif how == "reload":
            reload_under(house, count)
        else:
            return expect_drained_in_time(house)
        wait_until(lambda: waiting(house) <= before, "nobody of them waits any more", 10)
        if how == "reload":
            for client in clients:
                client.receive_until(lambda c=client: all(i in c.streams and c.streams[i].body for i in streams[c]), 20,
                                     "bytes of each")
                client.close()
        holder.close()
        house.expect_idle()
        for client in clients:
            client.close()
