"""One request and its answer: every status, TLS, what a server can do to a connection, and what is never shown."""

from __future__ import annotations

import datetime as dt
import gzip
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from erni_run.inside.delivery.transport import LOGS, METRICS, TRACES, Answer, Signal, open_transport
from erni_run.plan import ExportPlan
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tests.http2_peer import Peer, Talk
from tests.servers import Server, grpc_server

LONG = 30.0
REQUEST = b"request" * 100


def send(endpoint: str, protocol: str = "http/protobuf", timeout: float = LONG, **options: Any) -> Answer:
    return open_transport(ExportPlan(endpoint=endpoint, protocol=protocol, **options)).send(REQUEST, timeout)


KEPT = Answer()
HTTP = [
    (200, {}, Answer(delivered=True)),
    (202, {}, Answer(delivered=True)),
    (301, {"Location": "/otlp/v1/traces"}, "HTTP 301 Moved Permanently to {root}/otlp/v1/traces: set export.endpoint"),
    (302, {}, "HTTP 302 Found: check export.endpoint"),
    (
        307,
        {"Location": "https://c/x"},
        "HTTP 307 Temporary Redirect to https://c/x: set export.endpoint to that address",
    ),
    (
        308,
        {"Location": "https://u:hush@c/x?key=hush"},
        "HTTP 308 Permanent Redirect to https://c/x: set export.endpoint",
    ),
    (400, {}, Answer(refused=True, reason="HTTP 400 Bad Request")),
    (401, {}, "HTTP 401 Unauthorized: check export.headers"),
    (403, {}, "HTTP 403 Forbidden: check export.headers"),
    (404, {}, "HTTP 404 Not Found: check export.endpoint"),
    (405, {}, "HTTP 405 Method Not Allowed: check export.endpoint"),
    (408, {}, Answer(reason="HTTP 408 Request Timeout")),
    (413, {}, None),
    (415, {}, "HTTP 415 Unsupported Media Type: check export.endpoint"),
    (422, {}, None),
    (429, {"Retry-After": "7"}, Answer(retry_after=7, reason="HTTP 429 Too Many Requests")),
    (500, {}, Answer(reason="HTTP 500 Internal Server Error")),
    (502, {}, Answer(reason="HTTP 502 Bad Gateway")),
    (503, {}, Answer(reason="HTTP 503 Service Unavailable")),
    (504, {}, Answer(reason="HTTP 504 Gateway Timeout")),
    (599, {}, Answer(reason="HTTP 599")),
]


@pytest.mark.parametrize(("status", "headers", "expected"), HTTP, ids=[str(row[0]) for row in HTTP])
def test_http_status_says_what_to_do(status: int, headers: dict[str, str], expected: Answer | str | None) -> None:
    with Server(status, headers=headers).running() as server:
        answer = send(server.url)
    if isinstance(expected, Answer):
        assert answer == expected
    elif expected is None:
        assert (answer.too_large, answer.refused) == (status == 413, True)
    else:
        assert answer == Answer(misconfigured=True, reason=answer.reason)
        assert answer.reason.startswith(expected.format(root=server.url.removesuffix("/v1/traces")))
        assert "hush" not in answer.reason


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("0", 0, 0),
        ("12", 12, 12),
        ("86400", 300, 300),
        (dt.timedelta(seconds=100), 1, 100),
        (dt.timedelta(seconds=-100), 0, 0),
        (dt.timedelta(days=1), 300, 300),
        ("soon", 0, 0),
        ("-5", 0, 0),
        ("١٢", 0, 0),
    ],
)
def test_retry_after_is_followed_for_five_minutes_at_most(
    header: str | dt.timedelta, least: float, most: float
) -> None:
    if isinstance(header, dt.timedelta):
        header = format_datetime(dt.datetime.now(dt.UTC) + header, usegmt=True)
    with Server(503, headers={"Retry-After": header.encode().decode("latin-1")}).running() as server:
        assert least <= send(server.url).retry_after <= most


def _details(*messages: Any) -> bytes:
    status = Status(code=8)
    for message in messages:
        packed = AnyMessage()
        packed.Pack(message)
        status.details.append(packed)
    return bytes(status.SerializeToString())


WAIT_7 = RetryInfo(retry_delay=Duration(seconds=7, nanos=500_000_000))
DAY = RetryInfo(retry_delay=Duration(seconds=86400))
GRPC = [
    ("INVALID_ARGUMENT", (), Answer(refused=True)),
    ("UNAUTHENTICATED", (), Answer(misconfigured=True, reason="check export.headers")),
    ("PERMISSION_DENIED", (), Answer(misconfigured=True, reason="check export.headers")),
    ("UNIMPLEMENTED", (), Answer(misconfigured=True, reason="check export.endpoint")),
    ("RESOURCE_EXHAUSTED", (), Answer(too_large=True)),
    ("RESOURCE_EXHAUSTED", (("grpc-status-details-bin", _details()),), Answer(too_large=True)),
    ("RESOURCE_EXHAUSTED", (("grpc-status-details-bin", b"\xff\xff"),), Answer(too_large=True)),
    ("RESOURCE_EXHAUSTED", (("grpc-status-details-bin", _details(Status(), WAIT_7)),), Answer(retry_after=7.5)),
    ("RESOURCE_EXHAUSTED", (("google.rpc.retryinfo-bin", WAIT_7.SerializeToString()),), Answer(retry_after=7.5)),
    ("UNAVAILABLE", (("grpc-status-details-bin", _details(DAY)),), Answer(retry_after=300)),
    *((code, (), KEPT) for code in ("CANCELLED", "UNKNOWN", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS")),
    *((code, (), KEPT) for code in ("FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "INTERNAL", "DATA_LOSS")),
]


@pytest.mark.parametrize(("code", "trailers", "expected"), GRPC)
def test_grpc_status_says_what_to_do(code: str, trailers: tuple[Any, ...], expected: Answer) -> None:
    def refuse(_: str, __: bytes, context: grpc.ServicerContext) -> bytes:
        context.set_trailing_metadata(trailers)
        context.abort(grpc.StatusCode[code], "no")
        raise AssertionError

    with grpc_server(refuse) as endpoint:
        answer = send(endpoint, "grpc")
    advice = f": {expected.reason}" if expected.reason else ""
    assert answer == Answer(**{**vars(expected), "reason": f"{code} no{advice}"})


PARTIAL = ExportTraceServiceResponse()
PARTIAL.partial_success.rejected_spans = 3
PARTIAL.partial_success.error_message = "too old"
BODIES = [
    (b"", Answer(delivered=True)),
    (b"\n\0", Answer(delivered=True)),
    (PARTIAL.SerializeToString(), Answer(delivered=True, rejected=3, reason="too old")),
    (b'{"partialSuccess":{}}', Answer(delivered=True)),
    (b"OK", Answer(delivered=True)),
]


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
@pytest.mark.parametrize(("body", "expected"), BODIES)
def test_success_tells_how_many_were_rejected(protocol: str, body: bytes, expected: Answer) -> None:
    with Server(body=body).running() as server, grpc_server(lambda *_: body) as endpoint:
        assert send(endpoint if protocol == "grpc" else server.url, protocol) == expected


@pytest.mark.parametrize("compression", ["gzip", "none"])
def test_request_arrives_as_it_was_given(compression: str) -> None:
    sent: list[bytes] = []

    def take(_: str, request: bytes, __: Any) -> bytes:
        sent.append(request)
        return b""

    with Server().running() as server, grpc_server(take) as endpoint:
        for url, protocol in ((server.url, "http/protobuf"), (endpoint, "grpc")):
            plan = ExportPlan(endpoint=url, protocol=protocol, compression=compression, headers={"x-key": "1"})
            assert open_transport(plan).send(REQUEST, LONG) == Answer(delivered=True)
    ((_, headers, body),) = server.requests
    assert headers["content-type"] == "application/x-protobuf"
    assert headers["x-key"] == "1"
    assert ("content-encoding" in headers) == (compression == "gzip")
    assert (gzip.decompress(body) if "content-encoding" in headers else body) == REQUEST
    assert sent == [REQUEST]


@pytest.mark.parametrize(
    ("signal", "path", "method"),
    [
        (TRACES, "/x/v1/traces?key=a%20b", "/opentelemetry.proto.collector.trace.v1.TraceService/Export"),
        (METRICS, "/x/v1/metrics?key=a%20b", "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"),
        (LOGS, "/x/v1/logs?key=a%20b", "/opentelemetry.proto.collector.logs.v1.LogsService/Export"),
    ],
    ids=lambda value: value.name if isinstance(value, Signal) else "",
)
def test_each_signal_goes_to_its_own_address(signal: Signal, path: str, method: str) -> None:
    called: list[str] = []

    def take(method: str, *_: Any) -> bytes:
        called.append(method)
        return b""

    with Server().running() as server, grpc_server(take) as endpoint:
        url = server.url.replace("/v1/traces", "/x/v1/traces?key=a%20b")
        for plan in (ExportPlan(endpoint=url, protocol="http/protobuf"), ExportPlan(endpoint=endpoint)):
            assert open_transport(plan, signal).send(REQUEST, LONG).delivered
    assert [request[0] for request in server.requests] == [path]
    assert called == [method]


def test_metadata_arrives_over_grpc() -> None:
    """Binary values are configured as they travel, with their padding or without."""
    seen: list[dict[str, Any]] = []

    def take(_: str, __: bytes, context: grpc.ServicerContext) -> bytes:
        seen.append({**dict(context.invocation_metadata()), "left": context.time_remaining()})
        return b""

    headers = {"authorization": "Bearer a b", "x-a-bin": "AP+A", "x-b-bin": "YWI=", "x-c-bin": "YWI", "x-d-bin": ""}
    with grpc_server(take) as endpoint:
        assert send(endpoint, "grpc", headers=headers).delivered
        assert send(endpoint, "grpc", timeout=1e9, headers={"user-agent": "mine"}).delivered
    (first, second) = seen
    expected = {
        "authorization": "Bearer a b",
        "x-a-bin": b"\0\xff\x80",
        "x-b-bin": b"ab",
        "x-c-bin": b"ab",
        "x-d-bin": b"",
    }
    assert first == {**expected, "user-agent": first["user-agent"], "left": first["left"]}
    assert first["user-agent"].startswith("erni-run/")
    assert 0 < first["left"] <= LONG
    assert second["user-agent"] == "mine"


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_host_is_the_one_that_is_configured(protocol: str) -> None:
    def name(talk: Talk) -> None:
        talk.greet()
        talk.send(*talk.answer(talk.take()))

    headers = {"host": "otel.example"}
    with Server().running() as server, Peer(name).running() as peer:
        assert send(peer.endpoint if protocol == "grpc" else server.url, protocol, headers=headers).delivered
    sent = peer.talks[0].heads[0][":authority"] if protocol == "grpc" else server.requests[0][1]["host"]
    assert sent == "otel.example"


def test_deadline_of_the_server_is_ours() -> None:
    def wait(_: str, __: bytes, context: grpc.ServicerContext) -> bytes:
        gone = threading.Event()
        context.add_callback(gone.set)
        gone.wait()
        return b""

    with grpc_server(wait) as endpoint:
        answer = send(endpoint, "grpc", timeout=0.3)
    assert answer == Answer(reason=answer.reason)
    assert answer.reason.startswith(("TimeoutError: timed out", "DEADLINE_EXCEEDED", "CANCELLED"))


def test_server_that_is_restarted_is_found_again_over_grpc() -> None:
    """It says GOAWAY when it stops."""
    with grpc_server(lambda *_: b"") as endpoint:
        transport = open_transport(ExportPlan(endpoint=endpoint))
        assert transport.send(REQUEST, LONG).delivered
    for _ in range(2):
        with grpc_server(lambda *_: b"", address=endpoint.removeprefix("http://")):
            assert transport.send(REQUEST, LONG) == Answer(delivered=True)


def test_large_requests_and_answers_travel_over_grpc() -> None:
    def echo(_: str, request: bytes, __: Any) -> bytes:
        return request

    message = bytes(range(256)) * 8_000
    with grpc_server(echo) as endpoint:
        for compression in ("gzip", "none"):
            transport = open_transport(ExportPlan(endpoint=endpoint, compression=compression))
            assert all(transport.send(message, LONG) == Answer(delivered=True) for _ in range(3))


def test_unix_socket_is_spoken_to_over_grpc(tmp_path: Path) -> None:
    called: list[str] = []
    for address in (f"unix:{tmp_path}/a", f"unix://{tmp_path}/b", f"unix-abstract:{tmp_path}/c"):
        with grpc_server(lambda *_: called.append("") or b"", address=address):
            assert send(address, "grpc").delivered
    assert len(called) == 3


def test_address_of_traces_alone_tells_nothing_about_metrics() -> None:
    with pytest.raises(ValueError, match="no address for metrics"):
        open_transport(ExportPlan(endpoint="http://c/ingest", protocol="http/protobuf"), METRICS)


def _usage(*, is_authority: bool) -> x509.KeyUsage:
    """What CPython asks for since 3.13 (RFC 5280, 4.2.1.3)."""
    return x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


class Authority:
    """Signs certificates for 127.0.0.1 and ::1, and writes them as PEM files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test authority")])
        self.file = self._write("ca.pem", self._sign(self._name, self._key, is_authority=True))

    def issue(self, name: str) -> tuple[str, str]:
        """The files of a certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]), key)
        pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return self._write(f"{name}.pem", certificate), self._write(f"{name}.key", key.private_bytes(*pem))

    def _write(self, name: str, content: bytes) -> str:
        (self._folder / name).write_bytes(content)
        return str(self._folder / name)

    def _sign(self, subject: x509.Name, key: Any, *, is_authority: bool = False) -> bytes:
        now = dt.datetime.now(dt.UTC)
        hosts = [x509.IPAddress(ipaddress.ip_address(host)) for host in ("127.0.0.1", "::1")]
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(_usage(is_authority=is_authority), critical=True)
            .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@contextmanager
def secure(protocol: str, authority: Authority, *, asks: bool = False) -> Iterator[str]:
    """The endpoint of a TLS server; ``asks``: it wants to see a certificate of its authority."""
    certificate, key = authority.issue("server")
    if protocol == "grpc":
        files = [(Path(key).read_bytes(), Path(certificate).read_bytes())]
        root = Path(authority.file).read_bytes() if asks else None
        with grpc_server(lambda *_: b"", grpc.ssl_server_credentials(files, root, asks)) as endpoint:
            yield endpoint
        return
    server = Server()
    server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.tls.load_cert_chain(certificate, key)
    if asks:
        server.tls.load_verify_locations(authority.file)
        server.tls.verify_mode = ssl.CERT_REQUIRED
    with server.running():
        yield server.url


PROTOCOLS = pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])


@pytest.mark.parametrize("offered", [["http/1.1"], []])
def test_tls_server_without_http2_is_no_grpc_server(offered: list[str], authority: Authority) -> None:
    server = Server()
    server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.tls.load_cert_chain(*authority.issue("server"))
    if offered:
        server.tls.set_alpn_protocols(offered)
    with server.running():
        answer = send(server.url, "grpc", certificate=authority.file)
    assert answer == Answer(misconfigured=True, reason=answer.reason)
    assert answer.reason.startswith('the collector speaks no HTTP/2 there (ALPN "h2")')
    assert server.requests == []


@PROTOCOLS
def test_large_requests_travel_over_tls(protocol: str, authority: Authority) -> None:
    with secure(protocol, authority) as endpoint:
        transport = open_transport(
            ExportPlan(endpoint=endpoint, protocol=protocol, certificate=authority.file, compression="none")
        )
        assert all(transport.send(REQUEST * 3000, LONG) == Answer(delivered=True) for _ in range(3))


@PROTOCOLS
def test_tls_trusts_the_named_authority_alone(protocol: str, authority: Authority, tmp_path: Path) -> None:
    with secure(protocol, authority) as endpoint:
        assert send(endpoint, protocol, certificate=authority.file) == Answer(delivered=True)
        for wrong in ("", Authority(tmp_path / "other").file):
            answer = send(endpoint, protocol, certificate=wrong)
            assert (answer.delivered, answer.refused, answer.misconfigured) == (False, False, True)
            assert "set export.certificate to the authority" in answer.reason


@PROTOCOLS
def test_mutual_tls_shows_our_certificate(protocol: str, authority: Authority) -> None:
    certificate, key = authority.issue("client")
    both = Path(certificate).with_name("both.pem")
    both.write_bytes(Path(certificate).read_bytes() + Path(key).read_bytes())
    with secure(protocol, authority, asks=True) as endpoint:
        ours = {"client_certificate": certificate, "client_key": key}
        assert send(endpoint, protocol, certificate=authority.file, **ours) == Answer(delivered=True)
        assert send(endpoint, protocol, certificate=authority.file, client_certificate=str(both)).delivered
        answer = send(endpoint, protocol, certificate=authority.file)
        assert (answer.delivered, answer.refused, answer.too_large) == (False, False, False)


@PROTOCOLS
def test_certificate_file_is_looked_for_again(protocol: str, authority: Authority, tmp_path: Path) -> None:
    later = tmp_path / "later.pem"
    with secure(protocol, authority) as endpoint:
        transport = open_transport(ExportPlan(endpoint=endpoint, protocol=protocol, certificate=str(later)))
        missing = transport.send(REQUEST, LONG)
        later.write_text("no certificate")
        useless = transport.send(REQUEST, LONG)
        later.write_bytes(Path(authority.file).read_bytes())
        assert transport.send(REQUEST, LONG) == Answer(delivered=True)
    for answer in (missing, useless):
        assert (answer.misconfigured, answer.delivered) == (True, False)
        assert answer.reason.startswith("export.certificate: ")
    assert str(later) in missing.reason


def test_key_with_a_password_does_not_ask_on_the_terminal(authority: Authority, tmp_path: Path) -> None:
    certificate, key = authority.issue("client")
    secret = tmp_path / "secret.key"
    private = serialization.load_pem_private_key(Path(key).read_bytes(), None)
    encryption = serialization.BestAvailableEncryption(b"hush")
    secret.write_bytes(private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption))
    answer = send("https://127.0.0.1:1", client_certificate=certificate, client_key=str(secret))
    assert answer.misconfigured
    assert "protected by a password" in answer.reason


def test_http_connection_is_kept() -> None:
    with Server().running() as server:
        transport = open_transport(ExportPlan(endpoint=server.url, protocol="http/protobuf"))
        assert all(transport.send(REQUEST, LONG).delivered for _ in range(5))
        assert (len(server.requests), server.connections) == (5, 1)


def test_connection_that_the_server_has_closed_is_opened_anew() -> None:
    server = Server()
    server.is_generous = False
    with server.running():
        transport = open_transport(ExportPlan(endpoint=server.url, protocol="http/protobuf"))
        assert all(transport.send(REQUEST, LONG).delivered for _ in range(3))
        assert (len(server.requests), server.connections) == (3, 3)


def test_connection_that_the_server_closes_instead_of_answering_is_no_success() -> None:
    server = Server()
    server.answer = lambda handler: handler.connection.shutdown(socket.SHUT_RDWR)  # type: ignore[method-assign]  # a server of this test's own
    with server.running():
        answer = send(server.url)
    assert answer == Answer(reason=answer.reason)
    assert answer.reason.startswith("RemoteDisconnected")


def test_answer_before_the_end_of_the_request_counts() -> None:
    """As of a proxy that has read how long a body will be."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            with listener.accept()[0] as connection:
                while b"\r\n\r\n" not in connection.recv(65_536):
                    continue
                connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

        thread = threading.Thread(target=refuse)
        thread.start()
        plan = ExportPlan(
            endpoint=f"http://127.0.0.1:{listener.getsockname()[1]}", protocol="http/protobuf", compression="none"
        )
        answer = open_transport(plan).send(b"x" * 20_000_000, LONG)
        thread.join()
    assert answer == Answer(refused=True, too_large=True, reason=answer.reason)


def test_answer_of_a_server_that_speaks_grpc_is_not_shown() -> None:
    server = Server()
    settings = b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + b"\x00" * 18 + b"\n"
    server.answer = lambda handler: handler.wfile.write(settings)  # type: ignore[method-assign]  # a server of this test's own
    with server.running():
        answer = send(server.url)
    reason = 'the answer is not HTTP; port 4317 is usually for protocol = "grpc", 4318 for HTTP'
    assert answer == Answer(reason=reason)


class Slow(Server):
    """Drips for ever, byte by byte: ``before`` the status line is through, or in the body after it."""

    def __init__(self, *, before: bool) -> None:
        super().__init__()
        self._before = before

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        start = b"HTTP/1.1 " if self._before else b"HTTP/1.1 200 OK\r\n\r\n"
        handler.wfile.write(start)
        stop = threading.Event()
        while not stop.wait(0.01):
            handler.wfile.write(b" ")


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("before", [True, False])
def test_server_that_drips_is_cut_off(before: bool, tls: bool, authority: Authority) -> None:
    server = Slow(before=before)
    if tls:
        server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.tls.load_cert_chain(*authority.issue("server"))
    with server.running():
        transport = open_transport(
            ExportPlan(endpoint=server.url, protocol="http/protobuf", certificate=authority.file)
        )
        for _ in range(2):  # a connection that was cut off is not used again
            answer = transport.send(REQUEST, 0.3)
            assert answer == Answer(delivered=not before, reason=answer.reason)
            assert answer.reason.startswith("TimeoutError: ") == before
        assert server.connections == 2


def test_answer_without_end_is_not_read() -> None:
    server = Server()
    server.answer = lambda handler: _pour(handler)  # type: ignore[method-assign]  # a server of this test's own
    with server.running():
        assert send(server.url) == Answer(delivered=True)


def _pour(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        handler.wfile.write(b"\xff" * 65536)


@PROTOCOLS
def test_server_that_accepts_and_says_nothing_costs_the_timeout(protocol: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        answer = send(f"http://127.0.0.1:{silent.getsockname()[1]}", protocol, timeout=0.3)
    assert answer == Answer(reason=answer.reason)
    assert answer.reason.startswith(("TimeoutError: timed out", "DEADLINE_EXCEEDED"))


def test_collector_that_is_back_is_found_at_the_next_try_over_grpc() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    transport = open_transport(ExportPlan(endpoint=f"http://127.0.0.1:{port}"))
    assert all("ConnectionRefusedError" in transport.send(REQUEST, LONG).reason for _ in range(10))
    with grpc_server(lambda *_: b"", address=f"127.0.0.1:{port}"):
        assert transport.send(REQUEST, LONG) == Answer(delivered=True)


@PROTOCOLS
def test_proxies_are_not_used(protocol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with Server().running() as server, grpc_server(lambda *_: b"") as endpoint:
        assert send(endpoint if protocol == "grpc" else server.url, protocol).delivered


def _has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.skipif(not _has_ipv6(), reason="this machine has no IPv6 loopback")
@pytest.mark.parametrize("zone", ["", "%25lo", "%lo", "%251"])
@PROTOCOLS
def test_ipv6_address_is_understood(protocol: str, zone: str) -> None:
    with Server().running("::1") as server, grpc_server(lambda *_: b"", address="[::1]:0") as endpoint:
        url = endpoint if protocol == "grpc" else server.url
        assert send(url.replace("[::1]", f"[::1{zone}]"), protocol).delivered
    if protocol == "http/protobuf":
        assert server.requests[0][1]["host"] == url.split("/")[2]  # a zone is nobody else's business


@PROTOCOLS
def test_zone_that_is_not_there_is_said(protocol: str) -> None:
    answer = send("http://[fe80::1%25nowhere]:4317/v1/traces", protocol)
    assert answer == Answer(reason=answer.reason)
    assert answer.reason != ""


@pytest.mark.parametrize(
    ("protocol", "header"),
    [
        ("grpc", ("x-key", "hush\r\nx: y")),
        ("grpc", ("x key", "hush")),
        ("grpc", ("x-key", "hush€")),
        ("grpc", ("x-key-bin", "hush!")),
        ("grpc", ("x-key-bin", "hushh")),
        ("http/protobuf", ("x-key", "hush\r\nx: y")),
        ("http/protobuf", ("x-key", "hush€")),
    ],
)
def test_header_that_cannot_be_sent_is_said_without_its_value(protocol: str, header: tuple[str, str]) -> None:
    with Server().running() as server, grpc_server(lambda *_: b"") as endpoint:
        answer = send(endpoint if protocol == "grpc" else server.url, protocol, headers=dict([header]))
    assert answer.misconfigured
    assert "check export.headers" in answer.reason
    assert "hush" not in answer.reason


@pytest.mark.parametrize("error", [TimeoutError, OSError, ValueError])
def test_exception_of_the_applications_signal_handler_goes_through(error: type[Exception]) -> None:
    import signal

    def handler(*_: Any) -> None:
        raise error("of the application")

    before = signal.signal(signal.SIGALRM, handler)
    try:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            with pytest.raises(error, match="of the application"):
                send(f"http://127.0.0.1:{silent.getsockname()[1]}")
    finally:
        signal.signal(signal.SIGALRM, before)
