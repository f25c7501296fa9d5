"""One HTTP/2 connection for tests, in either role: python3-h2 on a socket, with the frames that it would hide recorded.

GOAWAY frames never reach python3-h2, which takes them for the end of the connection: streams go on after them.
"""

import collections
import dataclasses
import socket
import threading
import time

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

from support.environment import PATIENCE
from support.process import hang_up

PREFACE_SIZE = 24
RST_STREAM_TYPE = 3
GOAWAY_TYPE = 7
NO_LIMIT = 2**31 - 1


@dataclasses.dataclass
class GoAway:
    last_stream_id: int
    code: int
    debug: bytes


@dataclasses.dataclass
class Stream:
    """What came on a stream: `head` is the request's or the final response's."""

    id: int
    head: list = None
    interim: list = dataclasses.field(default_factory=list)
    body: bytearray = dataclasses.field(default_factory=bytearray)
    trailers: list = None
    ended: bool = False
    reset: int = None  # the code of its RST_STREAM

    def over(self):
        return self.ended or self.reset is not None

    def field(self, name):
        return next((value for key, value in self.head or [] if key == name), None)

    @property
    def status(self):
        return int(self.field(":status") or 0)


class Closed(Exception):
    """The other side has closed the connection."""


class H2Peer:
    """`sock` is connected and, with TLS, past its handshake. Not for several threads, `send_lock` aside.

    consume  give window back for the bytes that came; False: never (a client that does not read)
    settings initial SETTINGS of ours, by h2.settings.SettingCodes
    """

    def __init__(self, sock, client, settings=None, consume=True, connection_window=None):
        self.sock = sock
        if sock.family != socket.AF_UNIX:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(
            client_side=client, header_encoding="utf-8", validate_outbound_headers=False,
            normalize_outbound_headers=False, validate_inbound_headers=False))
        self.consume = consume
        self.streams = {}
        self.goaways = []
        self.frames = collections.Counter()  # by type
        self.reset_codes = {}  # of RST_STREAM frames, by stream
        self.deaf = False  # frames are recorded and go no further: for tests that sent what python3-h2 knows nothing of
        self.pings_answered = 0
        self.closed = False
        self.send_lock = threading.RLock()
        self._pending = {}  # stream id -> [bytes left, trailers or None, whether to end]
        self._rest = b""
        self._preface_left = 0 if client else PREFACE_SIZE
        initial = {**dict(self.h2.local_settings.items()), **(settings or {})}
        self.h2.local_settings = h2.settings.Settings(client=client, initial_values=initial)
        self.h2.initiate_connection()
        if connection_window:
            self.h2.increment_flow_control_window(connection_window)
        self.flush()

    # ---- Sending ----

    def flush(self):
        with self.send_lock:
            data = self.h2.data_to_send()
            if data:
                self.send_raw(data)

    def send_raw(self, data):
        try:
            self.sock.sendall(data)
        except OSError as error:
            self.closed = True
            raise Closed(str(error)) from error

    def send_goaway(self, last_stream_id, code=0, debug=b""):
        payload = last_stream_id.to_bytes(4, "big") + code.to_bytes(4, "big") + debug
        self.send_raw(len(payload).to_bytes(3, "big") + bytes([GOAWAY_TYPE, 0]) + bytes(4) + payload)

    def send_headers(self, stream_id, headers, end_stream=False):
        with self.send_lock:
            self.h2.send_headers(stream_id, headers, end_stream=end_stream)
            self.flush()

    def send_body(self, stream_id, data, trailers=None, end=True):
        """Queues `data`; it leaves as the windows allow, now and whenever the peer opens them."""
        with self.send_lock:
            entry = self._pending.setdefault(stream_id, [bytearray(), None, False])
            entry[0] += data
            entry[1:] = [trailers, end]
            self._send_pending(stream_id)
            self.flush()

    def unsent(self, stream_id):
        return len(self._pending.get(stream_id, [b""])[0])

    def reset(self, stream_id, code):
        with self.send_lock:
            self._pending.pop(stream_id, None)
            self.h2.reset_stream(stream_id, code)
            self.flush()

    def _send_pending(self, stream_id):
        data, trailers, end = self._pending[stream_id]
        try:
            while data:
                size = min(len(data), self.h2.local_flow_control_window(stream_id), self.h2.max_outbound_frame_size)
                if size <= 0:
                    return
                self.h2.send_data(stream_id, bytes(data[:size]), end_stream=end and trailers is None and size == len(data))
                del data[:size]
                if not data and (trailers is None and end):
                    del self._pending[stream_id]
                    return
            if trailers is not None:
                self.h2.send_headers(stream_id, trailers, end_stream=True)
            elif end:
                self.h2.end_stream(stream_id)
            del self._pending[stream_id]
        except (h2.exceptions.StreamClosedError, h2.exceptions.ProtocolError):
            self._pending.pop(stream_id, None)  # the peer has reset it meanwhile

    # ---- Receiving ----

    def receive(self, seconds=5.0):
        """Reads once and returns the events; [] when nothing came in time. Raises Closed at the end of the connection."""
        self.sock.settimeout(seconds)
        try:
            data = self.sock.recv(65536)
        except TimeoutError:
            return []
        except OSError as error:
            self.closed = True
            raise Closed(str(error)) from error
        if not data:
            self.closed = True
            raise Closed("end of the connection")
        with self.send_lock:
            events = self.h2.receive_data(self._without_goaways(data))
            for event in events:
                self._on_event(event)
            for stream_id in list(self._pending):
                self._send_pending(stream_id)
            try:
                self.flush()
            except Closed:
                pass  # what it sent before it closed is still to be read
        return events

    def receive_until(self, condition, seconds=10.0, what="what the peer was to send"):
        """Reads until condition() is true; fails after `seconds` times PATIENCE. Raises Closed if it cannot come any more."""
        deadline = time.monotonic() + seconds * PATIENCE
        while not condition():
            left = deadline - time.monotonic()
            assert left > 0, f"not within {seconds * PATIENCE:g} s: {what}"
            self.receive(left)

    def receive_to_close(self, seconds=10.0):
        """Reads until the peer closes."""
        try:
            self.receive_until(lambda: False, seconds, "the end of the connection")
        except Closed:
            pass

    def _without_goaways(self, data):
        self._rest += data
        kept = []
        if self._preface_left:
            kept.append(self._rest[:self._preface_left])
            self._rest = self._rest[self._preface_left:]
            self._preface_left -= len(kept[0])
        while not self._preface_left and len(self._rest) >= 9:
            size = 9 + int.from_bytes(self._rest[:3], "big")
            if len(self._rest) < size:
                break
            frame, self._rest = self._rest[:size], self._rest[size:]
            self.frames[frame[3]] += 1
            if frame[3] == GOAWAY_TYPE:
                last = int.from_bytes(frame[9:13], "big") & NO_LIMIT
                self.goaways.append(GoAway(last, int.from_bytes(frame[13:17], "big"), frame[17:]))
                continue
            if frame[3] == RST_STREAM_TYPE:
                self.reset_codes[int.from_bytes(frame[5:9], "big")] = int.from_bytes(frame[9:13], "big")
            if not self.deaf:
                kept.append(frame)
        return b"".join(kept)

    def _on_event(self, event):
        stream = self.streams.setdefault(event.stream_id, Stream(event.stream_id)) if getattr(event, "stream_id", 0) else None
        if isinstance(event, (h2.events.ResponseReceived, h2.events.RequestReceived)):
            stream.head = event.headers
        elif isinstance(event, h2.events.InformationalResponseReceived):
            stream.interim.append(event.headers)
        elif isinstance(event, h2.events.TrailersReceived):
            stream.trailers = event.headers
        elif isinstance(event, h2.events.DataReceived):
            stream.body += event.data
            if self.consume:
                self.give_back(event.stream_id, event.flow_controlled_length)
        elif isinstance(event, h2.events.StreamEnded):
            stream.ended = True
        elif isinstance(event, h2.events.StreamReset):
            stream.reset = int(event.error_code)
            self._pending.pop(event.stream_id, None)
        elif isinstance(event, h2.events.PingAckReceived):
            self.pings_answered += 1

    def give_back(self, stream_id, count):
        """Opens the windows by `count` bytes that came."""
        if count:
            try:
                self.h2.acknowledge_received_data(count, stream_id)
            except (h2.exceptions.StreamClosedError, h2.exceptions.ProtocolError):
                pass  # the stream is over

    def close(self):
        self.closed = True
        hang_up(self.sock)
