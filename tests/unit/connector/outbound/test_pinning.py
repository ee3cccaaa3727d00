"""A connection goes to an address that was checked, whatever the name says a moment later."""

import asyncio
import datetime
import ssl
from pathlib import Path

import httpcore2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connector.outbound.answer import Caps
from connector.outbound.client import Outbound
from connector.outbound.faults import OutboundRefused, Refusal, Unreachable, Why
from connector.outbound.guard import Destination
from connector.outbound.origins import NamedOrigin

ANYONE = Destination.of_counterparty(None)


class ChangingResolver:
    """Gives the next answer of its list each time it is asked."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append((host, port))
        return self.answers[min(len(self.asked), len(self.answers)) - 1]


class Detour(httpcore2.AsyncNetworkBackend):
    """Notes which address is dialled and connects to a local port instead, as the internet is not here."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.dialled: list[str] = []
        self._real = httpcore2.AnyIOBackend()

    async def connect_tcp(self, host: str, port: int, *rest: object, **named: object) -> httpcore2.AsyncNetworkStream:
        self.dialled.append(host)
        if host == "93.184.216.1":
            raise httpcore2.ConnectError
        return await self._real.connect_tcp("127.0.0.1", self.port)


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext, list[str]]:
    """A server context for hospital.example that notes the name asked for, and a client context that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hospital.example")])
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("hospital.example")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    chain = tmp_path / "chain.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=str(chain))
    server.load_cert_chain(chain)
    names: list[str] = []
    server.sni_callback = lambda _socket, asked, _context: names.append(asked)
    return server, client, names


async def test_the_connection_goes_to_the_checked_address_and_the_name_stays_in_sni_and_host(
    serving, reply, certificate
) -> None:
    server_tls, client_tls, names = certificate

    async def script(peer, head, body):
        return reply(b"{}", "200 OK", "connection: close")

    peer = await serving(script, ssl=server_tls)
    resolver = ChangingResolver(["93.184.216.34"], ["127.0.0.1"])
    dialer = Detour(peer.port)
    async with Outbound(tls=client_tls, resolver=resolver, dialer=dialer) as outbound:
        assert (await outbound.get("https://hospital.example/a", to=ANYONE)).ok
        assert (dialer.dialled, names) == (["93.184.216.34"], ["hospital.example"])
        assert resolver.asked == [("hospital.example", 443)]
        assert b"\r\nhost: hospital.example\r\n" in peer.heads[0].lower()
        with pytest.raises(OutboundRefused) as caught:
            await outbound.get("https://hospital.example/b", to=ANYONE)
    assert caught.value.reason is Refusal.NOT_PUBLIC
    assert (len(peer.heads), dialer.dialled) == (1, ["93.184.216.34"])


async def test_a_certificate_for_another_name_is_not_accepted(serving, reply, certificate) -> None:
    server_tls, client_tls, _ = certificate

    async def script(peer, head, body):
        return reply()

    peer = await serving(script, ssl=server_tls)
    resolver = ChangingResolver(["93.184.216.34"])
    async with Outbound(tls=client_tls, resolver=resolver, dialer=Detour(peer.port)) as outbound:
        with pytest.raises(Unreachable):
            await outbound.get("https://other.example/a", to=ANYONE)
    assert peer.heads == []


@pytest.mark.parametrize(
    "answer",
    [
        ["127.0.0.1"],
        ["93.184.216.34", "10.0.0.1"],
        ["93.184.216.34", "::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["not-an-address"],
    ],
)
async def test_one_bad_address_among_those_of_a_name_refuses_the_name(answer: list[str]) -> None:
    dialer = Detour(1)
    async with Outbound(resolver=ChangingResolver(answer), dialer=dialer) as outbound:
        with pytest.raises(OutboundRefused):
            await outbound.get("https://hospital.example/", to=ANYONE)
    assert dialer.dialled == []


async def test_a_connection_to_a_private_host_is_never_reused_for_an_address_a_stranger_named(serving, reply) -> None:
    async def script(peer, head, body):
        return reply()

    peer = await serving(script)
    resolver = ChangingResolver(["127.0.0.1"])
    named = NamedOrigin.parse(f"http://inside.example:{peer.port}", allow_http=True)
    async with Outbound(resolver=resolver) as outbound:
        assert (await outbound.get(f"{named.origin}/a", to=Destination.of_operator(named))).ok
        assert outbound.open_connections() == 1
        with pytest.raises(OutboundRefused):
            await outbound.get(f"https://inside.example:{peer.port}/a", to=ANYONE)
    assert len(peer.heads) == 1


async def test_the_next_checked_address_is_tried_when_the_first_does_not_answer(serving, reply, certificate) -> None:
    server_tls, client_tls, _ = certificate

    async def script(peer, head, body):
        return reply()

    peer = await serving(script, ssl=server_tls)
    resolver, dialer = ChangingResolver(["93.184.216.1", "93.184.216.34"]), Detour(peer.port)
    async with Outbound(tls=client_tls, resolver=resolver, dialer=dialer) as outbound:
        assert (await outbound.get("https://hospital.example/", to=ANYONE)).ok
    assert dialer.dialled == ["93.184.216.1", "93.184.216.34"]


async def test_a_name_that_does_not_resolve_may_be_tried_again() -> None:
    async def unknown(host: str, port: int) -> list[str]:
        raise OSError

    for resolver in (unknown, ChangingResolver([])):
        async with Outbound(resolver=resolver) as outbound:
            with pytest.raises(Unreachable) as caught:
                await outbound.get("https://hospital.example/", to=ANYONE)
        assert caught.value.reason is Why.NAME


async def test_a_resolver_that_never_answers_is_given_up(certificate) -> None:
    async def silent(host: str, port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    async with Outbound(resolver=silent, tls=certificate[1]) as outbound:
        with pytest.raises(Unreachable) as caught:
            await outbound.get("https://hospital.example/", to=ANYONE, caps=Caps(connect=0.01))
    assert caught.value.reason is Why.TIME


async def test_proxies_of_the_environment_are_not_asked(serving, reply, monkeypatch) -> None:
    async def script(peer, head, body):
        return reply()

    peer = await serving(script)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    named = NamedOrigin.parse(peer.origin, allow_http=True)
    async with Outbound() as outbound:
        assert (await outbound.get(f"{peer.origin}/", to=Destination.of_operator(named))).ok
