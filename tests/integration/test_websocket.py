"""WebSocket in its four pairings, HTTP/1.1 and HTTP/2 in front and behind (RFC 6455, RFC 8441): real peers, many at a time, few blocks."""

import concurrent.futures
import subprocess
import threading

import pytest

from support.environment import PATIENCE, scaled, wait_until
from support.gateway import cluster, route
from support.h2_client import connect_tls
from support.tunnels import TunnelBackend, open_tunnel
from support.websocket import WebSocketServer, echo_all_in_h1, echo_all_in_h2, websocket_backend

BIG = 64 * 1024
MIB = 1 << 20
EVERYWHERE = [route("app", websocket=True)]
pairings = [pytest.mark.parametrize("behind", ["http/1.1", "h2"]), pytest.mark.parametrize("front", ["http/1.1", "h2"])]


def in_all_pairings(test):
    for mark in pairings:
        test = mark(test)
    return test


def echoing(protocol):
    return WebSocketServer() if protocol == "http/1.1" else websocket_backend(max_streams=1000)


def messages_of(number):
    big = bytes([number % 251]) * BIG
    return [big, b"1", big, b"2", b"3"]


def echo(house, certificates, front, per_tunnel, path="/chat", per_connection=100):
    """Whether each list of messages came back, on a tunnel each, all at once."""
    if front == "http/1.1":
        return echo_all_in_h1(house.h2c, path, per_tunnel)
    shares = [per_tunnel[i:i + per_connection] for i in range(0, len(per_tunnel), per_connection)]
    barrier = threading.Barrier(len(shares))

    def run(share):
        sock = connect_tls(house.https, certificates)
        return echo_all_in_h2(sock, path, share, lambda: barrier.wait(60 * PATIENCE))
    with concurrent.futures.ThreadPoolExecutor(len(shares)) as pool:
        return [same for of_share in pool.map(run, shares) for same in of_share]


def ends_of(house, path, count):
    ends = [line["end"] for line in house.access_log() if line["path"] == path]
    return ends if len(ends) >= count else None


@in_all_pairings
def test_messages_of_every_size_come_back(gateway, certificates, front, behind):
    messages = [b"", b"x", b"y" * 125, b"y" * 126, b"z" * BIG, b"u" * 1_000_000, b"v"]
    with echoing(behind) as server, gateway(cluster("app", behind, server.address), routes=EVERYWHERE) as house:
        assert echo(house, certificates, front, [messages] * 3) == [True] * 3
        line = house.wait_for_access(lambda line: line["path"] == "/chat")
        assert (line["status"], line["end"]) == (101 if front == "http/1.1" else 200, "complete")
        size = sum(len(message) for message in messages)
        assert size < line["bytes_out"] < line["bytes_in"] < size + 14 * 8, "the client's frames have masks"


@in_all_pairings
def test_five_hundred_tunnels_share_64_blocks(gateway, certificates, front, behind):
    """Each sends 128 KiB and reads as much at the same time, and its backend reads on when its echo has left."""
    count = scaled(500, 60)
    limits = {"max_connections": 1000 if behind == "http/1.1" else 2}
    with echoing(behind) as server, gateway(cluster("app", behind, server.address, **limits), routes=EVERYWHERE,
                                            memory={"blocks": scaled(64, 8)}, timeouts={"stall": "5s"}) as house:
        assert echo(house, certificates, front, [messages_of(number) for number in range(count)]) == [True] * count
        house.expect_idle()
        ends = wait_until(lambda: ends_of(house, "/chat", count), "a line of the access log for each")
        assert set(ends) == {"complete"}
        assert house.metric_sum("evictions_total") == 0
        assert house.metric_sum("^gateway_exchanges_active") <= 1


@in_all_pairings
def test_tunnels_go_on_without_any_block(gateway, certificates, front, behind):
    """Every request for a block is refused: their doorbells return."""
    with echoing(behind) as server, gateway(cluster("app", behind, server.address), routes=EVERYWHERE,
                                            memory={"blocks": 2, "shortage": "every 1"}) as house:
        assert echo(house, certificates, front, [messages_of(number) for number in range(8)]) == [True] * 8


@in_all_pairings
def test_idle_tunnels_hold_no_block_and_are_not_ended_where_others_wait(gateway, certificates, front, behind):
    demo = {"name": "demo", "protocol": "demo"}
    with TunnelBackend(behind) as backend, gateway(
            cluster("app", behind, backend.address), demo, routes=[*EVERYWHERE, route("demo", "/bytes/")],
            memory={"blocks": 4}, timeouts={"stall": "300ms"}) as house:
        tunnels = [open_tunnel(front, house, certificates) for _ in range(10)]
        for number, tunnel in enumerate(tunnels):
            side = backend.side(number)
            tunnel.send(b"hello")
            assert side.read(5) == b"hello"
            side.send(b"hello")
            assert tunnel.read(5) == b"hello"
        house.expect_idle()
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            sizes = list(pool.map(lambda _: len(house.curl("/bytes/1000000").body), range(32)))
        assert sizes == [1_000_000] * 32 and house.pool()["pool_subscribed"] > 0
        wait_until(lambda: house.curl("/bytes/1000").status == 200, "others")
        for number, tunnel in enumerate(tunnels):
            backend.side(number).send(b"still", end=True)
            assert tunnel.read(10) == b"hellostill" and tunnel.read_to_end()
            tunnel.send(b"", end=True)
            assert backend.side(number).read_to_end()
            tunnel.close()


def test_a_tunnel_that_falls_silent_keeps_sixteen_blocks_at_the_most(gateway, certificates):
    """However much it has sent before: credit cannot be taken back."""
    with TunnelBackend("http/1.1") as backend, gateway(cluster("app", "http/1.1", backend.address), routes=EVERYWHERE) as house:
        tunnel = open_tunnel("h2", house, certificates)
        side = backend.side()
        kept = []
        for turn in range(1, 9):
            reading = threading.Thread(target=side.read, args=(turn * 2 * MIB,))
            reading.start()
            tunnel.send(b"x" * 2 * MIB)
            reading.join()
            kept.append(house.pool()["pool_blocks_used"]["request"])
        assert max(kept) <= 16, kept
        tunnel.reset()
        side.over.set()


NODE_SERVER = """
const { WebSocketServer } = require('ws');
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: true });
server.on('connection', s => s.on('message', (data, binary) => s.send(data, { binary })));
server.on('listening', () => console.log(server.address().port));
"""
NODE_CLIENT = """
const WebSocket = require('ws');
const socket = new WebSocket(process.argv[1], ['chat'], { ca: require('fs').readFileSync(process.argv[2]) });
const text = 'node '.repeat(50000);
socket.on('open', () => socket.send(text));
socket.on('message', data => { console.log(data.toString() === text, socket.extensions); socket.close(1000); });
socket.on('close', code => console.log('closed', code));
socket.on('error', error => console.log(error));
"""
NODE = {"NODE_PATH": "/usr/share/nodejs:/usr/lib/nodejs", "PATH": "/usr/bin"}


def test_node_on_both_sides_over_tls_agrees_on_compression(gateway, certificates):
    server = subprocess.Popen(["node", "-e", NODE_SERVER], stdout=subprocess.PIPE, text=True, env=NODE)
    try:
        address = f"127.0.0.1:{int(server.stdout.readline())}"
        with gateway(cluster("app", "http/1.1", address), routes=EVERYWHERE) as house:
            url = f"wss://localhost:{house.https.rsplit(':', 1)[1]}/"
            said = subprocess.run(["node", "-e", NODE_CLIENT, url, certificates.ca], capture_output=True, text=True, env=NODE,
                                  timeout=20 * PATIENCE).stdout
            assert said.splitlines() == ["true permessage-deflate", "closed 1000"]
    finally:
        server.kill()
        server.communicate()
