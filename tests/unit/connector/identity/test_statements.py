"""Signed statements: what was signed is what is read, or nothing is."""

import base64
import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.identity.jws import sign
from connector.identity.people.passing_key import PassingKey
from connector.identity.statements import (
    StatementInvalid,
    StatementType,
    open_statement,
    read_statement,
    sign_statement,
)
from policy.canonical import canonical, digest

PERSON = PassingKey("EdDSA")
CLAIMS = {
    "id": "urn:uuid:1",
    "version": 1,
    "state": "given",
    "window": None,
    "data": [{"dataset": "d", "categories": []}],
}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4)
    ),
    max_leaves=12,
)


def refusal(jws: str, typ: str = StatementType.CONSENT, keys: object = None) -> str:
    with pytest.raises(StatementInvalid) as caught:
        read_statement(jws, typ, [PERSON.public_jwk] if keys is None else keys)
    return caught.value.code


def test_a_statement_comes_back_with_its_digest_key_and_time(now) -> None:
    jws = sign_statement(PERSON, StatementType.CONSENT, CLAIMS, now + timedelta(microseconds=7))
    found = open_statement(jws, StatementType.CONSENT, [PERSON.public_jwk])
    assert (found.claims, found.digest, found.kid, found.signed_at) == (CLAIMS, digest(CLAIMS), PERSON.kid, now)
    assert read_statement(jws, StatementType.CONSENT, [PERSON.public_jwk]) == CLAIMS


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), VALUES, max_size=5))
def test_any_claims_survive_signing(claims) -> None:
    from datetime import UTC, datetime

    jws = sign_statement(PERSON, "x+jws", claims, datetime(2026, 1, 1, tzinfo=UTC))
    assert read_statement(jws, "x+jws", [PERSON.public_jwk]) == claims


def test_a_statement_of_one_kind_is_none_of_another(now) -> None:
    for signed in StatementType:
        jws = sign_statement(PERSON, signed, CLAIMS, now)
        for wanted in StatementType:
            if wanted is not signed:
                assert refusal(jws, wanted) == "type"


def test_only_the_keys_the_reader_names_count(now) -> None:
    jws = sign_statement(PERSON, StatementType.CONSENT, CLAIMS, now)
    assert refusal(jws, keys=[PassingKey("EdDSA").public_jwk]) == "key"
    assert refusal(jws, keys=[]) == "key"
    # A key stored under another key's name is not found by that name.
    borrowed = {**PassingKey("EdDSA").public_jwk, "kid": PERSON.kid}
    assert refusal(jws, keys=[borrowed]) == "key"


def test_a_changed_statement_is_refused(now) -> None:
    head, _, signature = sign_statement(PERSON, StatementType.CONSENT, CLAIMS, now).split(".")
    other = base64.urlsafe_b64encode(canonical(CLAIMS | {"state": "refused"})).rstrip(b"=").decode()
    assert refusal(f"{head}.{other}.{signature}") == "signature"


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (json.dumps(CLAIMS, indent=1).encode(), "not-canonical"),
        (b'{"b":1,"a":2}', "not-canonical"),
        (b'{"a":"\\u0061"}', "not-canonical"),
        (b'{"a":1.0}', "payload"),
        (b'{"a":1,"a":1}', "payload"),
        (b"[]", "payload"),
        (b"", "payload"),
        (b"\xff", "payload"),
    ],
)
def test_a_payload_that_is_not_in_canonical_form_is_refused(payload: bytes, code: str) -> None:
    assert refusal(sign(PERSON, StatementType.CONSENT, payload, {"iat": 1})) == code


@pytest.mark.parametrize("extra", [{}, {"iat": -1}, {"iat": 10**13}, {"iat": 1, "exp": 2}])
def test_the_header_says_when_and_nothing_more(extra) -> None:
    assert refusal(sign(PERSON, StatementType.CONSENT, canonical(CLAIMS), extra)) == "header"


def test_claims_without_a_canonical_form_are_not_signed(now) -> None:
    for claims in ({"a": 1.5}, {"a": now}, {"a": b"x"}, {"a": 2**60}):
        with pytest.raises(StatementInvalid):
            sign_statement(PERSON, StatementType.CONSENT, claims, now)
