"""Who may sign in, and for how long."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from connector.identity.people.relying_party import SignedIn
from connector.problems import Problem
from connector.records import Session
from connector.services.wallet.authorities import AuthorityDraft
from tests.unit.connector.services.participant_factory import Running

START = datetime(2030, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def signed_in(one: Running, subject: str, issuer: str | None = None) -> SignedIn:
    return SignedIn(issuer or one.participant.settings.issuer, subject, "Whatever", ("operator",), "", None)


async def cookie(one: Running, subject: str = "an") -> tuple[str, str]:
    """An account with two roles and the cookie of a session of it; returns (cookie, account)."""
    one.clock.fixed = START
    account = await one.services.accounts.open_account(one.actor("operator"), subject, "An", ["steward", "dpo"])
    _, value = await one.services.accounts._open_session(signed_in(one, subject))
    return value, account


async def test_a_session_carries_the_account_and_not_what_the_issuer_claims(hospital):
    value, account = await cookie(hospital)
    session = await hospital.services.accounts.session(value)
    assert (session.actor.account, session.actor.name, session.actor.role) == (account, "An", "steward")
    assert session.roles == ("steward", "dpo")
    stored = await hospital.context.store.read(lambda tx: tx.find(Session))
    assert value not in str(stored)


@pytest.mark.parametrize(("after", "lives"), [(-SECOND, True), (timedelta(), False), (SECOND, False)])
async def test_a_session_ends_after_thirty_minutes_without_use(hospital, after, lives):
    value, _ = await cookie(hospital)
    hospital.clock.fixed = START + timedelta(minutes=30) + after
    assert (await hospital.services.accounts.session(value) is not None) is lives


@pytest.mark.parametrize(("after", "lives"), [(-SECOND, True), (timedelta(), False), (SECOND, False)])
async def test_a_session_ends_after_twelve_hours_however_much_it_is_used(hospital, after, lives):
    value, _ = await cookie(hospital)
    for minutes in range(20, 12 * 60, 20):
        hospital.clock.fixed = START + timedelta(minutes=minutes)
        assert await hospital.services.accounts.session(value) is not None
    hospital.clock.fixed = START + timedelta(hours=12) + after
    assert (await hospital.services.accounts.session(value) is not None) is lives


async def test_the_end_shown_is_the_earlier_of_the_two(hospital):
    value, _ = await cookie(hospital)
    assert (await hospital.services.accounts.session(value)).expires_at == START + timedelta(minutes=30)


async def test_a_closed_account_has_no_session_and_gets_none(hospital):
    value, account = await cookie(hospital)
    await hospital.services.accounts.close_account(hospital.actor("operator"), account)
    assert await hospital.services.accounts.session(value) is None
    with pytest.raises(Problem) as refused:
        await hospital.services.accounts.sign_in(signed_in(hospital, "an"))
    assert refused.value.status == 403


class SignsIn:
    """An issuer at which somebody has just signed in."""

    def __init__(self, who: SignedIn) -> None:
        self.who = who

    async def depart(self, now, hint):
        return "https://issuer.example", {}

    async def arrive(self, callback_url, kept, now):
        return self.who


async def test_signing_in_ends_the_session_this_browser_had_and_no_other(hospital):
    accounts = hospital.services.accounts
    before, _ = await cookie(hospital)
    elsewhere, _ = await cookie(hospital)
    await accounts.open_account(hospital.actor("operator"), "bo", "Bo", ["steward"])
    accounts.signing_in.issuer = SignsIn(signed_in(hospital, "bo"))
    _, state = await accounts.begin_sign_in("/", None)
    opened, value, _ = await accounts.finish_sign_in(state, {}, before)
    assert opened.actor.name == "Bo"
    assert await accounts.session(before) is None
    assert await accounts.session(elsewhere) is not None
    assert await accounts.session(value) is not None


async def test_a_sign_in_that_fails_leaves_the_session_there_was(hospital):
    accounts = hospital.services.accounts
    before, _ = await cookie(hospital)
    accounts.signing_in.issuer = SignsIn(signed_in(hospital, "nobody"))
    _, state = await accounts.begin_sign_in("/", None)
    with pytest.raises(Problem):
        await accounts.finish_sign_in(state, {}, before)
    assert await accounts.session(before) is not None


async def test_signing_out_ends_the_session(hospital):
    value, _ = await cookie(hospital)
    session = await hospital.services.accounts.session(value)
    await hospital.services.accounts.sign_out(session.id)
    await hospital.services.accounts.sign_out(session.id)
    assert await hospital.services.accounts.session(value) is None


@pytest.mark.parametrize("value", [None, "", "nonsense", "A" * 5000, "\ud800"])
async def test_a_cookie_that_is_not_ours_opens_nothing(hospital, value):
    await cookie(hospital)
    assert await hospital.services.accounts.session(value) is None


async def test_only_known_accounts_of_the_configured_issuer_sign_in(hospital):
    await cookie(hospital)
    for stranger in (signed_in(hospital, "somebody"), signed_in(hospital, "an", "https://other.example")):
        with pytest.raises(Problem) as refused:
            await hospital.services.accounts.sign_in(stranger)
        assert (refused.value.status, refused.value.code) == (403, "unknown-account")


async def test_a_role_can_be_chosen_only_among_ones_own(hospital):
    value, _ = await cookie(hospital)
    session = await hospital.services.accounts.session(value)
    assert (await hospital.services.accounts.choose_role(session.id, "dpo")).actor.role == "dpo"
    assert (await hospital.services.accounts.session(value)).actor.role == "dpo"
    for role in ("patient", "operator", ""):
        with pytest.raises(Problem) as refused:
            await hospital.services.accounts.choose_role(session.id, role)
        assert refused.value.status == 403


async def test_opening_an_account_twice_keeps_it_and_adds_roles(hospital):
    operator, accounts = hospital.actor("operator"), hospital.services.accounts
    first = await accounts.open_account(operator, "an", "An", ["steward"])
    assert await accounts.open_account(operator, "an", "Somebody else", ["steward", "dpo"]) == first
    assert [(row.name, row.roles) for row in await accounts.accounts(operator)] == [("An", ("steward", "dpo"))]


@pytest.mark.parametrize("roles", [[], ["operator"], ["patient"], ["steward", "root"]])
async def test_staff_accounts_have_staff_roles_only(hospital, roles):
    with pytest.raises(Problem) as refused:
        await hospital.services.accounts.open_account(hospital.actor("operator"), "an", "An", roles)
    assert (refused.value.status, refused.value.where) == (400, "roles")


async def acting(wallet: Running, until: datetime | None) -> tuple[str, str, str]:
    """Somebody signed in at a wallet with an authority over a child: cookie, authority, child's account."""
    wallet.clock.fixed = START
    host = wallet.services.wallet.host
    child = await host(wallet.actor("operator"), "Mia", "mia", date(2020, 5, 1))
    parent = await host(wallet.actor("operator"), "Ada", "ada", date(1990, 5, 1))
    draft = AuthorityDraft(child, parent, "parent", "birth certificate", "DE", until=until)
    authority = await wallet.services.wallet.authorities.open(wallet.actor("operator"), draft)
    _, value = await wallet.services.accounts._open_session(signed_in(wallet, "ada"))
    return value, authority, child


async def test_a_session_acts_for_somebody_by_an_authority_and_goes_back(wallet):
    value, authority, child = await acting(wallet, None)
    accounts = wallet.services.accounts
    own = await accounts.session(value)
    acts = await accounts.act_for(own.id, authority)
    assert (acts.actor.account, acts.actor.proxy.account) == (child, own.actor.account)
    assert acts.actor.entry == {"account": own.actor.account, "role": "proxy", "for": child}
    assert (await accounts.session(value)).actor == acts.actor
    assert (await accounts.act_for(own.id, "")).actor == own.actor


async def test_acting_ends_at_the_instant_the_authority_does_whatever_is_open(wallet):
    end = START + timedelta(minutes=5)
    value, authority, child = await acting(wallet, end)
    accounts = wallet.services.accounts
    session = await accounts.session(value)
    await accounts.act_for(session.id, authority)
    wallet.clock.fixed = end - SECOND
    assert (await accounts.session(value)).actor.account == child
    wallet.clock.fixed = end
    assert (await accounts.session(value)).actor == session.actor
    with pytest.raises(Problem) as over:
        await accounts.act_for(session.id, authority)
    assert over.value.code == "no-authority"


async def test_nobody_acts_by_an_authority_of_somebody_else(wallet):
    _, authority, _ = await acting(wallet, None)
    await wallet.services.wallet.host(wallet.actor("operator"), "Eva", "eva")
    session, value = await wallet.services.accounts._open_session(signed_in(wallet, "eva"))
    with pytest.raises(Problem) as refused:
        await wallet.services.accounts.act_for(session.id, authority)
    assert refused.value.status == 403
    assert (await wallet.services.accounts.session(value)).actor.proxy is None


@pytest.mark.parametrize(("acr", "level"), [("substantial", "substantial"), ("gold", "low"), ("", "")])
async def test_a_session_knows_how_sure_the_sign_in_was(wallet, acr, level):
    await wallet.services.wallet.host(wallet.actor("operator"), "Eva", "eva")
    who = SignedIn(wallet.participant.settings.issuer, "eva", "", (), acr, None)
    _, value = await wallet.services.accounts._open_session(who)
    assert (await wallet.services.accounts.session(value)).actor.assurance == level
