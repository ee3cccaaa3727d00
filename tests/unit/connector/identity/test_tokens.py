"""Request tokens: everything that can be wrong with one, one thing at a time."""

import base64
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import jwt
import pytest

from connector.identity.faults import Unauthenticated
from connector.identity.jws import sign
from connector.identity.members import Member, MemoryRegister, Standing
from connector.identity.people.passing_key import PassingKey
from connector.identity.replay import MemoryReplayStore
from connector.identity.tokens import MESSAGE_TYPE, body_digest, mint, verify
from policy.canonical import canonical

HOSPITAL, RESEARCH = "urn:concord:hospital:1", "urn:concord:research:2"
BODY = b'{"@type":"ContractRequestMessage"}'


class Desk:
    """A receiver: research, who knows the hospital."""

    def __init__(self, *members: Member) -> None:
        self.register = MemoryRegister(*members)
        self.replay = MemoryReplayStore()

    async def code(self, token: str, now: datetime, body: bytes = BODY, me: str = RESEARCH) -> str:
        try:
            found = await verify(token, body, me, self.register.get, self.replay, now)
        except Unauthenticated as refusal:
            return refusal.code
        return f"accepted {found.id}"


@pytest.fixture
def key() -> PassingKey:
    return PassingKey("EdDSA")


@pytest.fixture
def desk(key: PassingKey, member: Callable[..., Member]) -> Desk:
    return Desk(member(key))


def claims(now: datetime, **changes: Any) -> dict[str, Any]:
    issued = int(now.timestamp())
    content = {
        "iss": HOSPITAL,
        "sub": HOSPITAL,
        "aud": RESEARCH,
        "iat": issued,
        "exp": issued + 60,
        "jti": "one",
        "digest": body_digest(BODY),
    }
    return {name: value for name, value in (content | changes).items() if value is not None}


def made(key: PassingKey, content: dict[str, Any], typ: str = MESSAGE_TYPE) -> str:
    return sign(key, typ, json.dumps(content).encode())


def with_header(key: PassingKey, content: dict[str, Any], **changes: Any) -> str:
    """A token whose signature is right for a header that has been changed."""
    header = {"alg": "EdDSA", "kid": key.kid, "typ": MESSAGE_TYPE} | changes
    parts = [json.dumps({n: v for n, v in header.items() if v is not None}).encode(), json.dumps(content).encode()]
    text = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
    return f"{text}.{base64.urlsafe_b64encode(key.sign(text.encode())).rstrip(b'=').decode()}"


@pytest.mark.parametrize("kind", ["EdDSA", "ES256"])
async def test_a_minted_token_names_its_sender(kind, member, now) -> None:
    key = PassingKey(kind)
    token = mint(key, HOSPITAL, RESEARCH, BODY, now)
    assert await Desk(member(key)).code(token, now) == f"accepted {HOSPITAL}"
    assert jwt.get_unverified_header(token) == {"alg": kind, "kid": key.kid, "typ": MESSAGE_TYPE}


async def test_pyjwt_itself_reads_a_minted_token(key, now) -> None:
    token = mint(key, HOSPITAL, RESEARCH, BODY, now)
    options = {"verify_exp": False, "verify_iat": False, "require": ["iss", "sub", "aud", "iat", "exp", "jti"]}
    found = jwt.decode(
        token, jwt.PyJWK(key.public_jwk), algorithms=["EdDSA"], audience=RESEARCH, issuer=HOSPITAL, options=options
    )
    assert found["exp"] - found["iat"] == 60


@pytest.mark.parametrize("missing", ["iss", "sub", "aud", "iat", "exp", "jti", "digest"])
async def test_every_claim_is_required(missing, key, desk, now) -> None:
    assert await desk.code(made(key, claims(now, **{missing: None})), now) == "claims"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"iss": "urn:concord:nobody:9"}, "unknown-participant"),
        ({"iss": ["x"]}, "claims"),
        ({"sub": "urn:concord:other:3"}, "claims"),
        ({"aud": "urn:concord:other:3"}, "audience"),
        ({"aud": RESEARCH + "x"}, "audience"),
        ({"aud": RESEARCH.upper()}, "audience"),
        ({"aud": [RESEARCH]}, "claims"),
        ({"aud": "*"}, "audience"),
        ({"jti": ""}, "claims"),
        ({"jti": 7}, "claims"),
        ({"jti": "x" * 600}, "claims"),
        ({"iat": True}, "claims"),
        ({"exp": "soon"}, "claims"),
        ({"exp": 1.5}, "claims"),
        ({"digest": body_digest(b"")}, "digest"),
        ({"digest": "x"}, "digest"),
        ({"nbf": 0}, "claims"),
        ({"scope": "all"}, "claims"),
    ],
)
async def test_a_wrong_claim_is_refused(changes, code, key, desk, now) -> None:
    assert await desk.code(made(key, claims(now, **changes)), now) == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"alg": "none"}, "algorithm"),
        ({"alg": "HS256"}, "algorithm"),
        ({"alg": "RS256"}, "algorithm"),
        ({"alg": "ES256"}, "algorithm"),
        ({"alg": "eddsa"}, "algorithm"),
        ({"alg": None}, "algorithm"),
        ({"typ": "JWT"}, "type"),
        ({"typ": None}, "type"),
        ({"typ": "concord-consent+jws"}, "type"),
        ({"kid": None}, "header"),
        ({"kid": 5}, "header"),
        ({"kid": "unknown"}, "key"),
        ({"kid": "../../etc/passwd"}, "key"),
        ({"kid": "https://evil.example/key"}, "key"),
        ({"crit": ["exp"], "exp": 1}, "crit"),
        ({"crit": []}, "crit"),
        ({"crit": ["b64"], "b64": False}, "crit"),
        ({"jku": "https://evil.example/jwks"}, "header"),
        ({"x5u": "https://evil.example/cert"}, "header"),
        ({"x5c": ["MIIB"]}, "header"),
        ({"jwk": {"kty": "OKP"}}, "header"),
        ({"b64": True}, "header"),
        ({"zip": "DEF"}, "header"),
        ({"cty": "JWT"}, "header"),
    ],
)
async def test_a_header_that_says_anything_else_is_refused(changes, code, key, desk, now) -> None:
    assert await desk.code(with_header(key, claims(now), **changes), now) == code


async def test_a_key_inside_the_token_is_never_believed(desk, now) -> None:
    stranger = PassingKey("EdDSA")
    token = with_header(stranger, claims(now), jwk=stranger.public_jwk)
    assert await desk.code(token, now) == "header"
    assert await desk.code(made(stranger, claims(now)), now) == "key"


async def test_another_members_key_does_not_sign_for_this_member(key, member, now) -> None:
    vendor = PassingKey("EdDSA")
    desk = Desk(member(key), member(vendor, "urn:concord:vendor:3"))
    assert await desk.code(made(vendor, claims(now)), now) == "key"


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t[:-4] + ("AAAA" if t[-4:] != "AAAA" else "BBBB"),
        lambda t: t.split(".")[0] + "." + t.split(".")[1] + "." + "A" * 86,
    ],
)
async def test_a_changed_signature_is_refused(change, key, desk, now) -> None:
    assert await desk.code(change(made(key, claims(now))), now) in {"signature", "malformed"}


async def test_a_changed_payload_is_refused(key, desk, now) -> None:
    first, _, third = made(key, claims(now)).split(".")
    other = base64.urlsafe_b64encode(canonical(claims(now, jti="two"))).rstrip(b"=").decode()
    assert await desk.code(f"{first}.{other}.{third}", now) == "signature"


@pytest.mark.parametrize("text", ["", ".", "..", "a.b", "a.b.c.d", "\u00e4.b.c", "a b.c.d", "x" * 5000])
async def test_what_is_no_token_is_refused(text, desk, now) -> None:
    assert await desk.code(text, now) == "malformed"


async def test_a_name_that_stands_twice_is_refused(key, desk, now) -> None:
    doubled = json.dumps(claims(now))[:-1] + f', "aud": "{RESEARCH}"}}'
    assert await desk.code(sign(key, MESSAGE_TYPE, doubled.encode()), now) == "claims"


@pytest.mark.parametrize(
    ("seconds", "code"), [(119, "accepted"), (119.999, "accepted"), (120, "expired"), (121, "expired")]
)
async def test_a_token_ends_sixty_seconds_after_its_minute_with_sixty_of_skew(seconds, code, key, desk, now) -> None:
    token = mint(key, HOSPITAL, RESEARCH, BODY, now)
    assert (await desk.code(token, now + timedelta(seconds=seconds))).startswith(code)


@pytest.mark.parametrize(("seconds", "code"), [(59, "accepted"), (60, "accepted"), (61, "not-yet")])
async def test_a_token_from_the_future_is_good_within_the_skew(seconds, code, key, desk, now) -> None:
    token = mint(key, HOSPITAL, RESEARCH, BODY, now + timedelta(seconds=seconds))
    assert (await desk.code(token, now)).startswith(code)


@pytest.mark.parametrize(("life", "code"), [(59, "accepted"), (60, "accepted"), (61, "lifetime"), (0, "lifetime")])
async def test_a_token_lives_a_minute_at_most(life, code, key, desk, now) -> None:
    issued = int(now.timestamp())
    assert (await desk.code(made(key, claims(now, exp=issued + life)), now)).startswith(code)


async def test_a_token_is_used_once(key, desk, now) -> None:
    token = mint(key, HOSPITAL, RESEARCH, BODY, now)
    assert (await desk.code(token, now)).startswith("accepted")
    assert await desk.code(token, now) == "replay"
    assert (await desk.code(mint(key, HOSPITAL, RESEARCH, BODY, now), now)).startswith("accepted")


async def test_a_token_that_failed_is_not_spent(key, desk, now) -> None:
    token = mint(key, HOSPITAL, RESEARCH, BODY, now)
    assert await desk.code(token, now, body=b"{}") == "digest"
    assert await desk.code(token, now, me="urn:concord:other:3") == "audience"
    assert (await desk.code(token, now)).startswith("accepted")


async def test_a_used_token_is_remembered_for_as_long_as_it_would_be_accepted(key, desk, now) -> None:
    token = mint(key, HOSPITAL, RESEARCH, BODY, now)
    await desk.code(token, now)
    last = now + timedelta(seconds=119)
    assert desk.replay.forget(last) == 1
    assert await desk.code(token, last) == "replay"
    assert desk.replay.forget(now + timedelta(seconds=121)) == 0


@pytest.mark.parametrize(
    ("standing", "code"), [(Standing.SUSPENDED, "suspended"), (Standing.REMOVED, "unknown-participant")]
)
async def test_a_member_that_is_not_active_is_not_heard(standing, code, key, member, now) -> None:
    desk = Desk(member(key, standing=standing))
    assert await desk.code(mint(key, HOSPITAL, RESEARCH, BODY, now), now) == code


async def test_a_stranger_does_not_learn_who_is_suspended(key, member, now) -> None:
    desk = Desk(member(key, standing=Standing.SUSPENDED))
    assert await desk.code(made(PassingKey("EdDSA"), claims(now)), now) == "key"


async def test_an_earlier_key_in_the_register_still_counts(key, member, now) -> None:
    later = PassingKey("EdDSA")
    desk = Desk(member(key, keys=(later.public_jwk, key.public_jwk)))
    assert (await desk.code(mint(key, HOSPITAL, RESEARCH, BODY, now), now)).startswith("accepted")
    assert (await desk.code(mint(later, HOSPITAL, RESEARCH, BODY, now), now)).startswith("accepted")


async def test_a_request_without_body_is_bound_to_the_empty_body(key, desk, now) -> None:
    token = mint(key, HOSPITAL, RESEARCH, b"", now)
    assert await desk.code(token, now, body=b"{}") == "digest"
    assert (await desk.code(token, now, body=b"")).startswith("accepted")
