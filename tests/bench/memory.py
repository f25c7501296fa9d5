"""What idle connections and header bombs take (scenarios B1 and B2), as figures.

    PYTHONPATH=tests python3 tests/bench/memory.py [b1] [b2] [--connections 10000] [--only gateway,nginx]

B1: TLS connections that speak h2 and then nothing: KiB of each, resident and by the gateway's ledger. B2: 100 connections x 100 GETs
with heads that grow in memory, and windows at zero, sent to the gateway and to the Debian packages of nghttpx, HAProxy, nginx and H2O
that are here, one at a time: the most that was resident, and what a good client gets meanwhile.
"""

import argparse
import contextlib
import pathlib
import resource
import tempfile
import time

from bench.peers import proxies
from bench.peers.machine import family
from support.certificates import make_certificates
from support.curl import Curl
from support.environment import PATIENCE, wait_until
from support.gateway import Gateway, cluster
from support.h2_client import PREFACE, SETTINGS_TYPE, H2Client, connect, connect_tls, frame, tls_context
from support.h2_peer import Closed
from support.header_bombs import BOMBS, throw_bombs
from support.peers import Nginx

KIB, MIB = 1 << 10, 1 << 20
BUDGET = 64 * MIB  # B2
BAD_CONNECTIONS, STREAMS = 100, 100  # all of the proxies let a client open so many streams
SECONDS_OF_ATTACK = 20
TIMEOUT = 10  # seconds, of one request of a good client


def resident(pid, peak=False):
    """Bytes, of the process and its descendants; `peak`: the most of each since it started."""
    field, total = "VmHWM:" if peak else "VmRSS:", 0
    for process in family(pid):
        lines = pathlib.Path(f"/proc/{process}/status").read_text().splitlines()
        total += sum(int(line.split()[1]) * KIB for line in lines if line.startswith(field))
    return total


# ---- B1 ----

def accounts(house):
    """Bytes by who holds them, as /metrics tells; `used` is what admission goes by."""
    samples = house.metrics()
    told = {name.split('"')[1]: value for name, value in samples.items() if name.startswith("gateway_memory_bytes{")}
    return {**told, "used": samples["gateway_memory_used_bytes"]}


def b1(root, certificates, count):
    with Gateway(root, certificates, [{"name": "demo", "protocol": "demo"}], workers=2,
                 memory={"budget": "2GiB", "blocks": 1024}) as house:
        assert house.curl("/bytes/1000").status == 200
        before, rss = accounts(house), house.memory()
        context = tls_context(certificates)
        idle = []
        for _ in range(count):
            client = context.wrap_socket(connect(house.https), server_hostname="localhost")
            client.sendall(PREFACE + frame(SETTINGS_TYPE) + frame(SETTINGS_TYPE, flags=1))
            idle.append(client)
        wait_until(lambda: house.metrics()["gateway_connections_open"] > count, "all are open")
        time.sleep(2)  # so that the keeper has measured; no figure depends on how long
        after, peak = accounts(house), house.memory()
        parts = {name: (after[name] - before[name]) / count / KIB for name in after}
        used = parts.pop("used")
        print(f"B1 {count} idle TLS connections: {(peak - rss) / count / KIB:.1f} KiB resident each, {used:.1f} KiB charged: "
              + ", ".join(f"{name} {kib:.1f}" for name, kib in parts.items()), flush=True)
        begin = time.monotonic()
        assert house.curl("/bytes/100000").status == 200
        print(f"   a GET of 100 kB beside them: {1000 * (time.monotonic() - begin):.0f} ms with curl's start and handshake")
        for client in idle:
            client.close()


# ---- B2 ----

@contextlib.contextmanager
def ours(directory, certificates, origin):
    memory = {"budget": BUDGET, "blocks": 1024}
    with Gateway(directory, certificates, [cluster("app", "http/1.1", origin)], workers=1, memory=memory) as house:
        yield house.https, house.pid


@contextlib.contextmanager
def peer(name, directory, certificates, origin):
    with proxies.running(name, directory, certificates, origin, "h1") as proxy:
        yield f"127.0.0.1:{proxy.port}", proxy.pid


def attack(address, certificates, bomb):
    """The sockets of those who throw; who is turned away is not among them."""
    context, bad = tls_context(certificates), []
    for _ in range(BAD_CONNECTIONS):
        with contextlib.suppress(OSError):
            bad.append(context.wrap_socket(connect(address), server_hostname="localhost"))
            throw_bombs(bad[-1], b"/page", bomb, STREAMS)
    return bad


def known(client):
    """Whether a client that was connected before gets an answer."""
    try:
        return client.fetch("/page", seconds=TIMEOUT / PATIENCE).status == 200
    except (OSError, AssertionError, Closed):
        return False


def new(address, certificates):
    url = f"https://localhost:{address.rsplit(':', 1)[1]}/page"
    return Curl(url, "--http2", "--cacert", certificates.ca, timeout=TIMEOUT / PATIENCE).status == 200


def be_good(asks):
    """For as long as the attack goes on, by each of `asks` in turn: "answered of asked, the slowest"."""
    begin, told = time.monotonic(), [[] for _ in asks]
    while time.monotonic() < begin + SECONDS_OF_ATTACK:
        for ask, times in zip(asks, told):
            asked_at = time.monotonic()
            times.append(time.monotonic() - asked_at if ask() else None)
        time.sleep(0.1)
    return [f"{len(good)} of {len(times)} answered, the slowest in {max(good, default=0):.2f} s"
            for times in told for good in [[t for t in times if t is not None]]]


def b2(root, certificates, only):
    # What every proxy lets in by default, and what only some do.
    bombs = {"references to a field of 4 kB, 12 kB a head": ((b"x", b"v" * 4000), 3), **BOMBS}
    with Nginx(root / "origin") as origin:
        (origin.files / "page").write_bytes(b"x" * 100_000)
        for number, (name, bomb) in enumerate(bombs.items()):
            print(f"B2 {name}, {BAD_CONNECTIONS} connections x {STREAMS} streams", flush=True)
            for kind in proxies.available():
                if only and kind not in only:
                    continue
                directory = root / f"{kind}{number}"
                directory.mkdir()
                run = ours if kind == proxies.OURS else lambda *parts, kind=kind: peer(kind, *parts)
                with run(directory, certificates, origin.address) as (address, pid):
                    before = resident(pid)
                    client = H2Client(connect_tls(address, certificates))
                    client.fetch("/page")
                    bad = attack(address, certificates, bomb)
                    one, others = be_good([lambda: known(client), lambda: new(address, certificates)])
                    print(f"   {kind:8} resident {before / MIB:.0f} MiB before, {resident(pid, peak=True) / MIB:.0f} MiB at most; "
                          f"a client from before: {one}; new clients: {others}", flush=True)
                    client.close()
                    for sock in bad:
                        sock.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", default=["b1", "b2"])
    parser.add_argument("--connections", type=int, default=10000)
    parser.add_argument("--only", help="names of proxies, separated by commas")
    chosen = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # the gateway inherits it
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        certificates = make_certificates(root / "certificates")
        if "b1" in chosen.what:
            (root / "b1").mkdir()
            b1(root / "b1", certificates, chosen.connections)
        if "b2" in chosen.what:
            b2(root, certificates, chosen.only and chosen.only.split(","))


if __name__ == "__main__":
    main()
