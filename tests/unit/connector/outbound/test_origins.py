"""Addresses are read strictly, or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.outbound.faults import OutboundRefused, Refusal
from connector.outbound.idn import to_ascii
from connector.outbound.origins import Origin, canonical

HOSTILE = [
    ("", Refusal.ADDRESS),
    ("example.org", Refusal.ADDRESS),
    ("//example.org/x", Refusal.ADDRESS),
    ("https:/example.org", Refusal.ADDRESS),
    ("https:example.org", Refusal.ADDRESS),
    (" https://example.org", Refusal.ADDRESS),
    ("https://exa mple.org", Refusal.ADDRESS),
    ("https://example.org/\r\nX: y", Refusal.ADDRESS),
    ("https://exam\tple.org", Refusal.ADDRESS),
    ("https://example.org/\x00", Refusal.ADDRESS),
    ("https://example.org/\u202e", Refusal.ADDRESS),
    ("https://b\u00fccher.example/\u00e4", Refusal.ADDRESS),
    ("https://" + "a" * 3000 + ".org", Refusal.ADDRESS),
    ("file:///etc/passwd", Refusal.SCHEME),
    ("ftp://example.org", Refusal.SCHEME),
    ("gopher://example.org", Refusal.SCHEME),
    ("unix:///run/x.sock", Refusal.SCHEME),
    ("https://good.example@evil.example", Refusal.USERINFO),
    ("https://user:pass@example.org", Refusal.USERINFO),
    ("https://@example.org", Refusal.USERINFO),
    ("https://example.org#@evil.example", Refusal.FRAGMENT),
    ("https://example.org/#", Refusal.FRAGMENT),
    ("https://example.org\\@evil.example", Refusal.BACKSLASH),
    ("https:\\\\example.org", Refusal.BACKSLASH),
    ("https://example.org:", Refusal.PORT),
    ("https://example.org:0", Refusal.PORT),
    ("https://example.org:00443", Refusal.PORT),
    ("https://example.org:65536", Refusal.PORT),
    ("https://example.org:+443", Refusal.PORT),
    ("https://example.org:-1", Refusal.PORT),
    ("https://example.org:４４３", Refusal.ADDRESS),
    ("https://example.org:443:443", Refusal.PORT),
    ("https://", Refusal.HOST),
    ("https://:443", Refusal.HOST),
    ("https://.", Refusal.HOST),
    ("https://example.org.", Refusal.HOST),
    ("https://example..org", Refusal.HOST),
    ("https://-example.org", Refusal.HOST),
    ("https://exa_mple.org", Refusal.HOST),
    ("https://ex%61mple.org", Refusal.HOST),
    ("https://127.0.0.1%2eevil.example", Refusal.HOST),
    ("https://" + "a" * 64 + ".org", Refusal.HOST),
    ("https://127.1", Refusal.HOST),
    ("https://0x7f.1", Refusal.HOST),
    ("https://0x7f000001", Refusal.HOST),
    ("https://2130706433", Refusal.HOST),
    ("https://0177.0.0.1", Refusal.HOST),
    ("https://127.0.0.01", Refusal.HOST),
    ("https://127.0.0.0x1", Refusal.HOST),
    ("https://0", Refusal.HOST),
    ("https://256.1.1.1", Refusal.HOST),
    ("https://1.2.3.4.5", Refusal.HOST),
    ("https://[::1", Refusal.HOST),
    ("https://[::1]x", Refusal.HOST),
    ("https://[fe80::1%25eth0]", Refusal.HOST),
    ("https://[fe80::1%eth0]", Refusal.HOST),
    ("https://[127.0.0.1]", Refusal.HOST),
    ("https://[v1.x]", Refusal.HOST),
    ("https://::1", Refusal.HOST),
    ("https://xn--a\u00e4.example", Refusal.HOST),
]


@pytest.mark.parametrize(("address", "reason"), HOSTILE)
def test_a_hostile_address_is_refused_for_its_reason(address: str, reason: Refusal) -> None:
    with pytest.raises(OutboundRefused) as caught:
        canonical(to_ascii(address))
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    ("address", "same_as"),
    [
        ("HTTPS://Example.ORG", "https://example.org:443/"),
        ("https://example.org/a/b?c=d", "https://example.org"),
        ("http://localhost:80", "http://localhost"),
        ("https://[2001:DB8::0:1]:443/x", "https://[2001:db8::1]"),
        ("https://b\u00fccher.example", "https://xn--bcher-kva.example"),
        ("https://\uff11\uff12\uff17.0.0.1", "https://127.0.0.1"),
        ("https://example\u3002org", "https://example.org"),
    ],
)
def test_two_spellings_of_one_origin_are_equal(address: str, same_as: str) -> None:
    assert Origin.parse(to_ascii(address)) == Origin.parse(same_as)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://example.org", "https://example.org.evil.example"),
        ("https://example.org", "http://example.org"),
        ("https://example.org", "https://example.org:8443"),
        ("https://example.org", "https://example.or"),
        ("https://127.0.0.1:8001", "https://127.0.0.1:800"),
    ],
)
def test_an_origin_is_never_equal_by_prefix(one: str, other: str) -> None:
    assert Origin.parse(one) != Origin.parse(other)


def test_path_and_query_are_sent_as_given() -> None:
    origin, address = canonical("https://EXAMPLE.org:443/a%20b/c?d=%C3%A4&e")
    assert (str(origin), address) == ("https://example.org", "https://example.org/a%20b/c?d=%C3%A4&e")


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_and_reading_is_stable(text: str) -> None:
    for address in (text, f"https://{text}", f"http://{text}/x"):
        try:
            origin, spelled = canonical(to_ascii(address))
        except OutboundRefused:
            continue
        assert canonical(spelled) == (origin, spelled)
