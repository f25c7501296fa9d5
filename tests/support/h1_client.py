"""A client in HTTP/1.1 that decides about single bytes."""

import dataclasses
import io

from support.h2_client import connect


@dataclasses.dataclass
class Answer:
    status: int
    version: str
    fields: list  # of (lower-case name, value)
    body: bytes = b""
    trailers: list = dataclasses.field(default_factory=list)
    interim: list = dataclasses.field(default_factory=list)  # (status, fields) of each 1xx before it
    whole: bool = True  # as far as its framing tells

    def field(self, name):
        return next((value for key, value in self.fields if key == name), None)


class H1Client:
    """On a socket of connect() or connect_tls()."""

    def __init__(self, sock):
        self.sock = sock
        self.file = io.BufferedReader(sock.makefile("rb", buffering=0), 1 << 16)

    @classmethod
    def to(cls, address, **options):
        return cls(connect(address, **options))

    def send(self, data):
        self.sock.sendall(data.encode("latin-1") if isinstance(data, str) else data)

    def request(self, method, path, body=None, fields="", version="1.1"):
        """Sends a request; `body` bytes get a length, an iterable of bytes becomes chunks."""
        if body is None:
            framing = ""
        elif isinstance(body, bytes):
            framing = f"Content-Length: {len(body)}\r\n"
        else:
            framing = "Transfer-Encoding: chunked\r\n"
        self.send(f"{method} {path} HTTP/{version}\r\nHost: localhost\r\n{fields}{framing}\r\n")
        if isinstance(body, bytes):
            self.send(body)
        elif body is not None:
            for piece in body:
                self.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.send(b"0\r\n\r\n")

    def read_fields(self):
        fields = []
        while (line := self.file.readline()) not in (b"\r\n", b""):
            assert line.endswith(b"\r\n"), line
            name, _, value = line.decode("latin-1").partition(":")
            fields.append((name.lower(), value.strip()))
        return fields

    def read_head(self):
        """The next head, a 1xx too; None when the connection has ended."""
        line = self.file.readline().decode("latin-1")
        if not line:
            return None
        version, status, _ = line.split(" ", 2)
        return Answer(int(status), version, self.read_fields())

    def answer(self, method="GET"):
        """The next whole answer; None when the connection has ended."""
        interim = []
        while (head := self.read_head()) is not None and head.status < 200:
            interim.append((head.status, head.fields))
        if head is None:
            return None
        head.interim = interim
        if method == "HEAD" or head.status in (204, 304):
            return head
        if head.field("transfer-encoding") == "chunked":
            self._read_chunks(head)
        elif head.field("content-length") is not None:
            length = int(head.field("content-length"))
            head.body = self.file.read(length)
            head.whole = len(head.body) == length
        else:
            head.body = self.file.read()
        return head

    def _read_chunks(self, head):
        while line := self.file.readline():
            size = int(line, 16)
            if size == 0:
                head.trailers = self.read_fields()
                return
            piece = self.file.read(size)
            head.body += piece
            if len(piece) < size or self.file.read(2) != b"\r\n":
                break
        head.whole = False

    def fetch(self, path, method="GET", body=None, fields="", version="1.1"):
        self.request(method, path, body, fields, version)
        return self.answer(method)

    def ended(self):
        """Waits until the other side has closed; False if it sent something."""
        try:
            return self.file.read(1) == b""
        except ConnectionError:
            return True

    def close(self):
        self.file.close()
        self.sock.close()
