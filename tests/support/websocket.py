"""WebSockets that echo: python3-websockets in HTTP/1.1, and python3-wsproto's frames in tunnels of HTTP/2 (RFC 8441)."""

import asyncio
import threading

import websockets
import wsproto.connection
import wsproto.events
from h2.settings import SettingCodes

from support.environment import PATIENCE
from support.h2_backend import H2Backend
from support.h2_client import H2Client
from support.tunnels import TAKES_TUNNELS, H2Tunnel


class WebSocketServer:
    """Echoes every message, and reads the next one when its echo has left; on a port of 127.0.0.1, in a thread. A context manager."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.heads = []  # of each handshake: (path, fields)
        self.open = 0
        started = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self.thread.start()
        started.wait(10)

    def _run(self, started):
        asyncio.set_event_loop(self.loop)
        self.server = self.loop.run_until_complete(websockets.serve(
            self._echo, "127.0.0.1", 0, max_size=None, ping_interval=None, subprotocols=["chat"], backlog=1024,
            close_timeout=10, compression=None))
        self.address = "127.0.0.1:%d" % self.server.sockets[0].getsockname()[1]
        started.set()
        self.loop.run_forever()

    async def _echo(self, socket, path):
        self.heads.append((path, socket.request_headers))
        self.open += 1
        try:
            async for message in socket:
                await socket.send(message)
        finally:
            self.open -= 1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        async def close():
            self.server.close()
            await self.server.wait_closed()
        asyncio.run_coroutine_threadsafe(close(), self.loop).result(20)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)


class Frames:
    """One side of a WebSocket: messages, which are str or bytes as they were sent, to bytes and back."""

    def __init__(self, kind):
        self.connection = wsproto.connection.Connection(kind)
        self.messages = []
        self.parts = []  # of the message that is not finished
        self.closed = False

    def send(self, message):
        return self.connection.send(wsproto.events.Message(data=message))

    def close(self):
        return self.connection.send(wsproto.events.CloseConnection(code=1000))

    def take(self, data):
        """Notes the messages in `data`; returns what is to be answered."""
        answer = b""
        if self.closed or not data:
            return answer
        self.connection.receive_data(data)
        for event in self.connection.events():
            if isinstance(event, wsproto.events.Message):
                self.parts.append(event.data)
                if event.message_finished:
                    self.messages.append(type(event.data)().join(self.parts))
                    self.parts = []
            elif isinstance(event, wsproto.events.CloseConnection):
                self.closed = True
                if self.connection.state is wsproto.connection.ConnectionState.REMOTE_CLOSING:
                    answer += self.connection.send(event.response())
        return answer


def websocket_backend(**options):
    """An h2 backend that echoes every message."""
    def accept(connection, stream, ended):
        stream.frames = Frames(wsproto.connection.SERVER)
        connection.send_headers(stream.id, [(":status", "200")])

    def take(connection, stream, data):
        frames = stream.frames
        answer = frames.take(data)
        echoes = b"".join(frames.send(message) for message in frames.messages)
        frames.messages.clear()
        connection.send_body(stream.id, echoes + answer, end=frames.closed)
    return H2Backend(accept, lambda connection, stream: None, on_data=take, settings=TAKES_TUNNELS, **options)


async def echo_all(address, path, messages, all_open):
    """A client in HTTP/1.1 that sends its messages while it reads their echoes, once `all_open()` has returned; whether they are the same."""
    async with websockets.connect(f"ws://{address}{path}", max_size=None, open_timeout=60 * PATIENCE, ping_interval=None,
                                  close_timeout=60 * PATIENCE, compression=None) as socket:
        await all_open()

        async def send():
            for message in messages:
                await socket.send(message)
        sending = asyncio.create_task(send())
        echoes = [await socket.recv() for _ in messages]
        await sending
        return echoes == messages


def echo_all_in_h1(address, path, per_tunnel):
    """A tunnel for each list of messages, all open at a time; whether each list came back."""
    async def run():
        opened = 0
        everybody = asyncio.Event()

        async def all_open():
            nonlocal opened
            opened += 1
            if opened == len(per_tunnel):
                everybody.set()
            await everybody.wait()
        return await asyncio.gather(*[echo_all(address, path, messages, all_open) for messages in per_tunnel])
    return asyncio.run(asyncio.wait_for(run(), 120 * PATIENCE))


def echo_all_in_h2(sock, path, per_tunnel, all_open=lambda: None):
    """The same over the streams of one connection, which are open when `all_open()` is called."""
    settings = {SettingCodes.INITIAL_WINDOW_SIZE: 1 << 20}
    client = H2Client(sock, settings=settings, connection_window=1 << 28)
    tunnels = [H2Tunnel(None, path, client=client) for _ in per_tunnel]
    assert all(tunnel.status == 200 for tunnel in tunnels)
    all_open()
    sides = [Frames(wsproto.connection.CLIENT) for _ in tunnels]
    for tunnel, side, messages in zip(tunnels, sides, per_tunnel):
        tunnel.queue(b"".join(side.send(message) for message in messages))

    def all_came():
        for tunnel, side in zip(tunnels, sides):
            side.take(tunnel.body)
            tunnel.stream.body.clear()
        return all(len(side.messages) >= len(messages) for side, messages in zip(sides, per_tunnel))
    client.receive_until(all_came, 120, "all echoes")
    for tunnel, side in zip(tunnels, sides):
        tunnel.queue(side.close(), end=True)
    in_order = [tunnel.read_to_end() for tunnel in tunnels]
    client.close()
    return [side.messages == messages and ended for side, messages, ended in zip(sides, per_tunnel, in_order)]
