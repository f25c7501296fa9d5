"""A client of few words for what h2load cannot do: many new connections, resumed ones, and idle ones. A process of its own:

    python3 -m bench.peers.client handshakes PORT COUNT [--resume]    one GET on each of COUNT connections, four at a time
    python3 -m bench.peers.client hold PORT COUNT                     the same, but the connections stay until stdin ends

Prints a line of JSON: ok, failed, seconds, times (microseconds from connect() to the last byte); of `hold` a second line when stdin
ends, with how many connections are still open.
"""

import argparse
import concurrent.futures
import json
import select
import socket
import ssl
import struct
import sys
import time

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS = 0, 1, 4
END_STREAM, END_HEADERS, ACK = 1, 4, 1
STATUS_200 = 0x88  # indexed field 8 of HPACK's static table (RFC 7541, appendix A)


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def request(path, authority):
    """Preface, SETTINGS and one GET, its fields without Huffman coding and not indexed."""
    fields = b"\x82\x87" + b"".join(bytes([index, len(text)]) + text for index, text in ((4, path), (1, authority)))
    return PREFACE + frame(SETTINGS, 0, 0) + frame(HEADERS, END_STREAM | END_HEADERS, 1, fields)


def status_is_200(block):
    """Whether a header block begins with :status 200, changes of the dynamic table's size aside."""
    while block and block[0] & 0xE0 == 0x20:
        block = block[1:]
    return block[:1] == bytes([STATUS_200])


def take_response(connection, size):
    """Reads until stream 1 has ended; whether it is a whole 200 with `size` bytes."""
    buffer, good, received = b"", False, 0
    while True:
        while len(buffer) < 9 or len(buffer) < 9 + int.from_bytes(buffer[:3], "big"):
            more = connection.recv(65536)
            if not more:
                return False
            buffer += more
        length, kind, flags, stream = int.from_bytes(buffer[:3], "big"), buffer[3], buffer[4], int.from_bytes(buffer[5:9], "big")
        payload, buffer = buffer[9:9 + length], buffer[9 + length:]
        if kind == SETTINGS and not flags & ACK:
            connection.sendall(frame(SETTINGS, ACK, 0))
        if stream == 1 and kind == HEADERS:
            good = status_is_200(payload)
        elif stream == 1 and kind == DATA:
            received += length
        elif stream == 1 or kind == 7:  # RST_STREAM, GOAWAY
            return False
        if stream == 1 and flags & END_STREAM:
            return good and received == size


class Client:
    """Connections to one port. `session` of the last is what the next resumes, in each thread's own chain."""

    def __init__(self, port):
        self.port = port
        self.request = request(b"/1k", f"localhost:{port}".encode())
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname = False  # what a client spends is not what is measured
        self.context.verify_mode = ssl.CERT_NONE
        self.context.minimum_version = ssl.TLSVersion.TLSv1_3
        self.context.set_alpn_protocols(["h2"])

    def connect(self, session=None):
        """A connection that has had a whole answer, or None; whether it was resumed; microseconds."""
        begin = time.perf_counter()
        try:
            plain = socket.create_connection(("127.0.0.1", self.port), timeout=20)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = self.context.wrap_socket(plain, server_hostname="localhost", session=session)
            connection.sendall(self.request)
            if take_response(connection, 1024):
                return connection, connection.session_reused, (time.perf_counter() - begin) * 1e6
            connection.close()
        except OSError:
            pass
        return None, False, 0

    def chain(self, count, resume, kept=None):
        """`count` connections one after the other: the times of the good ones. `kept` takes the connections, else each is closed."""
        times, session = [], None
        for _ in range(count):
            connection, resumed, took = self.connect(session)
            if connection and (resumed or not resume or session is None):
                times.append(took)
            session = connection.session if connection and resume else None
            if connection and kept is None:
                connection.close()
            elif connection:
                kept.append(connection)
        return times


def still_open(connections):
    """How many have not been closed by the server."""
    count = 0
    for connection in connections:
        connection.setblocking(False)
        poll = select.poll()
        poll.register(connection, select.POLLRDHUP)
        count += not poll.poll(0)
    return count


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["handshakes", "hold"])
    parser.add_argument("port", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("--resume", action="store_true")
    chosen = parser.parse_args()
    client = Client(chosen.port)
    kept = [] if chosen.what == "hold" else None
    threads = 4
    shares = [chosen.count // threads + (i < chosen.count % threads) for i in range(threads)]
    begin = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        times = sum(pool.map(lambda share: client.chain(share, chosen.resume, kept), shares), [])
    print(json.dumps({"ok": len(times), "failed": chosen.count - len(times), "seconds": time.perf_counter() - begin,
                      "times": [round(took) for took in times]}), flush=True)
    if kept is not None:
        sys.stdin.read()
        print(json.dumps({"open": still_open(kept)}), flush=True)


if __name__ == "__main__":
    main()
