"""curl gets through to each kind of backend, and a backend that cannot prove its name is not talked to."""

import pytest

from support.curl import H2Load
from support.environment import scaled, wait_until
from support.gateway import cluster
from support.h1_backend import H1Backend
from support.h2_client import H2Client, connect, connect_tls, tls_context
from support.peers import Nghttpd, Nginx


def tls_cluster(server, ca, **more):
    return cluster("app", "h2", server.address, tls={"ca": ca, "server_name": "localhost", **more})


def test_curl_reaches_nginx_over_http_1_1(gateway, nginx):
    (nginx.files / "page").write_bytes(b"from nginx")
    with gateway(cluster("app", "http/1.1", nginx.address)) as house:
        answer = house.curl("/page")
        assert (answer.status, answer.version, answer.body) == (200, "2", b"from nginx")


def test_curl_reaches_nghttpd_over_cleartext_h2(gateway, nghttpd):
    (nghttpd.files / "page").write_bytes(b"from nghttpd")
    with gateway(cluster("app", "h2", nghttpd.address)) as house:
        answer = house.curl("/page")
        assert (answer.status, answer.version, answer.body) == (200, "2", b"from nghttpd")


def test_curl_reaches_nghttpd_over_verified_tls(gateway, nghttpd_tls, certificates):
    (nghttpd_tls.files / "page").write_bytes(b"from nghttpd over TLS")
    with gateway(tls_cluster(nghttpd_tls, certificates.ca)) as house:
        answer = house.curl("/page")
        assert (answer.status, answer.version, answer.body) == (200, "2", b"from nghttpd over TLS")


def test_curl_reaches_nginx_over_http_1_1_over_tls(gateway, tmp_path, certificates):
    with Nginx(tmp_path / "nginx", certificates) as nginx:
        secure = {"ca": certificates.ca, "server_name": "localhost"}
        with gateway(cluster("app", "http/1.1", nginx.address, tls=secure)) as house:
            assert house.curl("/hello").body == b"hello from nginx\n"


def test_the_cleartext_listener_serves_h2_with_prior_knowledge(gateway, nginx):
    with gateway(cluster("app", "http/1.1", nginx.address)) as house:
        answer = house.curl_cleartext("/hello")
        assert (answer.status, answer.version) == (200, "2")


def test_a_certificate_of_an_unknown_ca_is_502_and_a_line_in_the_log(gateway, nghttpd_tls, other_certificates):
    with gateway(tls_cluster(nghttpd_tls, other_certificates.ca)) as house:
        assert house.curl("/").status == 502
        house.wait_for_log(r"(?i).*certificate.*")


def test_a_certificate_for_another_name_is_502_and_a_line_in_the_log(gateway, nghttpd_tls, certificates):
    with gateway(tls_cluster(nghttpd_tls, certificates.ca, server_name="other.example")) as house:
        assert house.curl("/").status == 502
        house.wait_for_log(r"(?i).*(other\.example|hostname|name).*")


def test_without_a_ca_the_systems_store_decides(gateway, nghttpd_tls):
    with gateway(cluster("app", "h2", nghttpd_tls.address, tls={"server_name": "localhost"})) as house:
        assert house.curl("/").status == 502


def test_verification_can_be_switched_off_with_a_warning(gateway, nghttpd_tls, other_certificates):
    (nghttpd_tls.files / "unverified").write_bytes(b"unverified")
    with gateway(tls_cluster(nghttpd_tls, other_certificates.ca, verify=False)) as house:
        house.wait_for_log(r"(?i)warn.*verif.*|verif.*warn.*")
        assert house.curl("/unverified").body == b"unverified"


def test_a_backend_that_does_not_speak_h2_is_502(gateway, nginx):
    with gateway(cluster("app", "h2", nginx.address), timeouts={"response_header": "2s", "connect": "2s"}) as house:
        assert house.curl("/hello").status in (502, 504)


@pytest.mark.parametrize("kind", ["http/1.1", "h2", "h2 over TLS"])
def test_h2load_gets_nothing_but_2xx_twice(gateway, nginx, nghttpd, nghttpd_tls, certificates, kind):
    server = {"http/1.1": nginx, "h2": nghttpd, "h2 over TLS": nghttpd_tls}[kind]
    (server.files / "kilobyte").write_bytes(b"x" * 1024)
    backend = tls_cluster(server, certificates.ca) if "TLS" in kind else cluster("app", kind, server.address)
    with gateway(backend) as house:
        for _ in range(2):
            H2Load(f"https://{house.https}/kilobyte", scaled(10000, 1000), 50, 50).expect_all_2xx()


def test_an_rsa_certificate_serves_too(gateway, nginx, certificates):
    rsa = {"certificate": certificates.rsa_certificate, "key": certificates.rsa_key}
    with gateway(cluster("app", "http/1.1", nginx.address), tls=rsa) as house:
        assert house.curl("/hello").status == 200


def test_a_client_resumes_its_tls_session(gateway, nginx, certificates):
    with gateway(cluster("app", "http/1.1", nginx.address)) as house:
        context, session = tls_context(certificates), None
        for expected in (False, True):
            sock = context.wrap_socket(connect(house.https), server_hostname="localhost", session=session)
            client = H2Client(sock)
            assert client.fetch("/hello").status == 200
            assert (sock.version(), sock.session_reused) == ("TLSv1.3", expected)
            session = sock.session  # the ticket came before the answer
            client.close()


def test_nghttpd_behind_survives_many_connections_of_clients(gateway, tmp_path):
    with Nghttpd(tmp_path / "server") as server:
        (server.files / "page").write_bytes(b"x")
        with gateway(cluster("app", "h2", server.address)) as house:
            H2Load(f"https://{house.https}/page", 400, 200, 1).expect_all_2xx()


def test_a_request_leaves_before_what_came_behind_it_is_decoded(gateway, certificates):
    """Its cancellation comes in the same bytes, and would have kept it back."""
    lines = []

    def serve(connection):
        while request := connection.read_request():
            lines.append(request.line)
            connection.answer()
    with H1Backend(serve) as backend, gateway(cluster("app", "http/1.1", backend.address), workers=1) as house:
        client = H2Client(connect_tls(house.https, certificates))
        assert client.fetch("/first").status == 200  # its connection waits for the next one
        cancelled = client.h2.get_next_available_stream_id()
        client.h2.send_headers(cancelled, client.head("GET", "/cancelled"), end_stream=True)
        client.h2.reset_stream(cancelled)
        client.flush()
        assert client.fetch("/last").status == 200
        client.close()
        wait_until(lambda: len(lines) >= 3, "three requests")
        assert sorted(lines) == [f"GET /{path} HTTP/1.1" for path in ("cancelled", "first", "last")]
