"""Somebody decides for somebody else: verified, limited, ended by time; the person's own no outweighs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from connector.problems import Problem
from connector.records import (
    Account,
    Authority,
    Consent,
    LogEntry,
    Person,
    Study,
    StudyDecision,
    WalletConsent,
    WalletLink,
)
from connector.services.actors import Actor, Proxy
from connector.services.wallet.authorities import AuthorityDraft
from connector.services.wallet.pausing import Limit
from connector.services.wallet.views import Answer
from policy.consent import ConsentRecord, EffectiveState, effective_state
from tests.two_party import story
from tests.two_party.space import until

YES = Answer("yes", {story.RECORDS: None})
NO = Answer("no")


def years_ago(years: int, days: int = 0) -> date:
    """The birth date of somebody who completes so many years in so many days."""
    today = datetime.now(UTC).date() + timedelta(days=days)
    return date(today.year - years, today.month, min(today.day, 28))


@dataclass
class Family:
    """A child with a record, linked at the hospital, and the adults of this wallet."""

    trio: Any
    child: story.Patient
    study: str
    adults: dict[str, str]

    @property
    def wallet(self):
        return self.trio.wallet.services.wallet

    async def authority(self, name: str, kind: str = "parent", **changes: Any) -> str:
        draft = {"account": self.child.actor.account, "proxy": self.adults[name], "kind": kind,
                 "evidence": "birth certificate", "jurisdiction": "DE"} | changes  # fmt: skip
        return str(await self.wallet.authorities.open(self.trio.wallet.acting("operator"), AuthorityDraft(**draft)))

    def acting(self, name: str, authority: str) -> Actor:
        return replace(self.child.actor, proxy=Proxy(self.adults[name], name, authority))

    async def stands(self) -> WalletConsent:
        [found] = await self.trio.wallet.find(WalletConsent, study=self.study, current=True)
        return found

    async def at_hospital(self) -> ConsentRecord:
        await self.trio.wallet.quiet()
        [found] = await self.trio.hospital.find(Consent, study=self.study, current=True)
        return ConsentRecord.from_json(found.record)


@pytest.fixture
async def family(trio) -> Family:
    await story.offer_dataset(trio.hospital)
    study = await story.approved_study(trio.research, trio.hospital, story.RECORDS, trio.wallet)
    child = await story.linked_patient(trio.wallet, trio.hospital, "Mia Moe")
    born = years_ago(17, days=-60)
    await trio.wallet.store.write(lambda tx: tx.alter(Account, {"born": born}, id=child.actor.account))
    operator = trio.wallet.acting("operator")
    adults = {
        name: await trio.wallet.services.wallet.host(operator, name, f"subject-{name}", date(1980, 1, 1))
        for name in ("Ada", "Ben")
    }
    return Family(trio, child, study, adults)


async def born(family: Family, day: date) -> None:
    account = family.child.actor.account
    await family.trio.wallet.store.write(lambda tx: tx.alter(Account, {"born": day}, id=account))


def later(family: Family, days: int) -> datetime:
    """Both clocks go forward."""
    ahead = timedelta(days=days)
    for party in (family.trio.wallet, family.trio.hospital):
        party.context.clock = lambda: datetime.now(UTC) + ahead
    return datetime.now(UTC) + ahead


async def test_a_parents_yes_is_recorded_and_shown_as_theirs(family):
    authority = await family.authority("Ada")
    await family.wallet.answer(family.acting("Ada", authority), family.study, YES)
    record = await family.at_hospital()
    kept = await family.trio.wallet.get(Authority, authority)
    assert (record.signer.kind, record.signer.authority, record.signer.record) == ("proxy", "parent", authority)
    assert record.signer.until == kept.until is not None
    [card] = await family.wallet.permissions(family.child.actor)
    assert card.by == "Ada (parent)"
    page = await family.wallet.authorities.page(family.child.actor)
    assert [(act.proxy_name, act.state) for act in page.done] == [("Ada", "given")]
    [entry] = await family.trio.wallet.find(LogEntry, kind="consent.given")
    assert '"signer":"proxy"' in entry.body
    assert authority in entry.body


async def test_nobody_acts_without_an_authority_that_is_in_force_and_theirs(family):
    mine = await family.authority("Ada")
    stranger = replace(family.acting("Ben", mine))
    with pytest.raises(Problem) as refused:
        await family.wallet.answer(stranger, family.study, YES)
    assert refused.value.code == "no-authority"
    with pytest.raises(Problem):
        await family.wallet.answer(family.acting("Ada", story.urn()), family.study, YES)
    assert not await family.trio.wallet.find(WalletConsent)


async def test_an_authority_ended_by_staff_stops_at_once_and_what_it_allowed_rests(family):
    authority = await family.authority("Ada")
    actor = family.acting("Ada", authority)
    await family.wallet.answer(actor, family.study, YES)
    await family.wallet.authorities.end(family.trio.wallet.acting("operator"), authority)
    with pytest.raises(Problem) as refused:
        await family.wallet.answer(actor, family.study, YES)
    assert refused.value.code == "no-authority"
    record = await family.at_hospital()
    assert (record.state, record.signer.record) == ("suspended", None)
    assert "staff" in record.signer.authority
    [asked] = (await family.wallet.home(family.child.actor)).waiting
    assert asked.why == "resting"


async def test_an_authority_about_one_study_is_about_no_other(family):
    other = await story.publish_study(family.trio.research, (family.trio.hospital, story.RECORDS))
    await family.trio.hospital.services.studies.decide(family.trio.hospital.acting("steward"), other, True, "")
    await family.trio.wallet.eventually(Study, other, where=lambda found: found.standing == "shown")
    authority = await family.authority("Ada", studies=[other])
    actor = family.acting("Ada", authority)
    for doing in (family.wallet.answer(actor, family.study, YES), family.wallet.study(actor, family.study)):
        with pytest.raises(Problem) as refused:
            await doing
        assert refused.value.code == "outside-authority"
    assert [card.id for card in (await family.wallet.home(actor)).waiting] == [other]
    with pytest.raises(Problem):
        await family.wallet.export(actor)
    await family.wallet.answer(actor, other, YES)
    assert [card.study for card in await family.wallet.permissions(actor)] == [other]


async def test_on_the_day_a_child_comes_of_age_the_yes_rests_and_the_person_is_asked(family):
    await born(family, years_ago(18, days=3))
    authority = await family.authority("Ada")
    await family.wallet.answer(family.acting("Ada", authority), family.study, YES)
    record = await family.at_hospital()
    assert effective_state(record, datetime.now(UTC)) is EffectiveState.GIVEN
    now = later(family, 4)
    assert effective_state(record, now) is EffectiveState.AUTHORITY_ENDED
    [asked] = (await family.wallet.home(family.child.actor)).waiting
    assert asked.why == "authority-ended"
    [card] = await family.wallet.permissions(family.child.actor)
    assert card.state == "authority-ended"
    with pytest.raises(Problem):
        await family.wallet.answer(family.acting("Ada", authority), family.study, YES)
    await family.wallet.answer(family.child.actor, family.study, YES)
    record = await family.at_hospital()
    assert (record.state, record.signer.kind, record.signer.until) == ("given", "self", None)
    assert effective_state(record, later(family, 5)) is EffectiveState.GIVEN


async def test_whoever_has_come_of_age_answers_though_the_study_takes_no_more_answers(family):
    await born(family, years_ago(18, days=3))
    await family.wallet.answer(family.acting("Ada", await family.authority("Ada")), family.study, YES)
    await family.trio.wallet.quiet()
    later(family, 60)
    await family.wallet.answer(family.child.actor, family.study, YES)
    assert (await family.stands()).state == "given"


async def test_a_minor_says_no_themselves_and_no_parent_turns_it_round(family):
    authority = await family.authority("Ada")
    actor = family.acting("Ada", authority)
    await family.wallet.answer(actor, family.study, YES)
    await family.wallet.answer(family.child.actor, family.study, NO)
    assert (await family.stands()).state == "withdrawn"
    for decision in (YES, NO, YES):
        if decision is YES:
            with pytest.raises(Problem) as refused:
                await family.wallet.answer(actor, family.study, decision)
            assert refused.value.code == "own-no"
        else:
            await family.wallet.answer(actor, family.study, decision)
    record = await family.at_hospital()
    assert record.state == "withdrawn"


async def test_a_minors_own_no_is_recorded_beside_a_parents_no(family):
    actor = family.acting("Ada", await family.authority("Ada"))
    await family.wallet.answer(actor, family.study, NO)
    await family.wallet.answer(family.child.actor, family.study, NO)
    assert (await family.at_hospital()).signer.kind == "self"
    with pytest.raises(Problem) as refused:
        await family.wallet.answer(actor, family.study, YES)
    assert refused.value.code == "own-no"


async def test_a_minor_says_no_yes_and_a_young_child_no_no(family):
    with pytest.raises(Problem) as refused:
        await family.wallet.answer(family.child.actor, family.study, YES)
    assert refused.value.code == "minor"
    await born(family, years_ago(9))
    with pytest.raises(Problem) as young:
        await family.wallet.answer(family.child.actor, family.study, NO)
    assert young.value.code == "too-young"
    assert not await family.trio.wallet.find(WalletConsent)


@pytest.mark.parametrize("first", [YES, NO], ids=["yes-then-no", "no-then-yes"])
async def test_when_two_guardians_disagree_the_consent_rests_until_they_agree(family, first):
    ada, ben = [one async for one in _both(family)]
    second = NO if first is YES else YES
    await family.wallet.answer(ada, family.study, first)
    await family.wallet.answer(ben, family.study, second)
    assert (await family.at_hospital()).state == "suspended"
    await family.wallet.answer(ben if second is NO else ada, family.study, YES)
    assert (await family.at_hospital()).state == "given"
    await family.wallet.withdraw(ada, family.study, "erase")
    assert (await family.at_hospital()).state == "suspended"
    await family.wallet.withdraw(ben, family.study, "erase")
    assert (await family.at_hospital()).state == "withdrawn"


async def _both(family):
    for name in ("Ada", "Ben"):
        yield family.acting(name, await family.authority(name))


async def test_whoever_acts_sees_what_others_did_within_their_authority_and_never_their_papers(family):
    ada = family.acting("Ada", await family.authority("Ada", evidence="Ada's papers"))
    ben = family.acting("Ben", await family.authority("Ben", evidence="Ben's papers", studies=[family.study]))
    none = family.acting("Ben", await family.authority("Ben", evidence="Ben's papers", studies=[]))
    await family.wallet.answer(ada, family.study, YES)
    page = await family.wallet.authorities.page(ben)
    assert {one.proxy_name: one.evidence for one in page.for_me} == {"Ada": "", "Ben": "Ben's papers"}
    assert [act.proxy_name for act in page.done] == ["Ada"]
    assert (await family.wallet.authorities.page(none)).done == []


async def test_an_authority_needs_evidence_a_law_and_for_a_child_a_birth_date(family):
    for wrong in (
        {"evidence": " "}, {"jurisdiction": "Germany"}, {"kind": "uncle"}, {"proxy": family.child.actor.account},
        {"until": datetime.now(UTC) - timedelta(days=1)}, {"studies": [story.urn()]},
    ):  # fmt: skip
        with pytest.raises(Problem) as refused:
            await family.authority("Ada", **wrong)
        assert refused.value.status == 400
    await born(family, None)
    with pytest.raises(Problem) as undated:
        await family.authority("Ada")
    assert undated.value.where == "account"
    assert not await family.trio.wallet.find(Authority)


async def test_only_who_may_ends_an_authority(family):
    authority = await family.authority("Ada")
    with pytest.raises(Problem) as child:
        await family.wallet.authorities.end(family.child.actor, authority)
    assert child.value.code == "not-yours-to-end"
    with pytest.raises(Problem) as stranger:
        await family.wallet.authorities.end(family.trio.wallet.acting("patient", family.adults["Ben"]), authority)
    assert stranger.value.status == 404
    with pytest.raises(Problem):
        await family.wallet.authorities.end(family.acting("Ada", authority), authority)
    await born(family, date(1970, 1, 1))
    attorney = await family.authority("Ben", kind="attorney")
    court = await family.authority("Ben", kind="court")
    await family.wallet.authorities.end(family.child.actor, attorney)
    with pytest.raises(Problem):
        await family.wallet.authorities.end(family.child.actor, court)
    await family.wallet.authorities.end(family.trio.wallet.acting("patient", family.adults["Ada"]), authority)
    assert [one.id for one in await family.trio.wallet.find(Authority) if one.ended_at is None] == [court]


async def test_staff_record_an_answer_by_a_verified_authority(family):
    authority = await family.authority("Ada")
    account = family.child.actor.account
    operator = family.trio.wallet.acting("operator")
    await family.wallet.answer_as_proxy(operator, account, family.study, YES, authority)
    record = await family.at_hospital()
    assert (record.signer.record, record.capture.channel) == (authority, "api")
    await family.wallet.authorities.end(operator, authority)
    with pytest.raises(Problem):
        await family.wallet.answer_as_proxy(operator, account, family.study, YES, authority)


async def test_what_staff_record_for_a_child_in_words_ends_with_childhood_too(family):
    await family.wallet.answer_as_proxy(
        family.trio.wallet.acting("operator"), family.child.actor.account, family.study, YES, "Parent"
    )
    signer = (await family.at_hospital()).signer
    assert signer.authority == "Parent"
    assert signer.until is not None


@pytest.fixture
async def two_places(space, trio, family) -> tuple[Family, Any]:
    """The same person is linked at a second hospital too, and a study asks both."""
    clinic = await space.add("clinic", "hospital")
    await space.introduce()
    await story.offer_dataset(clinic, "urn:concord:dataset:clinic")
    pairs = (trio.hospital, story.RECORDS), (clinic, "urn:concord:dataset:clinic")
    study = await story.publish_study(trio.research, *pairs)
    for holder, _ in pairs:
        await holder.services.studies.decide(holder.acting("steward"), study, True, "")
    await until(lambda: both_approved(trio.wallet, study), "both approvals at the wallet")
    person = story.urn()
    await clinic.add(Person(id=person, source="records", source_id=person, name="Mia Moe"))
    await family.wallet.link(family.child.actor, clinic.id, await story.link_code(clinic, person))
    return replace(family, study=study), clinic


async def both_approved(wallet, study):
    return len(await wallet.find(StudyDecision, study=study, answer="approved")) == 2


async def test_a_minors_no_to_a_study_holds_at_places_linked_later_too(two_places):
    family, clinic = two_places
    wallet = family.trio.wallet
    links = await wallet.find(WalletLink, holder=clinic.id)
    await wallet.store.write(lambda tx: tx.change(links[0], standing="ended"))
    await family.wallet.answer(family.child.actor, family.study, NO)
    await wallet.store.write(lambda tx: tx.alter(WalletLink, {"standing": "active"}, id=links[0].id))
    actor = family.acting("Ada", await family.authority("Ada"))
    with pytest.raises(Problem) as refused:
        await family.wallet.answer(actor, family.study, Answer("yes", {"urn:concord:dataset:clinic": None}))
    assert refused.value.code == "own-no"


async def test_a_no_to_one_place_of_a_study_is_turned_by_the_person_alone(two_places):
    family, _ = two_places
    await born(family, date(1970, 1, 1))
    await family.wallet.answer(family.child.actor, family.study, YES)  # and thereby no to the clinic
    actor = family.acting("Ben", await family.authority("Ben", kind="attorney"))
    both = Answer("yes", {story.RECORDS: None, "urn:concord:dataset:clinic": None})
    with pytest.raises(Problem) as refused:
        await family.wallet.answer(actor, family.study, both)
    assert refused.value.code == "own-no"
    await family.wallet.answer(family.child.actor, family.study, both)
    found = await family.trio.wallet.find(WalletConsent, study=family.study, current=True)
    assert [one.state for one in found] == ["given", "given"]


async def test_a_child_shares_less_of_what_a_parent_allowed_and_it_stays_the_parents_yes(family):
    authority = await family.authority("Ada")
    await family.wallet.answer(family.acting("Ada", authority), family.study, YES)
    less = Limit(datasets={story.RECORDS: ["vital-signs"]})
    await family.wallet.pauses.limit(replace(family.child.actor, assurance="low"), family.study, less)
    record = await family.at_hospital()
    assert (record.version, record.state, record.data[0].categories) == (2, "given", ("vital-signs",))
    assert (record.signer.kind, record.signer.record) == ("proxy", authority)
    assert record.capture.assurance == "low"


async def test_a_child_too_young_to_say_no_limits_nothing(family):
    await born(family, years_ago(5))
    authority = await family.authority("Ada")
    await family.wallet.answer(family.acting("Ada", authority), family.study, YES)
    less = Limit(datasets={story.RECORDS: ["vital-signs"]})
    with pytest.raises(Problem) as refused:
        await family.wallet.pauses.limit(family.child.actor, family.study, less)
    assert refused.value.code == "too-young"
