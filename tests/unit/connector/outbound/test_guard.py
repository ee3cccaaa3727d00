"""Which address may be called, on whose word."""

import pytest

from connector.outbound.faults import OutboundRefused, Refusal
from connector.outbound.guard import Destination, clear
from connector.outbound.origins import NamedOrigin

PRIVATE = NamedOrigin.parse("http://10.1.2.3:8080", allow_http=True)
STRICT = NamedOrigin.parse("http://10.1.2.3:8080")
PUBLIC = NamedOrigin.parse("https://hospital.example")


def refusal(address: str, to: Destination) -> Refusal:
    with pytest.raises(OutboundRefused) as caught:
        clear(address, to)
    return caught.value.reason


def test_a_counterparty_may_name_any_public_https_address() -> None:
    to = Destination.of_counterparty(None)
    assert clear("https://elsewhere.example:8443/callback", to).private is False
    assert clear("https://93.184.216.34/callback", to).private is False


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("http://elsewhere.example/", Refusal.PLAIN_HTTP),
        ("https://127.0.0.1/", Refusal.NOT_PUBLIC),
        ("https://[::1]/", Refusal.NOT_PUBLIC),
        ("https://[::ffff:127.0.0.1]/", Refusal.NOT_PUBLIC),
        ("https://[64:ff9b::7f00:1]/", Refusal.NOT_PUBLIC),
        ("https://169.254.169.254/latest/meta-data", Refusal.NOT_PUBLIC),
        ("https://10.1.2.3:8080/", Refusal.NOT_PUBLIC),
    ],
)
def test_a_counterparty_may_not_name_an_inner_address(address: str, reason: Refusal) -> None:
    assert refusal(address, Destination.of_counterparty(PUBLIC)) is reason


def test_a_counterparty_may_name_exactly_its_registered_origin_even_when_private() -> None:
    to = Destination.of_counterparty(PRIVATE)
    assert clear("http://10.1.2.3:8080/dsp/2025-1/callback", to).private is True
    assert refusal("http://10.1.2.3:8081/dsp", to) is Refusal.PLAIN_HTTP
    assert refusal("https://10.1.2.3:8080/dsp", to) is Refusal.NOT_PUBLIC
    assert refusal("http://10.1.2.30:8080/dsp", to) is Refusal.PLAIN_HTTP


def test_plain_http_needs_the_entry_to_say_so() -> None:
    assert refusal("http://10.1.2.3:8080/x", Destination.of_counterparty(STRICT)) is Refusal.PLAIN_HTTP
    assert refusal("http://10.1.2.3:8080/x", Destination.of_operator(STRICT)) is Refusal.PLAIN_HTTP


def test_an_operators_destination_is_those_origins_and_no_other() -> None:
    to = Destination.of_operator(PUBLIC, PRIVATE)
    assert clear("https://hospital.example/x", to).private is True
    assert refusal("https://elsewhere.example/x", to) is Refusal.NOT_NAMED


def test_even_the_operator_cannot_name_a_metadata_service_or_a_translated_address() -> None:
    for text in ("http://169.254.169.254", "http://[::ffff:127.0.0.1]", "http://0.0.0.0", "http://[64:ff9b::7f00:1]"):
        named = NamedOrigin.parse(text, allow_http=True)
        assert refusal(f"{text}/x", Destination.of_operator(named)) is Refusal.NEVER


def test_a_destination_nobody_named_is_closed() -> None:
    assert refusal("https://hospital.example/", Destination.of_operator()) is Refusal.NOT_NAMED


def test_a_refusal_quotes_nothing_of_the_address() -> None:
    with pytest.raises(OutboundRefused) as caught:
        clear("http://patient-4711.example/?name=Paula", Destination.of_counterparty(None))
    assert "4711" not in repr(caught.value)
    assert "Paula" not in repr(caught.value)
