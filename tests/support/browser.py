"""Chromium without a screen, and the site whose pages it shows: what a page saw it tells with POST /told."""

import base64
import json
import os
import random
import signal
import struct
import subprocess
import zlib

from support.environment import wait_until
from support.h1_backend import H1Backend
from support.process import Process

OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-proxy-server",
           "--disable-background-networking", "--disable-component-update", "--disable-extensions")
ROWS = 400


class Browser:
    """Shows one page until the context is left. Of all certificates that nobody signed it trusts the gateway's alone, by its key."""

    def __init__(self, directory, certificates, url):
        self.process = Process(
            ["setsid", "chromium", *OPTIONS, f"--user-data-dir={directory / 'profile'}",
             f"--ignore-certificate-errors-spki-list={key_digest(certificates.certificate)}", url], directory / "chromium.log")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)  # its renderers too; they are of no group but its own
        except ProcessLookupError:
            pass
        self.process.kill()


def key_digest(certificate):
    """SHA-256 of the public key of a PEM file (SubjectPublicKeyInfo), in base64."""
    def openssl(*arguments, **more):
        return subprocess.run(["openssl", *arguments], capture_output=True, check=True, **more).stdout
    key = openssl("pkey", "-pubin", "-outform", "DER", input=openssl("x509", "-in", certificate, "-noout", "-pubkey"))
    return base64.b64encode(openssl("dgst", "-sha256", "-binary", input=key)).decode()


class Site:
    """An HTTP/1.1 backend with `pages`: path to (content type, bytes). A context manager; `address` is the backend's."""

    def __init__(self, pages):
        self.pages = pages
        self.told = []
        self.backend = H1Backend(self._serve)
        self.address = self.backend.address

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.backend.__exit__()

    def what_the_page_tells(self):
        return wait_until(lambda: self.told, "what the page saw", 20)[0]

    def _serve(self, connection):
        while request := connection.read_request():
            method, path, _ = request.line.split(" ")
            if method == "POST" and path == "/told":
                connection.answer()
                self.told.append(json.loads(request.body))
            elif path in self.pages:
                kind, body = self.pages[path]
                connection.answer(body, fields=f"Content-Type: {kind}\r\n")
            else:
                connection.answer(status="404 Not Found")


def page(script, body=""):
    """An entry of `pages` that runs a script; there tell(what) sends an object to the site."""
    return "text/html", f"""<!doctype html><title>test</title>{body}<script>
function tell(what) {{ return fetch('/told', {{method: 'POST', body: JSON.stringify(what)}}); }}
{script}</script>""".encode()


def image(width):
    """An entry of `pages`: a PNG of ROWS rows of noise, as wide as that, by which a page knows it again."""
    def chunk(kind, data):
        return struct.pack("!I", len(data)) + kind + data + struct.pack("!I", zlib.crc32(kind + data))
    head = struct.pack("!IIBBBBB", width, ROWS, 8, 0, 0, 0, 0)
    noise = random.Random(width)
    rows = b"".join(b"\0" + noise.randbytes(width) for _ in range(ROWS))
    return "image/png", (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows))
                         + chunk(b"IEND", b""))
