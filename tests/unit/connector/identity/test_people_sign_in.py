"""People sign in: the real code flow between our relying party and the development provider, over real HTTP."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from connector.identity.jws import sign
from connector.identity.people.accounts import Account, Client
from connector.identity.people.answers import Asked, Json, ProviderAnswer, Redirect
from connector.identity.people.codes import MemoryCodeStore
from connector.identity.people.passing_key import PassingKey
from connector.identity.people.provider import DevelopmentProvider
from connector.identity.people.relying_party import (
    Issuer,
    IssuerUnavailable,
    RelyingParty,
    SignInRefused,
)
from connector.outbound.browse import Browser
from connector.outbound.client import Outbound
from connector.outbound.guard import Destination
from connector.outbound.origins import NamedOrigin

CLIENT = "concord-portal"
ACCOUNTS = (
    Account("paula", "Paula Patient", ("patient",), "Patient at St Elisabeth"),
    Account("stefan", "Stefan <Steward>", ("steward", "dpo")),
)


@dataclass
class House:
    """A portal and its provider on one loopback origin, with a clock that is set by hand."""

    now: datetime
    outbound: Outbound
    origin: str = ""
    provider: DevelopmentProvider | None = None
    asked: list[Asked] = field(default_factory=list)
    store: MemoryCodeStore = field(default_factory=MemoryCodeStore)
    twist: Callable[[Asked, ProviderAnswer], ProviderAnswer] = lambda asked, answer: answer

    async def answering(self, asked: Asked) -> ProviderAnswer:
        self.asked.append(asked)
        if asked.path == "/callback":
            return Redirect("/nowhere", 200)
        below = replace(asked, path=asked.path.removeprefix("/idp"))
        return self.twist(below, await self.provider.answer(below, self.now))

    def open(self, origin: str, signer: PassingKey | None = None) -> None:
        self.origin = origin
        self.provider = DevelopmentProvider(
            f"{origin}/idp",
            environment="test",
            bind_host="127.0.0.1",
            accounts=ACCOUNTS,
            clients=[Client(CLIENT, (f"{origin}/callback",), (f"{origin}/",))],
            signer=signer or PassingKey(),
            store=self.store,
        )

    @property
    def named(self) -> NamedOrigin:
        return NamedOrigin.parse(self.origin, allow_http=True)

    def party(self, **changes: object) -> RelyingParty:
        issuer = Issuer(f"{self.origin}/idp", CLIENT, f"{self.origin}/callback", **changes)
        return RelyingParty(issuer, self.outbound.transport(Destination.of_operator(self.named)))

    async def choose(self, url: str, person: str = "Paula Patient Patient at St Elisabeth") -> str:
        """Walk through the provider's page as a person does; the address the browser comes back to."""
        async with Browser(self.outbound, [self.named]) as browser:
            page = await browser.get(url)
            back = await browser.submit(page, page.form("/idp/authorize"), button=person)
        return back.url

    def count(self, path: str) -> int:
        return sum(asked.path == path for asked in self.asked)


@pytest.fixture
async def house(listening, now):
    async with Outbound() as outbound:
        built = House(now, outbound)
        built.open(await listening(built.answering))
        yield built


async def refusal(party: RelyingParty, url: str, departure: object, now: datetime) -> str:
    with pytest.raises(SignInRefused) as caught:
        await party.arrive(url, departure, now)
    return caught.value.code


async def test_a_person_signs_in_through_the_real_flow(house) -> None:
    party = house.party()
    departure = await party.depart(house.now, login_hint="paula")
    sent = parse_qs(urlsplit(departure.url).query)
    assert sent["code_challenge_method"] == ["S256"]
    assert departure.verifier not in departure.url
    found = await party.arrive(await house.choose(departure.url), departure, house.now)
    assert (found.issuer, found.subject, found.name) == (f"{house.origin}/idp", "paula", "Paula Patient")
    assert (found.roles, found.acr, found.auth_time) == (("patient",), "substantial", house.now)
    token_request = next(asked for asked in house.asked if asked.path == "/idp/token")
    assert dict(token_request.form)["code_verifier"] == departure.verifier


async def test_metadata_and_keys_are_fetched_once_an_hour(house) -> None:
    party = house.party()
    for _ in range(3):
        departure = await party.depart(house.now)
        await party.arrive(await house.choose(departure.url), departure, house.now)
    assert (house.count("/idp/jwks"), house.count("/idp/.well-known/openid-configuration")) == (1, 1)
    house.now += timedelta(hours=1)
    departure = await party.depart(house.now)
    await party.arrive(await house.choose(departure.url), departure, house.now)
    assert (house.count("/idp/jwks"), house.count("/idp/.well-known/openid-configuration")) == (2, 2)


async def test_a_new_key_of_the_issuer_is_found_but_not_looked_for_all_the_time(house) -> None:
    party = house.party()
    departure = await party.depart(house.now)
    await party.arrive(await house.choose(departure.url), departure, house.now)
    house.open(house.origin, PassingKey())
    departure = await party.depart(house.now)
    assert await refusal(party, await house.choose(departure.url), departure, house.now) == "id-token-key"
    assert house.count("/idp/jwks") == 1
    house.now += timedelta(minutes=1)
    departure = await party.depart(house.now)
    assert (await party.arrive(await house.choose(departure.url), departure, house.now)).subject == "paula"
    assert house.count("/idp/jwks") == 2


async def test_who_comes_while_keys_are_read_waits_for_them_and_reads_nothing_itself(house) -> None:
    party = house.party()
    results = await asyncio.gather(
        *(party.vouch(signed_by(PassingKey()), house.now) for _ in range(20)), return_exceptions=True
    )
    assert [getattr(one, "code", None) for one in results] == ["id-token-key"] * 20
    assert (house.count("/idp/.well-known/openid-configuration"), house.count("/idp/jwks")) == (1, 1)


@pytest.mark.parametrize("broken", ["/.well-known/openid-configuration", "/jwks"])
async def test_a_reading_that_failed_is_not_tried_again_for_some_seconds(house, broken) -> None:
    house.twist = lambda asked, answer: Json({}, 500) if asked.path == broken else answer
    party, token = house.party(), signed_by(PassingKey())
    for _ in range(5):
        with pytest.raises(IssuerUnavailable):
            await party.vouch(token, house.now)
    assert house.count(f"/idp{broken}") == 1
    house.twist = lambda asked, answer: answer
    with pytest.raises(SignInRefused):
        await party.vouch(token, house.now + timedelta(seconds=5))
    assert house.count(f"/idp{broken}") == 2


async def test_a_reading_goes_on_for_the_others_when_who_began_it_goes_away(house) -> None:
    party, token = house.party(), signed_by(PassingKey())
    begun, other = (asyncio.create_task(party.vouch(token, house.now)) for _ in range(2))
    await asyncio.sleep(0)
    begun.cancel()
    with pytest.raises(SignInRefused):
        await other
    assert house.count("/idp/jwks") == 1


def signed_by(key: PassingKey) -> str:
    """A token by a key that the provider does not publish."""
    return sign(key, "JWT", b"{}")


async def test_a_return_with_another_state_signs_nobody_in(house) -> None:
    party = house.party()
    departure = await party.depart(house.now)
    url = await house.choose(departure.url)
    other = await party.depart(house.now)
    assert await refusal(party, url, other, house.now) == "state"
    assert await refusal(party, url.replace("state=", "stat="), departure, house.now) == "state"
    assert await refusal(party, url + "&state=" + departure.state, departure, house.now) == "malformed"
    assert house.count("/idp/token") == 0


async def test_a_return_from_another_issuer_signs_nobody_in(house) -> None:
    party = house.party()
    departure = await party.depart(house.now)
    url = await house.choose(departure.url)
    assert await refusal(party, url.replace("%2Fidp", "%2Fevil"), departure, house.now) == "issuer"
    assert await refusal(party, url.split("&iss=")[0], departure, house.now) == "issuer"


async def test_a_refusal_of_the_issuer_is_told_without_quoting_it(house) -> None:
    party = house.party()
    departure = await party.depart(house.now)
    for error, code in (("access_denied", "declined"), ("<script>", "refused-by-issuer")):
        query = urlencode({"error": error, "state": departure.state, "iss": f"{house.origin}/idp"})
        assert await refusal(party, f"{house.origin}/callback?{query}", departure, house.now) == code
    query = urlencode({"state": departure.state, "iss": f"{house.origin}/idp"})
    assert await refusal(party, f"{house.origin}/callback?{query}", departure, house.now) == "malformed"


async def test_a_code_is_exchanged_once_and_its_second_use_ends_what_the_first_gave(house) -> None:
    party = house.party()
    departure = await party.depart(house.now)
    url = await house.choose(departure.url)
    await party.arrive(url, departure, house.now)
    assert len(house.store._tokens) == 1
    assert await refusal(party, url, departure, house.now) == "code"
    assert len(house.store._tokens) == 0


async def test_another_verifier_does_not_exchange_the_code_and_spends_it(house) -> None:
    party = house.party()
    departure = await party.depart(house.now)
    url = await house.choose(departure.url)
    assert await refusal(party, url, replace(departure, verifier="x" * 43), house.now) == "code"
    assert await refusal(party, url, departure, house.now) == "code"


@pytest.mark.parametrize(("seconds", "good"), [(59, True), (60, False), (61, False)])
async def test_a_code_lives_sixty_seconds(house, seconds, good) -> None:
    party = house.party()
    departure = await party.depart(house.now)
    url = await house.choose(departure.url)
    house.now += timedelta(seconds=seconds)
    if good:
        assert (await party.arrive(url, departure, house.now)).subject == "paula"
    else:
        assert await refusal(party, url, departure, house.now) == "code"


async def test_an_id_token_for_another_nonce_is_not_believed(house) -> None:
    party = house.party()
    departure = await party.depart(house.now)
    url = await house.choose(departure.url)
    assert await refusal(party, url, replace(departure, nonce="other"), house.now) == "id-token-claims"


async def test_an_empty_nonce_is_never_enough(house) -> None:
    party = house.party()
    departure = await party.depart(house.now)
    url = await house.choose(departure.url)
    assert await refusal(party, url, replace(departure, nonce=""), house.now) == "id-token-nonce"


async def test_an_algorithm_that_is_not_pinned_for_the_issuer_is_not_accepted(house) -> None:
    party = house.party(algorithms=("RS256", "EdDSA"))
    departure = await party.depart(house.now)
    url = await house.choose(departure.url)
    assert await refusal(party, url, departure, house.now) == "id-token-algorithm"


def test_an_algorithm_nobody_should_use_cannot_be_configured() -> None:
    for algorithms in ((), ("HS256",), ("none",), ("ES256", "RS512")):
        with pytest.raises(ValueError, match="algorithms"):
            Issuer("https://idp.example", CLIENT, "https://portal.example/callback", algorithms=algorithms)


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "http://127.0.0.1/other"},
        {"token_endpoint": "http://127.0.0.1:1/token"},
        {"token_endpoint": "https://user@idp.example/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": None},
        {"code_challenge_methods_supported": ["plain"]},
    ],
)
async def test_metadata_that_cannot_be_right_is_not_used(house, change) -> None:
    def twist(asked, answer):
        return replace(answer, body={**answer.body, **change}) if "openid-configuration" in asked.path else answer

    house.twist = twist
    with pytest.raises(IssuerUnavailable):
        await house.party().depart(house.now)


async def test_a_token_endpoint_elsewhere_is_stopped_by_the_egress_guard(house) -> None:
    def twist(asked, answer):
        body = {**answer.body, "token_endpoint": "https://elsewhere.example/token"} if answer.status == 200 else {}
        return replace(answer, body=body) if "openid-configuration" in asked.path else answer

    party = house.party()
    house.twist = twist
    departure = await party.depart(house.now)
    house.twist = lambda asked, answer: answer
    url = await house.choose(departure.url)
    with pytest.raises(IssuerUnavailable):
        await party.arrive(url, departure, house.now)


@pytest.mark.parametrize("body", [{"access_token": "a", "token_type": "Bearer"}, {"id_token": "x.y.z"}, {}])
async def test_an_answer_without_both_tokens_signs_nobody_in(house, body) -> None:
    party = house.party()
    departure = await party.depart(house.now)
    url = await house.choose(departure.url)
    house.twist = lambda asked, answer: replace(answer, body=body) if asked.path == "/token" else answer
    assert await refusal(party, url, departure, house.now) in {"tokens", "code"}


async def test_an_issuer_that_answers_nonsense_is_unavailable(house) -> None:
    party = house.party()
    departure = await party.depart(house.now)
    url = await house.choose(departure.url)
    house.twist = lambda asked, answer: Redirect("/elsewhere") if asked.path == "/token" else answer
    with pytest.raises((IssuerUnavailable, SignInRefused)):
        await party.arrive(url, departure, house.now)


async def test_signing_out_comes_back_to_the_portal(house) -> None:
    url = await house.party().farewell(house.now, f"{house.origin}/")
    asked = Asked("GET", "/end-session", [(n, v[0]) for n, v in parse_qs(urlsplit(url).query).items()])
    assert await house.provider.answer(asked, house.now) == Redirect(f"{house.origin}/")
