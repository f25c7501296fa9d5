"""An HTTP/1.1 backend whose every byte the test writes: a thread for each connection."""

import dataclasses
import json
import socket
import struct
import threading

from support.environment import PATIENCE
from support.process import hang_up, listening_socket


@dataclasses.dataclass
class Request:
    line: str
    fields: list  # of (lower-case name, value)
    body: bytes = b""
    trailers: list = dataclasses.field(default_factory=list)

    def field(self, name):
        return next((value for key, value in self.fields if key == name), None)


class Connection:
    """`number` counts from 1 as connections were accepted."""

    def __init__(self, sock, number):
        self.sock = sock
        self.number = number
        self.file = sock.makefile("rb")
        self.requests = 0

    def read_head(self):
        """The next request without its body; None at the end of the connection."""
        line = self.file.readline()
        if not line:
            return None
        self.requests += 1
        return Request(line.decode("latin-1").rstrip("\r\n"), self._read_fields())

    def read_body(self, request):
        if "chunked" in (request.field("transfer-encoding") or ""):
            while size := int(self.file.readline().split(b";")[0], 16):
                request.body += self.file.read(size)
                self.file.readline()
            request.trailers = self._read_fields()
        else:
            request.body = self.file.read(int(request.field("content-length") or 0))
        return request

    def read_request(self):
        """The next whole request; None at the end of the connection."""
        request = self.read_head()
        return request and self.read_body(request)

    def _read_fields(self):
        fields = []
        while (line := self.file.readline()) not in (b"\r\n", b"\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            fields.append((name.strip().lower(), value.strip()))
        return fields

    def send(self, data):
        self.sock.sendall(data.encode() if isinstance(data, str) else data)

    def answer(self, body=b"", status="200 OK", fields=""):
        """A whole answer with content-length; `fields` are lines that end in CRLF."""
        self.send(f"HTTP/1.1 {status}\r\n{fields}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    def reset(self):
        """Closes with RST instead of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self):
        try:
            self.file.close()
            self.sock.close()
        except OSError:
            pass

    def closed_by_peer(self, seconds=10):
        """Waits for the gateway to close; False if it sent something or did not close in time."""
        self.sock.settimeout(seconds * PATIENCE)
        try:
            return self.file.read(1) == b""
        except TimeoutError:
            return False
        except OSError:
            return True


def tell(connection):
    """Answers every request with what it was, as JSON."""
    while request := connection.read_request():
        connection.answer(json.dumps({
            "line": request.line, "fields": request.fields, "trailers": request.trailers, "bytes": len(request.body),
            "connection": connection.number,
        }).encode())


class H1Backend:
    """Listens on 127.0.0.1, or on a unix socket at `path`; `serve(connection)` runs on each connection's thread, which is closed afterwards."""

    def __init__(self, serve=tell, port=0, path=None):
        self.serve = serve
        self.connections = []
        self.errors = []
        self.server, self.address = listening_socket(port, path)
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        hang_up(self.server)
        for connection in self.connections:
            hang_up(connection.sock)

    def requests(self):
        return sum(connection.requests for connection in list(self.connections))

    def _accept(self):
        while True:
            try:
                sock, _ = self.server.accept()
            except OSError:
                return
            connection = Connection(sock, len(self.connections) + 1)
            self.connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            self.serve(connection)
        except (OSError, ValueError):  # ValueError: closed under the reader at the end of the test
            pass
        except Exception as error:  # a thread's exception would be lost
            self.errors.append(error)
        finally:
            connection.close()
