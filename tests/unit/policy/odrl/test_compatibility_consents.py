"""An offer and a request against a person's consent: what the person said bounds what the two may come to."""

from __future__ import annotations

from datetime import UTC, date, datetime

from policy.odrl.compatibility import Comparison, Verdict, compare
from policy.odrl.compatibility.consents import Asked, claims
from policy.odrl.reading import read
from tests.unit.policy.story import ACADEMIC, DATASET, MARKETING, NOW, RESEARCH, story

OFFER, REQUEST = read(story.offer()), read(story.agreement())


def heard(asked: Asked | None = None, **consent: object) -> Comparison:
    """The story's offer and request against a consent."""
    said = claims(story.record(**consent), NOW, asked or Asked(), DATASET)
    return compare(OFFER, REQUEST, claims=said)


def words(found: Comparison) -> list[str]:
    """All clashes, in words."""
    return [clash.words for clash in found.clashes]


def test_a_consent_that_covers_the_request_is_compatible_with_a_witness_inside_it() -> None:
    found = heard()
    assert found.verdict is Verdict.COMPATIBLE
    values = {one.left.rpartition("/")[2].rpartition("#")[2]: one.value.text for one in found.witness}
    assert values["purpose"] == RESEARCH
    assert datetime.fromisoformat(values["dateTime"]) <= datetime(2027, 10, 1, tzinfo=UTC)


def test_a_consent_for_another_recipient_study_or_dataset_clashes_and_says_with_what() -> None:
    for change in ({"recipients": ["urn:other"]}, {"data": [{"dataset": "urn:other", "categories": None}]}):
        found = heard(**change)
        assert found.verdict is Verdict.CONFLICT
        assert "The request is only f" in words(found)[0] or "the person's consent is only f" in words(found)[0]


def test_a_purpose_that_nobody_relates_to_the_consents_is_unknown() -> None:
    found = heard(purposes=[MARKETING])
    assert found.verdict is Verdict.UNKNOWN
    assert any("marketing" in one for one in found.unknowns)
    assert heard(purposes=[ACADEMIC]).verdict is Verdict.UNKNOWN


def test_a_consent_that_ended_before_the_contract_begins_clashes() -> None:
    late = story.with_term("dateTime", "gteq", "2027-11-01T00:00:00Z")
    found = compare(OFFER, read(late), claims=claims(story.record(), NOW, dataset=DATASET))
    assert found.verdict is Verdict.CONFLICT
    assert words(found) == ["The request begins 1 November 2027; the person's consent ends 30 September 2027"]


def test_a_consent_that_no_longer_stands_clashes_by_itself_and_first() -> None:
    record = story.next(story.record(recipients=["urn:other"]), state="withdrawn")
    withdrawn = compare(OFFER, REQUEST, claims=claims(record, NOW, dataset=DATASET))
    assert withdrawn.verdict is Verdict.CONFLICT
    assert words(withdrawn)[0] == "The person's consent: it is withdrawn"
    assert len(words(withdrawn)) == 2
    over = claims(story.record(), datetime(2028, 1, 1, tzinfo=UTC), dataset=DATASET)
    assert words(compare(OFFER, REQUEST, claims=over))[0] == "The person's consent: it is over"


def test_kinds_of_data_and_dates_must_meet_at_least_in_part() -> None:
    some = {"data": [{"dataset": DATASET, "categories": ["laboratory", "conditions"]}]}
    assert heard(Asked(categories=("laboratory", "imaging")), **some).verdict is Verdict.COMPATIBLE
    found = heard(Asked(categories=("imaging",)), **some)
    assert words(found) == [
        "The request: it is only about: Scans and X-rays; the person's consent: it is only about: "
        "Laboratory results; Illnesses and health problems"
    ]
    window = {"window": {"start": "2020-01-01", "end": "2022-12-31"}}
    assert heard(Asked(start=date(2022, 12, 31)), **window).verdict is Verdict.COMPATIBLE
    assert heard(Asked(start=date(2023, 1, 1)), **window).verdict is Verdict.CONFLICT


def test_what_a_consent_says_counts_for_nobody_as_having_said_it() -> None:
    silent = story.agreement()
    silent["permission"][0]["constraint"] = []
    found = compare(OFFER, read(silent), claims=claims(story.record(), NOW, dataset=DATASET))
    assert found.verdict is Verdict.UNKNOWN
    assert "The offer limits the purpose; the request says nothing about it" in found.unknowns
