"""A client that breaks the rules, floods or dawdles is told why and let go; the others do not notice."""

import ssl

import pytest

from support.environment import wait_until
from support.h2_client import PREFACE, H2Client, connect, connect_tls, frame, read_all, tls_context
from support.h2_peer import Closed

DEMO = {"name": "app", "protocol": "demo"}
PROTOCOL_ERROR, REFUSED_STREAM, ENHANCE_YOUR_CALM = 1, 7, 11
DATA, HEADERS, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 8, 9
END_STREAM, END_HEADERS = 1, 4


@pytest.mark.parametrize("alpn", [["h3", "spdy/3"], ["h3"]])
def test_tls_without_a_protocol_that_is_served_gets_an_alert(gateway, certificates, alpn):
    with gateway(DEMO) as house:
        with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
            sock = connect_tls(house.https, certificates, alpn)
            sock.recv(1)  # with TLS 1.3 the alert may come after the client's own last step
        assert house.curl("/").status == 200


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_old_tls_is_refused(gateway, certificates):
    with gateway(DEMO) as house:
        context = ssl.create_default_context(cafile=str(certificates.ca))
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            context.wrap_socket(connect(house.https), server_hostname="localhost")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_that_takes_either_gets_the_cheaper_aes_128(gateway, certificates, version):
    with gateway(DEMO) as house:
        context = tls_context(certificates)
        context.minimum_version = context.maximum_version = version
        with context.wrap_socket(connect(house.https), server_hostname="localhost") as sock:
            name = sock.cipher()[0]
            assert "AES_128_GCM" in name.replace("AES128-GCM", "AES_128_GCM"), name


@pytest.mark.parametrize("garbage", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200, b"\0" * 100,
                                     PREFACE[:-3] + b"XX\n" + b"\0" * 100, PREFACE + frame(DATA, 0, 1, b"x")])
def test_a_bad_preface_ends_the_connection(gateway, garbage):
    with gateway(DEMO) as house:
        sock = connect(house.h2c)
        sock.sendall(garbage)
        read_all(sock)  # returns when the gateway has closed
        assert sock.fileno() != -1
        sock.close()
        assert house.curl("/").status == 200


BOMBS = {
    "a field referenced many times": [("x-large", "y" * 3000)] * 30,
    "a list too long": [(f"x-{number}", "y" * 1000) for number in range(80)],
    "too many fields": [(f"x-{number}", "y") for number in range(300)],
    "cookie crumbs": [("cookie", f"c{number}=1") for number in range(300)],
}


@pytest.mark.parametrize("name", BOMBS)
def test_header_bombs_are_431_and_the_connection_serves_on(gateway, certificates, name):
    with gateway(DEMO) as house:
        client = H2Client(connect_tls(house.https, certificates))
        reply = client.fetch("/", *BOMBS[name])
        assert reply.status == 431
        assert client.fetch("/").status == 200
        client.close()


def test_a_gross_header_bomb_costs_its_sender_the_stream(gateway, certificates):
    with gateway(DEMO) as house:
        client = H2Client(connect_tls(house.https, certificates))
        reply = client.fetch("/", *[("x-large", "y" * 3900)] * 4000)  # 15 MB in 8 KB
        assert reply.status == 431 or reply.reset == ENHANCE_YOUR_CALM
        assert client.fetch("/").status == 200
        client.close()


def request_block(client, path="/"):
    """An encoded header block."""
    return client.h2.encoder.encode(client.head("GET", path))


def resets(client):
    return [part for stream in range(1, 800, 2) for part in (
        frame(HEADERS, END_HEADERS | END_STREAM, stream, request_block(client)),
        frame(RST_STREAM, 0, stream, (8).to_bytes(4, "big")))]


def provoked_resets(client):
    return [frame(HEADERS, END_HEADERS | END_STREAM, stream, client.h2.encoder.encode(
        client.head("POST", "/", ("content-length", "5")))) for stream in range(1, 800, 2)]


def empty_data(client):
    return [frame(HEADERS, END_HEADERS, 1, request_block(client, "/echo")), *[frame(DATA, 0, 1)] * 1500]


def dribble(client):
    one_byte = frame(WINDOW_UPDATE, 0, 1, (1).to_bytes(4, "big"))
    return [frame(HEADERS, END_HEADERS, 1, request_block(client, "/echo")), *[one_byte] * 6000]


def continuations(client):
    return [frame(HEADERS, END_STREAM, 1, request_block(client)), *[frame(CONTINUATION, 0, 1)] * 50]


FLOODS = {
    "resets": resets,
    "provoked resets": provoked_resets,
    "PING": lambda client: [frame(PING, 0, 0, b"12345678")] * 300,
    "SETTINGS": lambda client: [frame(SETTINGS)] * 100,
    "empty DATA": empty_data,
    "WINDOW_UPDATE of a byte": dribble,
    "CONTINUATION": continuations,
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_ends_its_connection_with_the_reason(gateway, certificates, name):
    with gateway(DEMO) as house:
        good = H2Client(connect_tls(house.https, certificates))
        assert good.fetch("/").status == 200
        bad = H2Client(connect(house.h2c))
        bad.receive_until(lambda: bad.frames[SETTINGS] >= 2, what="SETTINGS and their acknowledgement")
        bad.deaf = True
        try:
            bad.send_raw(b"".join(FLOODS[name](bad)))
        except Closed:
            pass
        bad.receive_to_close()
        assert bad.goaways, "no GOAWAY came"
        assert bad.goaways[-1].code == ENHANCE_YOUR_CALM
        assert bad.goaways[-1].debug
        wait_until(lambda: house.metric_sum("gateway_abuse_kills_total") == 1, "the counter")
        house.wait_for_log("(?i)flood|dribble|reset|continuation")
        assert good.fetch("/").status == 200
        good.close()


def test_streams_beyond_the_announced_number_are_not_served(gateway):
    with gateway(DEMO, listener={"max_concurrent_streams": 10}) as house:
        client = H2Client(connect(house.h2c))
        client.deaf = True
        client.send_raw(b"".join(frame(HEADERS, END_HEADERS | END_STREAM, stream, request_block(client, "/delay/60000"))
                                 for stream in range(1, 31, 2)))
        client.receive_until(lambda: len(client.reset_codes) == 5, what="five refusals")
        assert client.reset_codes == {stream: REFUSED_STREAM for stream in range(21, 31, 2)}
        client.send_raw(frame(SETTINGS, 1))  # now the number is agreed, and one more is an error
        client.send_raw(frame(HEADERS, END_HEADERS | END_STREAM, 31, request_block(client)))
        client.receive_to_close()
        assert client.goaways[-1].code == PROTOCOL_ERROR


def test_a_tls_handshake_that_does_not_end_is_ended(gateway):
    with gateway(DEMO, timeouts={"tls_handshake": "1s"}) as house:
        silent, begun = connect(house.https), connect(house.https)
        begun.sendall(b"\x16\x03\x01")
        assert read_all(silent) == b""
        read_all(begun)
        assert house.metric_sum('timeouts_total.*"tls_handshake"') == 2


def test_a_client_that_says_nothing_is_let_go(gateway):
    with gateway(DEMO, timeouts={"request_header": "1s", "connection_idle": "2s"}) as house:
        sock = connect(house.h2c)
        read_all(sock)
        sock.close()


def test_a_header_block_that_does_not_end_is_ended(gateway):
    with gateway(DEMO, timeouts={"request_header": "1s"}) as house:
        client = H2Client(connect(house.h2c))
        client.deaf = True  # an acknowledgement of SETTINGS would be an error within the block
        client.send_raw(frame(HEADERS, END_STREAM, 1, request_block(client)))
        client.receive_to_close(5)
        assert house.metric_sum('timeouts_total.*"request_header"') == 1


def test_an_idle_connection_is_told_and_closed(gateway, certificates):
    with gateway(DEMO, timeouts={"connection_idle": "1s"}) as house:
        client = H2Client(connect_tls(house.https, certificates))
        assert client.fetch("/").status == 200
        client.receive_to_close(5)
        assert client.goaways and client.goaways[-1].code == 0


def test_an_upload_that_stops_is_ended(gateway, certificates):
    with gateway(DEMO, timeouts={"stream_idle": "1s"}) as house:
        client = H2Client(connect_tls(house.https, certificates))
        stream = client.post("/echo", b"some", end=False)
        reply, = client.wait(stream, seconds=5)
        assert reply.reset is not None or reply.status in (408, 504)
        assert client.fetch("/").status == 200
        client.close()


def test_a_client_that_vanishes_frees_everything(gateway, certificates):
    with gateway(DEMO) as house:
        for _ in range(20):
            client = H2Client(connect_tls(house.https, certificates), consume=False)
            for _ in range(5):
                client.get("/bytes/1000000")
            client.receive()
            client.close()
        wait_until(lambda: house.metric_sum("^gateway_exchanges_active") <= 1, "their exchanges end")
