"""Programs that others send bodies with: each uploads one file and says what came of it. They choose their own frames."""

import json
import subprocess
import time

from support.environment import PATIENCE

NODE = """
const [url, ca, file] = process.argv.slice(1);
const fs = require('fs'), http2 = require('http2');
const body = fs.readFileSync(file);
const client = http2.connect(url, {ca: fs.readFileSync(ca)});
client.on('error', error => { console.error(error.message); process.exit(1); });
client.on('connect', () => {
  const begin = process.hrtime.bigint();
  const request = client.request({':method': 'POST', ':path': '/echo'});
  const digest = require('crypto').createHash('sha256');
  let status = 0, bytes = 0;
  request.on('response', head => { status = head[':status']; });
  request.on('data', data => { bytes += data.length; digest.update(data); });
  request.on('error', error => { console.error(error.message); process.exit(1); });
  request.on('end', () => {
    const same = digest.digest('hex') === require('crypto').createHash('sha256').update(body).digest('hex');
    console.log(JSON.stringify({status, bytes, same, seconds: Number(process.hrtime.bigint() - begin) / 1e9}));
    client.close();
  });
  request.end(body);
});
"""


class Outcome:
    """What a sender saw: the status, whether the echo was the body, and how long it took from when the connection stood."""

    def __init__(self, status, same, seconds):
        self.status, self.same, self.seconds = status, same, seconds


def curl(address, certificates, file, timeout=30):
    """POSTs to /echo."""
    port = address.rsplit(":", 1)[1]
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--http2", "--cacert", certificates.ca, "--data-binary", f"@{file}", "--output",
         f"{file}.curl", "--write-out", "%{http_code} %{time_appconnect} %{time_total}", "--max-time", str(timeout * PATIENCE),
         f"https://localhost:{port}/echo"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    status, connected, total = done.stdout.split()
    with open(file, "rb") as sent, open(f"{file}.curl", "rb") as came:
        return Outcome(int(status), sent.read() == came.read(), float(total) - float(connected))


def nghttp(address, certificates, file, timeout=30):  # knows no CA, and verifies nothing
    """POSTs to /echo; the time is that of the request in nghttp's own table."""
    begin = time.monotonic()
    done = subprocess.run(["nghttp", "--no-verify-peer", "-d", file, f"https://{address}/echo"], capture_output=True,
                          timeout=timeout * PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    with open(file, "rb") as sent:
        same = sent.read() == done.stdout
    return Outcome(200 if same else 0, same, time.monotonic() - begin)


def node(address, certificates, file, timeout=30):
    """POSTs to /echo with node's http2."""
    port = address.rsplit(":", 1)[1]
    done = subprocess.run(["node", "-e", NODE, f"https://localhost:{port}", certificates.ca, file], capture_output=True, text=True,
                          timeout=timeout * PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    return Outcome(told["status"], told["same"], told["seconds"])


class GrpcEcho:
    """A gRPC server that sends back what it gets; a context manager. Its `address` is an h2 backend without TLS."""

    def __enter__(self):
        import concurrent.futures

        import grpc

        class Handler(grpc.GenericRpcHandler):
            def service(self, details):
                return grpc.unary_unary_rpc_method_handler(lambda request, context: request)
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(4), handlers=(Handler(),), options=UNLIMITED)
        self.address = "127.0.0.1:%d" % self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()
        return self

    def __exit__(self, *_):
        self.server.stop(None).wait(5)


UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


def grpc(address, certificates, file, timeout=30):
    """One unary call with the file as its message, over TLS, through the gateway to a GrpcEcho."""
    import grpc as library
    port = address.rsplit(":", 1)[1]
    credentials = library.ssl_channel_credentials(certificates.ca.read_bytes())
    with open(file, "rb") as opened:
        body = opened.read()
    with library.secure_channel(f"localhost:{port}", credentials, UNLIMITED) as channel:
        library.channel_ready_future(channel).result(timeout * PATIENCE)
        begin = time.monotonic()
        came = channel.unary_unary("/echo.Echo/Echo")(body, timeout=timeout * PATIENCE)
        return Outcome(200, came == body, time.monotonic() - begin)


SENDERS = {"curl": curl, "nghttp": nghttp, "node": node, "grpc": grpc}
