"""Pages and WebSockets through the gateway as Chromium sees them."""

import json

import pytest

from support.browser import Browser, Site, image, page
from support.environment import wait_until
from support.gateway import cluster, route
from support.websocket import WebSocketServer, websocket_backend

IMAGES = 50
# Each image has a width of its own: those that came are those that were asked for.
GALLERY = page("""
addEventListener('load', () => tell({
  widths: [...document.images].map(image => image.naturalWidth),
  protocols: performance.getEntriesByType('resource').map(entry => entry.nextHopProtocol),
  page: performance.getEntriesByType('navigation')[0].nextHopProtocol,
}));
""", "".join(f"<img src=/image/{width}>" for width in range(1, IMAGES + 1)))

# [kind, text]; of bytes the text is Latin-1.
MESSAGES = [["text", "x"], ["bytes", "\xff"], ["text", ""], ["text", "\u00fc\u20ac" * 32_768], ["bytes", "\x00\xfe\x80\n" * 16_384],
            ["bytes", ""], ["text", "last"]]
SOCKETS = 4
# Each socket sends all its messages at once, and closes when as many have come back. Chromium may give up the connection that brought
# the page, since settings of its own have come in late (its log: "Finished going away"); the fetch before the sockets opens another.
CHAT = page("""
const messages = MESSAGES;
const bytes = text => Uint8Array.from(text, letter => letter.charCodeAt(0));
const latin1 = buffer => Array.from(new Uint8Array(buffer), byte => String.fromCharCode(byte)).join('');
const chat = path => new Promise(over => {
  const socket = new WebSocket(`wss://${location.host}${path}`);
  const echoes = [];
  socket.binaryType = 'arraybuffer';
  socket.onopen = () => messages.forEach(([kind, text]) => socket.send(kind === 'text' ? text : bytes(text)));
  socket.onmessage = ({data}) => {
    echoes.push(typeof data === 'string' ? ['text', data] : ['bytes', latin1(data)]);
    if (echoes.length === messages.length) socket.close(1000, 'thanks');
  };
  socket.onclose = ({code, wasClean}) => over({echoes, code, wasClean});
});
addEventListener('load', async () => {
  await fetch('/nothing');
  tell(await Promise.all(Array.from({length: SOCKETS}, () => chat('/chat'))));
});
""".replace("MESSAGES", json.dumps(MESSAGES)).replace("SOCKETS", str(SOCKETS)))


def root(house):
    return f"https://localhost:{house.https.rsplit(':', 1)[1]}/"


@pytest.mark.parametrize("protocol, version", [("h2", "2"), ("http/1.1", "1.1")])
@pytest.mark.parametrize("blocks", [2, 1024])
def test_a_page_with_fifty_images_is_whole(gateway, certificates, tmp_path, protocol, version, blocks):
    pages = {"/": GALLERY} | {f"/image/{width}": image(width) for width in range(1, IMAGES + 1)}
    with Site(pages) as site, gateway(cluster("app", "http/1.1", site.address), listener={"protocols": [protocol]},
                                      memory={"budget": "64MiB", "blocks": blocks}) as house:
        with Browser(tmp_path, certificates, root(house)):
            seen = site.what_the_page_tells()
        assert seen["widths"] == list(range(1, IMAGES + 1))
        assert seen["protocols"] == [protocol] * IMAGES and seen["page"] == protocol
        lines = [line for line in house.access_log() if line["path"].startswith("/image/")]
        assert {(line["protocol"], line["status"], line["end"]) for line in lines} == {(version, 200, "complete")}


@pytest.mark.parametrize("protocols, opened", [(["h2", "http/1.1"], ("2", 200)), (["http/1.1"], ("1.1", 101))], ids=["h2", "http/1.1"])
@pytest.mark.parametrize("behind", ["http/1.1", "h2"])
@pytest.mark.parametrize("blocks", [2, 1024])
def test_messages_of_a_page_come_back_as_they_were(gateway, certificates, tmp_path, protocols, opened, behind, blocks):
    """In HTTP/2 the sockets are streams of the page's connection: Chromium has seen in its SETTINGS that extended CONNECT is taken
    (RFC 8441 §3). Else it would ask for them in HTTP/1.1, on connections of their own."""
    server = WebSocketServer() if behind == "http/1.1" else websocket_backend()
    with Site({"/": CHAT}) as site, server, gateway(
            cluster("page", "http/1.1", site.address), cluster("chat", behind, server.address),
            routes=[route("page"), route("chat", "/chat", websocket=True)],
            listener={"protocols": protocols}, memory={"budget": "64MiB", "blocks": blocks}) as house:
        with Browser(tmp_path, certificates, root(house)):
            seen = site.what_the_page_tells()
            lines = wait_until(lambda: chats(house), "a line of the access log for each socket")
        assert seen == [{"echoes": MESSAGES, "code": 1000, "wasClean": True}] * SOCKETS
        assert {(line["protocol"], line["status"]) for line in lines} == {opened}
        if protocols[0] == "h2":  # else Chromium closes the connection without TLS's close_notify
            assert {line["end"] for line in lines} == {"complete"}


def chats(house):
    lines = [line for line in house.access_log() if line["path"] == "/chat"]
    return lines if len(lines) == SOCKETS else None


def test_a_certificate_that_nobody_signed_is_refused_by_the_browser(gateway, certificates, other_certificates, tmp_path):
    """So the pages above are seen over TLS that the browser has checked."""
    with Site({"/": GALLERY}) as site, gateway(cluster("app", "http/1.1", site.address)) as house:
        with Browser(tmp_path, other_certificates, root(house)):
            wait_until(lambda: house.metrics()["gateway_handshakes_failed_total"] > 0, "the browser hangs up", 20)
        assert site.backend.requests() == 0
