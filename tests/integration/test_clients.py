"""The clients that everybody has, over TLS and in cleartext, in front of every kind of backend."""

import contextlib
import http.client
import json
import subprocess
import urllib.parse

import pytest

from support.environment import PATIENCE, wait_until
from support.gateway import cluster
from support.h1_backend import H1Backend
from support.h2_backend import H2Backend
from support.h2_client import tls_context

SIZE = 200_000  # bytes of an upload
TIMES = 3  # uploads over one connection


@pytest.fixture(params=["http/1.1", "h2c", "h2"])
def house(request, gateway, certificates):
    """A gateway before a backend of one kind, which tells each request back as JSON."""
    with contextlib.ExitStack() as stack:
        if request.param == "http/1.1":
            behind, more = H1Backend(), {}
        elif request.param == "h2c":
            behind, more = H2Backend(), {}
        else:
            behind = H2Backend(certificates=certificates)
            more = {"tls": {"ca": certificates.ca, "server_name": "localhost"}}
        stack.enter_context(behind)
        protocol = "http/1.1" if request.param == "http/1.1" else "h2"
        yield stack.enter_context(gateway(cluster("app", protocol, behind.address, **more)))


@pytest.fixture(params=["http", "https"])
def url(request, house):
    """Of the gateway's root, by the name that its certificate has."""
    port = (house.https if request.param == "https" else house.h2c).rsplit(":", 1)[1]
    return f"{request.param}://localhost:{port}/"


@pytest.mark.parametrize("option", ["--http1.0", "--http1.1", "--http2", "--http2-prior-knowledge"])
def test_curl_gets_an_answer_in_every_version(house, url, option):
    # A later option of curl's overrides the earlier one.
    ask = house.curl if url.startswith("https") else house.curl_cleartext
    reply = ask("/a?b", option)
    assert reply.status == 200, reply.stderr
    assert reply.version == ("2" if "http2" in option else "1.1")
    line = house.wait_for_access(lambda line: line["path"] == "/a?b")
    upgraded = url.startswith("http:") and option == "--http2"
    assert line["protocol"] == {"--http1.0": "1.0", "--http1.1": "1.1"}.get(option, "1.1" if upgraded else "2")
    assert line["end"] == "complete"
    upload = ask("/", option, "--data-binary", "x" * 5000)
    assert upload.status == 200 and json.loads(upload.body)["bytes"] == 5000


def wget(url, certificates, directory):
    (directory / "body").write_bytes(b"x" * SIZE)
    done = subprocess.run(["wget", "--quiet", "--output-document=-", f"--ca-certificate={certificates.ca}",
                           f"--post-file={directory / 'body'}", *[url] * TIMES], capture_output=True, timeout=20 * PATIENCE, check=True)
    return answers(done.stdout.decode())


def pythons_http_client(url, certificates, _directory):
    where = urllib.parse.urlsplit(url)
    secure = {"context": tls_context(certificates, ["http/1.1"])} if where.scheme == "https" else {}
    make = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    told = []
    with contextlib.closing(make(where.hostname, where.port, timeout=20 * PATIENCE, **secure)) as connection:
        for _ in range(TIMES):
            connection.request("POST", "/", body=iter([b"x" * (SIZE - 1), b"y"]), encode_chunked=True,
                               headers={"Transfer-Encoding": "chunked"})
            told.append(json.loads(connection.getresponse().read()))
    return told


NODE = """
const [url, ca, size, times] = process.argv.slice(1);
const body = Buffer.alloc(Number(size), 'x');
function next(left) {
  if (left === 0) return close();
  let text = '';
  send(body).on('data', data => { text += data; }).on('end', () => { console.log(text); next(left - 1); });
}
"""
NODE_HTTP = NODE + """
const module = require(url.startsWith('https') ? 'https' : 'http');
const agent = new module.Agent({keepAlive: true, maxSockets: 1, ca: require('fs').readFileSync(ca)});
const {PassThrough} = require('stream');
function send(body) {
  const answer = new PassThrough();
  module.request(url, {method: 'POST', agent, headers: {'transfer-encoding': 'chunked'}}, got => got.pipe(answer)).end(body);
  return answer;
}
function close() { agent.destroy(); }
next(Number(times));
"""
NODE_HTTP2 = NODE + """
const client = require('http2').connect(url, {ca: require('fs').readFileSync(ca)});
function send(body) { return client.request({':method': 'POST', ':path': '/'}).end(body); }
function close() { client.close(); }
next(Number(times));
"""


def node(script):
    def run(url, certificates, _directory):
        done = subprocess.run(["node", "-e", script, url, certificates.ca, str(SIZE), str(TIMES)], capture_output=True, text=True,
                              timeout=20 * PATIENCE, check=False)
        assert done.returncode == 0, done.stderr
        return answers(done.stdout)
    return run


def answers(text):
    """The JSON documents that stand one behind the other."""
    told, decoder = [], json.JSONDecoder()
    while text := text.lstrip():
        document, end = decoder.raw_decode(text)
        told.append(document)
        text = text[end:]
    return told


@pytest.mark.parametrize("client, version", [(wget, "1.1"), (pythons_http_client, "1.1"), (node(NODE_HTTP), "1.1"), (node(NODE_HTTP2), "2")],
                         ids=["wget", "http.client", "node http", "node http2"])
def test_a_client_uploads_over_one_connection_and_gets_answers(house, url, certificates, tmp_path, client, version):
    assert [told["bytes"] for told in client(url, certificates, tmp_path)] == [SIZE] * TIMES

    lines = wait_until(lambda: complete(house.access_log()), "a line of each")
    assert {(line["status"], line["protocol"]) for line in lines} == {(200, version)}
    assert [line["stream"] for line in lines] == ([1, 2, 3] if version == "1.1" else [1, 3, 5]), "one connection"


def complete(lines):
    return len(lines) == TIMES and all(line["end"] == "complete" for line in lines) and lines
