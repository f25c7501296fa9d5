"""Which download goes first when all cannot (RFC 9218), as node's HTTP/2 client sees it over a link that is full."""

import json
import subprocess

import pytest

from support.environment import PATIENCE, scaled
from support.gateway import cluster
from support.relay import Relay

COUNT = 20
SIZE = 512 << 10  # bytes of a download
LARGE = 2 << 20
RATE = scaled(16, 8) << 20  # bytes a second: of a link that is full, where a sanitizer slows all as well
BLOCK = 16 << 10

# 19 downloads of one priority; when all have got some, the last one with its own. Tells who finished when, and how far all had come
# when the first did.
NODE = """
const [url, ca, path, count, usual, urgent] = process.argv.slice(1);
const client = require('http2').connect(url, {ca: require('fs').readFileSync(ca), settings: {initialWindowSize: 1 << 24}});
const came = [], order = [];
let begun = 0, before = [], after = [];
function get(number, priority) {
  came[number] = 0;
  client.request({':path': path, ...(priority ? {priority} : {})}).on('data', data => {
    if (came[number] === 0 && ++begun === count - 1) last();
    came[number] += data.length;
  }).on('end', () => {
    if (order.length === 0) after = [...came];
    order.push(number);
    if (order.length === Number(count)) {
      console.log(JSON.stringify({order, came, before, after}));
      client.close();
    }
  });
}
function last() {
  before = [...came];
  get(count - 1, urgent);
}
client.on('connect', () => {
  client.setLocalWindowSize(1 << 28);
  for (let number = 0; number < count - 1; ++number) get(number, usual);
});
"""

# Downloads of a client that never speaks of priorities. Its windows are shut until every head has come, then they open all at once: so
# none is ahead because its backend was the first to answer. Tells how far all had come when a quarter, half and so on of all bytes had.
ALIKE = """
const [url, ca, path, count, size] = process.argv.slice(1);
const client = require('http2').connect(url, {ca: require('fs').readFileSync(ca), settings: {initialWindowSize: 0}});
const came = Array(Number(count)).fill(0), marks = [];
let heads = 0, all = 0, over = 0;
function get(number) {
  client.request({':path': path}).on('response', () => {
    if (++heads === Number(count)) client.settings({initialWindowSize: 1 << 24});
  }).on('data', data => {
    came[number] += data.length;
    all += data.length;
    if (all >= (marks.length + 1) / 4 * count * size && marks.length < 3) marks.push([...came]);
  }).on('end', () => {
    if (++over === Number(count)) {
      console.log(JSON.stringify({came, marks}));
      client.close();
    }
  });
}
client.on('connect', () => {
  client.setLocalWindowSize(1 << 28);
  for (let number = 0; number < count; ++number) get(number);
});
"""


@pytest.fixture(params=["http/1.1", "h2"])
def server(request, nginx, nghttpd):
    chosen = nginx if request.param == "http/1.1" else nghttpd
    (chosen.files / "page").write_bytes(b"x" * SIZE)
    (chosen.files / "large").write_bytes(b"x" * LARGE)
    return cluster("app", request.param, chosen.address)


def downloads(house, certificates, script, size, *arguments):
    """What COUNT downloads of `size` bytes tell, over one connection of node."""
    with Relay(house.https, 0, RATE) as link:
        url = f"https://localhost:{link.address.rsplit(':', 1)[1]}"
        done = subprocess.run(["node", "-e", script, url, certificates.ca, *arguments], capture_output=True, text=True,
                              timeout=60 * PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["came"] == [size] * COUNT
    return told


@pytest.mark.parametrize("blocks", [4, 1024])
def test_the_urgent_one_of_twenty_downloads_finishes_first(gateway, certificates, server, blocks):
    """With few blocks too: then the connection's turns in the pool are the urgent one's."""
    with gateway(server, workers=1, memory={"budget": "64MiB", "blocks": blocks}) as house:
        told = downloads(house, certificates, NODE, SIZE, "/page", str(COUNT), "u=3, i", "u=0")
        passed = sum(told["after"][:-1]) - sum(told["before"])
        print(f"the others got {passed >> 10} KiB while the urgent one got {SIZE >> 10} KiB")
        assert told["order"][0] == COUNT - 1, told


@pytest.mark.parametrize(("blocks", "late"), [(4, 12), (64, 24), (1024, 24)])
def test_without_priorities_twenty_downloads_share_evenly(gateway, certificates, server, blocks, late):
    """20 x 2 MiB, of which the kernel's buffers between the two hold a tenth at the most. To the byte tests/h2/priority_test.cc has it: here it
    is told by a whole link, on which a backend may be late once: then another stream is ahead by what its pipe holds, sixteen blocks when it
    has grown twice, and what the socket took. One after the other they would be 64 and more apart."""
    with gateway(server, workers=1, memory={"budget": "64MiB", "blocks": blocks}) as house:
        told = downloads(house, certificates, ALIKE, LARGE, "/large", str(COUNT), str(LARGE))
        for came in told["marks"]:
            even = sum(came) // COUNT
            print(f"between {min(came) >> 10} and {max(came) >> 10} KiB, evenly {even >> 10}")
            apart = max(even // 4, late * BLOCK)
            assert even - apart <= min(came) and max(came) <= even + apart, came
