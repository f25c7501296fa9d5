"""A gRPC service of python3-grpcio with every kind of call, and a channel to it through the gateway. Messages are bytes."""

import asyncio
import threading

import grpc
import grpc.aio

from support.environment import PATIENCE

UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


class GrpcService:
    """Serves h2 without TLS at `address`, on a loop and a thread of its own; a context manager.

    Unary    the message back, with the trailer x-sum: its size
    Collect  how many bytes the messages had together
    Expand   as many messages as the request says, "0", "1"…
    Chat     each message back as it comes
    Fail     FAILED_PRECONDITION before any message (trailers-only)
    Hold     never ends; says "held" first
    Meet     "here" at once, and "all here" when `party` calls are in it
    """

    def __init__(self, party=0):
        self.party = party
        self.held = 0
        self.cancelled = 0
        self.time_left = None  # seconds that the last Hold had
        self.most_met = 0
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self.loop).result(10 * PATIENCE)
        return self

    def __exit__(self, *_):
        asyncio.run_coroutine_threadsafe(self.server.stop(None), self.loop).result(10 * PATIENCE)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10 * PATIENCE)

    async def _start(self):
        self.all_met = asyncio.Event()
        self.server = grpc.aio.server(options=UNLIMITED)
        self.server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("test.Calls", {
            "Unary": grpc.unary_unary_rpc_method_handler(self._unary),
            "Collect": grpc.stream_unary_rpc_method_handler(self._collect),
            "Expand": grpc.unary_stream_rpc_method_handler(self._expand),
            "Chat": grpc.stream_stream_rpc_method_handler(self._chat),
            "Fail": grpc.unary_unary_rpc_method_handler(self._fail),
            "Hold": grpc.unary_stream_rpc_method_handler(self._hold),
            "Meet": grpc.unary_stream_rpc_method_handler(self._meet),
        })])
        self.address = "127.0.0.1:%d" % self.server.add_insecure_port("127.0.0.1:0")
        await self.server.start()

    async def _unary(self, request, context):
        context.set_trailing_metadata([("x-sum", str(len(request)))])
        return request

    async def _collect(self, requests, _context):
        return b"%d" % sum([len(request) async for request in requests])

    async def _expand(self, request, _context):
        for number in range(int(request)):
            yield b"%d" % number

    async def _chat(self, requests, _context):
        async for request in requests:
            yield request

    async def _fail(self, _request, context):
        await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not today: 100 %\n")

    async def _hold(self, _request, context):
        self.time_left = context.time_remaining()
        self.held += 1
        try:
            yield b"held"
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    async def _meet(self, _request, _context):
        self.most_met += 1
        if self.most_met == self.party:
            self.all_met.set()
        yield b"here"
        await self.all_met.wait()
        yield b"all here"


class Calls:
    """A channel over TLS to https://localhost at the gateway, and the service's calls; a context manager."""

    def __init__(self, house):
        port = house.https.rsplit(":", 1)[1]
        credentials = grpc.ssl_channel_credentials(house.certificates.ca.read_bytes())
        self.channel = grpc.secure_channel(f"localhost:{port}", credentials, [*UNLIMITED, ("grpc.enable_retries", 0)])
        grpc.channel_ready_future(self.channel).result(10 * PATIENCE)
        self.unary = self.channel.unary_unary("/test.Calls/Unary")
        self.collect = self.channel.stream_unary("/test.Calls/Collect")
        self.expand = self.channel.unary_stream("/test.Calls/Expand")
        self.chat = self.channel.stream_stream("/test.Calls/Chat")
        self.fail = self.channel.unary_unary("/test.Calls/Fail")
        self.hold = self.channel.unary_stream("/test.Calls/Hold")
        self.meet = self.channel.unary_stream("/test.Calls/Meet")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channel.close()
