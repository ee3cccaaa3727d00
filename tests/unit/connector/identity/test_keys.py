"""Public keys, thumbprints and fingerprints."""

import re

import pytest

from connector.identity.keys import (
    KeyProblem,
    checked,
    fingerprint,
    jwk_of_ed25519,
    public_key,
    read_fingerprint,
    shown,
    thumbprint,
)
from connector.identity.people.passing_key import PassingKey

# RFC 8037, appendix A.2 and A.3.
RFC8037 = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
RFC8037_THUMBPRINT = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_the_thumbprint_is_the_one_of_rfc_8037() -> None:
    assert thumbprint(RFC8037) == RFC8037_THUMBPRINT
    assert checked(RFC8037)["kid"] == RFC8037_THUMBPRINT


def test_what_is_not_part_of_the_key_does_not_change_its_thumbprint() -> None:
    assert thumbprint({**RFC8037, "use": "sig", "alg": "EdDSA", "kid": "anything"}) == RFC8037_THUMBPRINT


@pytest.mark.parametrize("kind", ["EdDSA", "ES256"])
def test_a_fingerprint_survives_being_shown_and_typed(kind: str) -> None:
    digits = fingerprint(PassingKey(kind).public_jwk)
    assert re.fullmatch("[0-9a-f]{64}", digits)
    pairs = ":".join(re.findall("..", digits))
    for typed in (shown(digits), shown(digits).upper(), pairs, f"\t{digits}\n", shown(digits).replace(" ", "-")):
        assert read_fingerprint(typed) == digits


@pytest.mark.parametrize("typed", ["", "abc", "0" * 63, "0" * 65, "g" * 64, "0" * 63 + "\u0661", "0x" + "0" * 62])
def test_what_is_no_fingerprint_is_refused(typed: str) -> None:
    with pytest.raises(KeyProblem):
        read_fingerprint(typed)


@pytest.mark.parametrize(
    "jwk",
    [
        {},
        None,
        "key",
        {"kty": "oct", "k": "AAAA"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
        {"kty": "OKP", "crv": "X25519", "x": RFC8037["x"]},
        {"kty": "EC", "crv": "P-384", "x": RFC8037["x"], "y": RFC8037["x"]},
        {"kty": "EC", "crv": "P-256", "x": RFC8037["x"]},
        {"kty": "EC", "crv": "P-256", "x": RFC8037["x"], "y": RFC8037["x"]},
        {"kty": "OKP", "crv": "Ed25519"},
        {**RFC8037, "x": RFC8037["x"] + "="},
        {**RFC8037, "x": RFC8037["x"][:-1]},
        {**RFC8037, "x": RFC8037["x"][:-1] + "p"},
        {**RFC8037, "x": 7},
        {**RFC8037, "y": RFC8037["x"]},
        {**RFC8037, "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"},
        {**RFC8037, "kid": "another"},
        {**RFC8037, "alg": "ES256"},
        {**RFC8037, "use": "enc"},
        {**RFC8037, "x5u": "https://evil.example/key"},
    ],
)
def test_a_key_that_is_not_exactly_a_public_signing_key_is_refused(jwk: object) -> None:
    with pytest.raises(KeyProblem):
        checked(jwk)


def test_a_raw_key_of_another_length_is_refused() -> None:
    with pytest.raises(KeyProblem):
        jwk_of_ed25519(b"x" * 31)


def test_a_private_member_never_appears_in_a_signers_public_key() -> None:
    for kind in ("EdDSA", "ES256"):
        jwk = PassingKey(kind).public_jwk
        assert set(jwk) <= {"kty", "crv", "x", "y", "kid", "alg", "use"}
        assert public_key(jwk) is not None
