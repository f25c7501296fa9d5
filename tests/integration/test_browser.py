"""Pages through the gateway as Chromium sees them."""

import pytest

from support.browser import Browser, Site, image, page
from support.environment import wait_until
from support.gateway import cluster

IMAGES = 50
# Each image has a width of its own: those that came are those that were asked for.
GALLERY = page("""
addEventListener('load', () => tell({
  widths: [...document.images].map(image => image.naturalWidth),
  protocols: performance.getEntriesByType('resource').map(entry => entry.nextHopProtocol),
  page: performance.getEntriesByType('navigation')[0].nextHopProtocol,
}));
""", "".join(f"<img src=/image/{width}>" for width in range(1, IMAGES + 1)))


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


def test_a_certificate_that_nobody_signed_is_refused_by_the_browser(gateway, certificates, other_certificates, tmp_path):
    """So the pages above are seen over TLS that the browser has checked."""
    with Site({"/": GALLERY}) as site, gateway(cluster("app", "http/1.1", site.address)) as house:
        with Browser(tmp_path, other_certificates, root(house)):
            wait_until(lambda: house.metrics()["gateway_handshakes_failed_total"] > 0, "the browser hangs up", 20)
        assert site.backend.requests() == 0
