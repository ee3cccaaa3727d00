"""A question can be put off, a yes can end early and be made longer, and a weak sign-in says no more than no."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connector.problems import Problem
from connector.records import Consent, Study, WalletConsent
from connector.services.wallet.renewing import reminder
from connector.services.wallet.views import Answer
from policy.consent import ConsentRecord
from tests.two_party import story


class Person:
    """Somebody linked at a hospital, asked by one study."""

    def __init__(self, trio, somebody, study) -> None:
        self.trio, self.actor, self.study = trio, somebody.actor, study

    @property
    def wallet(self):
        return self.trio.wallet.services.wallet

    def later(self, days: float) -> None:
        ahead = timedelta(days=days)
        for party in (self.trio.wallet, self.trio.hospital):
            party.context.clock = lambda: datetime.now(UTC) + ahead

    async def yes(self, **limits) -> None:
        await self.wallet.answer(self.actor, self.study, Answer("yes", {story.RECORDS: None}, **limits))

    async def at_hospital(self) -> ConsentRecord:
        await self.trio.wallet.quiet()
        [found] = await self.trio.hospital.find(Consent, study=self.study, current=True)
        return ConsentRecord.from_json(found.record)

    async def questions(self) -> list[str]:
        return [card.why for card in (await self.wallet.home(self.actor)).waiting]


@pytest.fixture
async def person(trio) -> Person:
    await story.offer_dataset(trio.hospital)
    study = await story.approved_study(trio.research, trio.hospital, story.RECORDS, trio.wallet)
    return Person(trio, await story.linked_patient(trio.wallet, trio.hospital), study)


def day(ahead: int):
    return datetime.now(UTC).date() + timedelta(days=ahead)


async def test_a_question_that_was_put_off_comes_back_on_its_day(person):
    assert await person.questions() == ["asked"]
    await person.wallet.answer(person.actor, person.study, Answer("later", again=day(7)))
    home = await person.wallet.home(person.actor)
    assert (home.waiting, [card.why for card in home.put_off]) == ([], ["put-off"])
    assert (await person.at_hospital()).state == "deferred"
    person.later(8)
    assert await person.questions() == ["deferred"]
    await person.yes()
    assert (await person.at_hospital()).state == "given"
    assert await person.questions() == []


async def test_a_question_is_put_off_to_a_day_that_comes_and_not_after_an_answer(person):
    for wrong in (None, day(0), day(-3)):
        with pytest.raises(Problem) as refused:
            await person.wallet.answer(person.actor, person.study, Answer("later", again=wrong))
        assert refused.value.where == "again"
    await person.yes()
    with pytest.raises(Problem) as answered:
        await person.wallet.answer(person.actor, person.study, Answer("later", again=day(7)))
    assert answered.value.status == 409
    assert (await person.at_hospital()).state == "given"


async def test_a_yes_ends_after_the_day_the_person_chose(person):
    await person.yes(until=day(20))
    record = await person.at_hospital()
    assert record.valid_until == datetime.combine(day(21), datetime.min.time(), UTC)
    [card] = await person.wallet.permissions(person.actor)
    assert (card.state, card.until, card.renew) == ("given", record.valid_until, True)
    person.later(22)
    [card] = await person.wallet.permissions(person.actor)
    assert card.state == "expired"


@pytest.mark.parametrize(
    ("left", "due"), [(200, None), (90, 90), (60, 90), (30, 30), (8, 30), (7, 7), (1, 7), (0, None), (-5, None)]
)
def test_reminders_fall_due_90_30_and_7_days_before_the_end(left, due):
    end = datetime(2027, 1, 1, tzinfo=UTC)
    assert reminder(end, end - timedelta(days=left)) == due


async def test_the_person_is_reminded_and_makes_it_longer_under_the_same_words(person):
    await person.yes(until=day(120))
    assert await person.questions() == []
    person.later(40)
    assert await person.questions() == ["renewal"]
    before = await person.at_hospital()
    await person.wallet.renewals.renew(person.actor, person.study, day(250))
    after = await person.at_hospital()
    assert (after.state, after.version, after.previous) == ("renewed", 2, before.digest())
    assert (after.data, after.window, after.words, after.study_digest) == (
        before.data, before.window, before.words, before.study_digest,
    )  # fmt: skip
    assert after.valid_until.date() == day(251)
    assert await person.questions() == []
    [card] = await person.wallet.permissions(person.actor)
    assert card.state == "given"


async def test_silence_lets_a_yes_end_and_an_ended_one_is_not_renewed(person):
    await person.yes(until=day(20))
    person.later(22)
    assert await person.questions() == []
    with pytest.raises(Problem) as over:
        await person.wallet.renewals.renew(person.actor, person.study)
    assert over.value.status == 409
    assert (await person.at_hospital()).version == 1


async def test_changed_words_are_a_new_question_and_no_renewal(person):
    await person.yes(until=day(120))
    await person.at_hospital()
    study = await person.trio.wallet.get(Study, person.study)
    words = study.document["words"] | {"money": "The group now earns money with your data."}
    changed = replace(study, document=study.document | {"words": words})
    await person.trio.wallet.store.write(lambda tx: tx.put(changed))
    with pytest.raises(Problem):
        await person.wallet.renewals.renew(person.actor, person.study)
    assert (await person.at_hospital()).version == 1


async def test_a_renewal_makes_it_longer_never_shorter_nor_longer_than_the_study(person):
    await person.yes(until=day(120))
    with pytest.raises(Problem):
        await person.wallet.renewals.renew(person.actor, person.study, day(60))
    await person.wallet.renewals.renew(person.actor, person.study, day(4000))
    study = await person.trio.wallet.get(Study, person.study)
    assert (await person.at_hospital()).to_json()["valid_until"] == study.document["valid_until"]
    with pytest.raises(Problem):
        await person.wallet.renewals.renew(person.actor, person.study)


async def test_a_weak_sign_in_gives_no_yes_and_its_stop_is_taken_as_a_pause(person):
    weak = replace(person.actor, assurance="low")
    with pytest.raises(Problem) as refused:
        await person.wallet.answer(weak, person.study, Answer("yes", {story.RECORDS: None}))
    assert refused.value.code == "assurance-too-low"
    strong = replace(person.actor, assurance="substantial")
    await person.wallet.answer(strong, person.study, Answer("yes", {story.RECORDS: None}))
    assert (await person.at_hospital()).capture.assurance == "substantial"
    await person.wallet.withdraw(weak, person.study, "erase")
    paused = await person.at_hospital()
    assert (paused.state, paused.capture.assurance) == ("suspended", "low")
    await person.wallet.withdraw(strong, person.study, "erase")
    assert (await person.at_hospital()).state == "withdrawn"


async def test_a_weak_sign_in_says_no_to_what_was_never_given(person):
    weak = replace(person.actor, assurance="low")
    await person.wallet.answer(weak, person.study, Answer("no"))
    assert (await person.at_hospital()).state == "refused"


async def test_where_the_provider_states_no_assurance_nothing_is_claimed(person):
    await person.yes()
    record = await person.at_hospital()
    assert (record.capture.channel, record.capture.assurance, record.capture.interface) == (
        "portal", None, "study-page/1",
    )  # fmt: skip
    assert [one.wish for one in await person.trio.wallet.find(WalletConsent)] == ["yes"]
