"""An h2 backend whose every answer the test writes: python3-h2, a thread for each connection."""

import json
import socket
import ssl
import threading

import h2.events
from h2.settings import SettingCodes

from support.environment import PATIENCE
from support.h2_peer import Closed, H2Peer
from support.process import hang_up, listening_socket


class H2Backend:
    """Listens on a port of 127.0.0.1, or on a unix socket at `path`; a context manager.

    on_request(connection, stream, ended): when a request's head came. The default waits for the whole request.
    on_end(connection, stream): when the request is whole. The default answers 200 with the request told as JSON.
    on_data(connection, stream, data): as body bytes come. The default does nothing: they are in stream.body.
    All run on the connection's thread; `connection` is an H2Peer with a `number`, counted from 1 as they were accepted.
    """

    def __init__(self, on_request=None, on_end=None, max_streams=None, settings=None, certificates=None, consume=True,
                 path=None, on_data=None):
        self.on_request = on_request or (lambda connection, stream, ended: None)
        self.on_end = on_end or answer
        self.on_data = on_data or (lambda connection, stream, data: None)
        self.settings = dict(settings or {})
        if max_streams is not None:
            self.settings[SettingCodes.MAX_CONCURRENT_STREAMS] = max_streams
        self.consume = consume
        self.context = None
        if certificates:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificates.certificate, certificates.key)
            self.context.set_alpn_protocols(["h2"])
        self.connections = []
        self.errors = []
        self.most_streams = 0  # open at one time on one connection
        self.server, self.address = listening_socket(path=path)
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        hang_up(self.server)
        for connection in self.connections:
            connection.close()

    def requests(self):
        """How many streams came on all connections."""
        return sum(len(connection.streams) for connection in list(self.connections))

    def _accept(self):
        while True:
            try:
                sock, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        try:
            if self.context:
                sock = self.context.wrap_socket(sock, server_side=True)
            connection = H2Peer(sock, client=False, settings=self.settings, consume=self.consume, connection_window=1 << 24)
            self.connections.append(connection)
            connection.number = len(self.connections)
            while True:
                for event in connection.receive(60 * PATIENCE):
                    self._on_event(connection, event)
        except (Closed, OSError):
            pass
        except Exception as error:  # a thread's exception would be lost
            self.errors.append(error)
            sock.close()

    def _on_event(self, connection, event):
        if isinstance(event, h2.events.RequestReceived):
            self.most_streams = max(self.most_streams, connection.h2.open_inbound_streams)
            self.on_request(connection, connection.streams[event.stream_id], event.stream_ended is not None)
        elif isinstance(event, h2.events.DataReceived):
            self.on_data(connection, connection.streams[event.stream_id], event.data)
        elif isinstance(event, h2.events.StreamEnded):
            self.on_end(connection, connection.streams[event.stream_id])


def answer(connection, stream, status=200, body=None, fields=(), trailers=None):
    """A whole answer; without `body`, what the request was, as JSON."""
    if body is None:
        body = json.dumps({"head": stream.head, "trailers": stream.trailers, "bytes": len(stream.body),
                           "connection": connection.number}).encode()
    connection.send_headers(stream.id, [(":status", str(status)), *fields])
    connection.send_body(stream.id, body, trailers)
