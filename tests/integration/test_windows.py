"""Credit with real peers: senders that choose their own frames, resets, early answers and a long path (W2 to W6)."""

import time

import pytest

from support.environment import scaled
from support.gateway import cluster
from support.h1_backend import H1Backend
from support.h2_backend import H2Backend, answer
from support.h2_client import H2Client, connect_tls
from support.relay import Relay
from support.senders import SENDERS, GrpcEcho

KIB = 1 << 10
MIB = 1 << 20
NO_ERROR = 0
CANCEL = 8
REFUSED_STREAM = 7
DEMO = {"name": "app", "protocol": "demo"}


def body_of(number, size):
    return bytes((number * 7 + i) % 251 for i in range(256)) * (size // 256)


def test_w2_bytes_sent_before_the_settings_are_kept_or_refused_and_never_lost(gateway, certificates):
    with gateway(DEMO, memory={"budget": "64MiB", "blocks": 4}) as house:
        client = H2Client(connect_tls(house.https, certificates), connection_window=1 << 28)
        streams = [client.post("/echo", body_of(number, 512)) for number in range(100)]  # 50 KiB before any answer
        streams += [client.post("/echo", body_of(number, 7 * KIB)) for number in range(2)]  # more than the doorbell
        sizes = [512] * 100 + [7 * KIB] * 2
        for number, reply in enumerate(client.wait(*streams, seconds=30)):
            if reply.ended:
                assert reply.body == body_of(number % 100, sizes[number])
            else:
                assert reply.reset == REFUSED_STREAM and sizes[number] > 4 * KIB
        stream = client.post("/echo", body_of(0, 64 * KIB))
        assert client.wait(stream)[0].body == body_of(0, 64 * KIB)
        client.close()


def test_w3_uploads_reset_in_mid_body_leave_nothing_promised(gateway, certificates, nginx):
    """The long form is in memory: tests/h2/scenario_test.cc."""
    with gateway(cluster("app", "http/1.1", nginx.address), limits={"resets_per_second": 1000000}) as house:
        client = H2Client(connect_tls(house.https, certificates), connection_window=1 << 28).wait_for_settings()

        def upload(name):
            begin = time.monotonic()
            stream = client.h2.get_next_available_stream_id()
            client.send_headers(stream, client.head("PUT", f"/up/{name}"))
            client.send_body(stream, body_of(0, 8 * MIB))
            assert client.wait(stream, seconds=30)[0].status in (201, 204)
            return time.monotonic() - begin
        upload("warm")
        alone = min(upload("before") for _ in range(3))
        for _ in range(scaled(3000, 300)):
            stream = client.h2.get_next_available_stream_id()
            client.send_headers(stream, client.head("PUT", "/up/never"))
            client.send_body(stream, b"x" * 3000, end=False)
            client.reset(stream, CANCEL)
        after = min(upload("after") for _ in range(3))
        house.expect_idle()
        assert after < 2 * alone + 0.1, f"{after:.2f} s after the resets, {alone:.2f} s before"
        client.close()


@pytest.mark.parametrize("kind", ["http/1.1", "h2"])
def test_w4_an_early_answer_to_a_client_without_window_is_whole(gateway, certificates, kind):
    text = b"too large\n" * 10_000

    def http1(connection):
        while connection.read_head():
            connection.answer(text, "413 Content Too Large", "Connection: close\r\n")

    def http2(connection, stream, ended):
        answer(connection, stream, 413, text)
    h1, h2 = H1Backend(http1), H2Backend(http2, on_end=lambda *_: None, consume=False)
    with h1, h2, gateway(cluster("app", kind, (h1 if kind == "http/1.1" else h2).address)) as house:
        client = H2Client(connect_tls(house.https, certificates)).wait_for_settings()
        stream = client.h2.get_next_available_stream_id()
        client.send_headers(stream, client.head("POST", "/"))
        # All that the window lets through; the rest waits for credit that will not come.
        client.send_body(stream, b"x" * 64 * MIB)
        reply, = client.wait(stream)
        assert (reply.status, bytes(reply.body), reply.ended) == (413, text, True)
        client.receive_until(lambda: stream in client.reset_codes, what="RST_STREAM")
        assert client.reset_codes[stream] == NO_ERROR
        house.expect_idle()
        client.close()


def test_w5_one_upload_over_a_long_path_gets_the_window_that_it_needs(gateway, tmp_path, certificates, nginx):
    """At 50 ms there and back, with memory idle, what is granted is what 100 Mb/s need; bench/long_path.py has the rate itself."""
    size = scaled(64, 8) * MIB
    (tmp_path / "large").write_bytes(body_of(0, size))
    with gateway(cluster("app", "http/1.1", nginx.address), workers=1) as house, Relay(house.https, 0.025) as path:
        port = path.address.rsplit(":", 1)[1]
        house.https = f"127.0.0.1:{port}"
        sent = house.curl("/up/long", "--upload-file", tmp_path / "large", "-H", "expect:", timeout=60)
        assert sent.status in (201, 204), sent.stderr
        assert (nginx.files / "up" / "long").read_bytes() == (tmp_path / "large").read_bytes()
        pool = house.pool()
        assert pool["pool_blocks_used_max"]["request"] * pool["pool_block_size_bytes"] >= 100e6 / 8 * 0.050


@pytest.mark.parametrize("blocks", [16, 1024])
@pytest.mark.parametrize("sender", sorted(SENDERS))
def test_w6_senders_that_choose_their_own_frames_neither_stall_nor_break(gateway, tmp_path, certificates, sender, blocks):
    with GrpcEcho() as service:
        where = cluster("app", "h2", service.address) if sender == "grpc" else DEMO
        with gateway(where, memory={"budget": "64MiB", "blocks": blocks}) as house:
            for size in (0, 1, 1000, 4 * KIB, 5 * KIB, 64 * KIB, 2 * MIB):
                (tmp_path / "body").write_bytes(body_of(size, size) or b"x" * size)
                outcome = SENDERS[sender](house.https, certificates, tmp_path / "body")
                assert (outcome.status, outcome.same) == (200, True), f"{size} bytes"
