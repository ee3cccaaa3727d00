"""ID tokens: what is wrong with one, one thing at a time, and every algorithm that may be pinned."""

import json
from datetime import datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from connector.identity.people.id_token import IdTokenProblem, find_key, judge_claims, read_header, verified_claims

ISSUER, CLIENT = "https://idp.example", "concord-portal"
RSA_KEY = rsa.generate_private_key(65537, 2048)
KEYS = {
    "RS256": RSA_KEY,
    "PS256": RSA_KEY,
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}


def public(algorithm: str, **changes: Any) -> dict[str, Any]:
    kind = jwt.get_algorithm_by_name(algorithm)
    return json.loads(kind.to_jwk(KEYS[algorithm].public_key())) | {"kid": "k1", "use": "sig"} | changes


def claims(now: datetime, **changes: Any) -> dict[str, Any]:
    issued = int(now.timestamp())
    content = {"iss": ISSUER, "sub": "paula", "aud": CLIENT, "iat": issued, "exp": issued + 300, "nonce": "n1"}
    return {name: value for name, value in (content | changes).items() if value is not None}


def judged(content: dict[str, Any], now: datetime, **changes: Any) -> str:
    given = {"issuer": ISSUER, "client_id": CLIENT, "nonce": "n1", "access_token": "at"} | changes
    try:
        judge_claims(content, "ES256", now=now, **given)
    except IdTokenProblem as problem:
        return problem.code
    return "believed"


@pytest.mark.parametrize("algorithm", sorted(KEYS))
def test_every_pinned_algorithm_is_verified_by_its_own_kind_of_key(algorithm, now) -> None:
    token = jwt.encode(claims(now), KEYS[algorithm], algorithm, headers={"kid": "k1"})
    assert read_header(token, [algorithm]) == (algorithm, "k1")
    keys = [public("RS256", kid="other"), public("ES256", kid="other"), public(algorithm)]
    key = find_key(keys, algorithm, "k1")
    assert verified_claims(token, key, algorithm) == claims(now)
    with pytest.raises(IdTokenProblem, match="signature"):
        verified_claims(token[:-8] + "AAAAAAAA", key, algorithm)


def test_a_token_names_no_algorithm_outside_the_list(now) -> None:
    secret = jwt.encode(claims(now), "x" * 64, "HS256")
    unsigned = jwt.encode(claims(now), None, None)
    for token in (secret, unsigned, jwt.encode(claims(now), KEYS["ES256"], "ES256")):
        with pytest.raises(IdTokenProblem, match="algorithm"):
            read_header(token, ["RS256"])
    for token in ("", "x", "a.b.c", "x" * 20_000):
        with pytest.raises(IdTokenProblem, match="malformed"):
            read_header(token, ["RS256"])


def test_a_public_key_is_never_used_as_a_secret(now) -> None:
    assert find_key([public("RS256")], "ES256", "k1") is None
    assert find_key([{"kty": "oct", "k": "AAAA", "kid": "k1"}], "RS256", "k1") is None


def test_a_key_for_something_else_or_one_of_several_is_not_taken() -> None:
    assert find_key([public("RS256", use="enc")], "RS256", "k1") is None
    assert find_key([public("RS256", alg="RS512")], "RS256", "k1") is None
    assert find_key([public("RS256"), public("RS256")], "RS256", "k1") is None
    assert find_key([public("RS256"), public("RS256", kid="k2")], "RS256", "") is None
    assert find_key([public("RS256")], "RS256", "") is not None
    assert find_key([], "RS256", "k1") is None


def test_a_short_rsa_key_is_not_trusted(now) -> None:
    weak = rsa.generate_private_key(65537, 1024)
    token = jwt.api_jws.PyJWS().encode(
        json.dumps(claims(now)).encode(), RSA_KEY, "RS256", headers={"kid": "k1", "typ": "JWT"}
    )
    jwk = json.loads(jwt.get_algorithm_by_name("RS256").to_jwk(weak.public_key())) | {"kid": "k1"}
    with pytest.raises(IdTokenProblem, match="signature"):
        verified_claims(token, jwk, "RS256")


@pytest.mark.parametrize(
    "change",
    [
        {"iss": None},
        {"iss": ISSUER + "/"},
        {"iss": "https://idp.example.evil.example"},
        {"sub": None},
        {"sub": ""},
        {"sub": 5},
        {"aud": None},
        {"aud": "other"},
        {"aud": [CLIENT, "other"]},
        {"aud": [CLIENT, "other"], "azp": CLIENT},
        {"aud": ["other"]},
        {"aud": []},
        {"azp": "other"},
        {"exp": None},
        {"exp": "soon"},
        {"exp": 10.5},
        {"iat": None},
        {"iat": True},
        {"nonce": None},
        {"nonce": "n2"},
        {"nonce": ""},
        {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
    ],
)
def test_a_wrong_claim_is_not_believed(change, now) -> None:
    assert judged(claims(now), now) == "believed"
    assert judged(claims(now, **change), now) != "believed"


def test_one_audience_in_a_list_is_the_same_as_one_audience(now) -> None:
    assert judged(claims(now, aud=[CLIENT], azp=CLIENT), now) == "believed"


@pytest.mark.parametrize(("seconds", "good"), [(359, True), (360, False), (361, False), (-60, True), (-61, False)])
def test_an_id_token_ends_and_begins_with_sixty_seconds_of_skew(seconds, good, now) -> None:
    assert (judged(claims(now), now + timedelta(seconds=seconds)) == "believed") is good
