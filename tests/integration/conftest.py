"""What every test of the program gets."""

import contextlib

import pytest

from support.certificates import make_certificates
from support.empty_pool import FEW, LARGE, Holder
from support.gateway import Gateway, cluster
from support.peers import Nghttpd, Nginx


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """The test CA's, for localhost."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def other_certificates(tmp_path_factory):
    """The same names, signed by a CA that nobody knows."""
    return make_certificates(tmp_path_factory.mktemp("other_certificates"))


@pytest.fixture
def gateway(tmp_path, certificates):
    """Starts gateways: gateway(cluster(...), ..., workers=1, timeouts={...}) is a context manager; see Gateway."""
    def start(*clusters, **options):
        return Gateway(tmp_path, certificates, list(clusters), **options)
    return start


@pytest.fixture(params=["grpcio", "grpc-js"])
def grpc_service(request, tmp_path):
    """Makes the gRPC service of support/grpc_service.py by either library: grpc_service(party=0) is a context manager."""
    def make(party=0):
        if request.param == "grpcio":
            from support.grpc_service import GrpcService
            return GrpcService(party)
        from support.grpc_js import GrpcJsService
        return GrpcJsService(tmp_path, party)
    return make


@pytest.fixture(scope="module")
def nginx(tmp_path_factory):
    with Nginx(tmp_path_factory.mktemp("nginx")) as server:
        yield server


@pytest.fixture(scope="module")
def nghttpd(tmp_path_factory):
    with Nghttpd(tmp_path_factory.mktemp("nghttpd")) as server:
        yield server


@pytest.fixture(scope="module")
def nghttpd_tls(tmp_path_factory, certificates):
    with Nghttpd(tmp_path_factory.mktemp("nghttpd_tls"), certificates) as server:
        yield server


@pytest.fixture(scope="module")
def nghttpd_narrow(tmp_path_factory):
    """It lets a connection have two streams at a time."""
    with Nghttpd(tmp_path_factory.mktemp("nghttpd_narrow"), options=("--max-concurrent-streams=2",)) as server:
        yield server


@pytest.fixture
def held(gateway, certificates, nginx):
    """held(timeouts, ...): a gateway whose blocks for responses are held, and who holds them. /large is there."""
    (nginx.files / "large").write_bytes(b"x" * LARGE)

    @contextlib.contextmanager
    def start(timeouts, holders=8, **more):
        with gateway(cluster("app", "http/1.1", nginx.address, max_connections=2000), workers=1, memory=FEW,
                     timeouts={"stall": "60s", **timeouts}, listener={"max_concurrent_streams": 1000}, **more) as house:
            holder = Holder(house, certificates, holders)
            try:
                yield house, holder
            finally:
                holder.close()
    return start
