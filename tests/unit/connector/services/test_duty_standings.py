"""How a duty stands at a moment: as the evaluator's own account of what is owed says it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from connector.records import DutyOwed
from connector.services.duties.views import Standing, standing
from policy.odrl import read
from policy.odrl.duties import rule, stated
from policy.odrl.monitoring import Fulfilment, owed

SINCE = datetime(2026, 11, 22, 10, tzinfo=UTC)
days = st.integers(0, 400).map(lambda count: SINCE + timedelta(days=count))
PRESSING = {"due": "pending"}
"""What is pressing is still in time; only people are shown the difference."""


@given(st.sampled_from(["report:P60D", "report:2027-02-01", "publish-results:P6M"]), days, st.none() | days)
def test_a_duty_stands_as_the_policy_says(text, now, done):
    policy = read({"@id": "urn:a", "@type": "Set", "obligation": [dict(rule(text))]})
    [duty] = stated(policy)
    done = done if done is not None and done <= now else None
    row = DutyOwed(
        id="urn:d", agreement="urn:a", duty=duty.key, by="consumer", role="consumer", due_at=duty.due(SINCE),
        opens_at=SINCE + timedelta(days=20), done_at=done,
    )  # fmt: skip
    [said] = owed(policy, [Fulfilment(duty.pointer, done)] if done else [], now, since=SINCE)
    mine = str(standing(row, now))
    assert PRESSING.get(mine, mine) == str(said.standing)


def test_what_has_no_last_instant_is_due_and_never_late():
    row = DutyOwed(id="urn:d", agreement="urn:a", duty="inform", by="consumer", role="consumer", opens_at=SINCE)
    assert standing(row, SINCE + timedelta(days=9999)) is Standing.DUE


@given(st.integers(-90, 180), st.integers(-90, 180))
def test_what_is_said_to_be_done_in_time_counts_so_only_if_it_was_told_within_an_hour_of_it(done, known):
    """In minutes from the last instant."""
    row = DutyOwed(
        id="urn:d", agreement="urn:a", duty="report", by="consumer", role="provider", due_at=SINCE, standing="done",
        done_at=SINCE + timedelta(minutes=done), evidence={"known_at": (SINCE + timedelta(minutes=known)).isoformat()},
    )  # fmt: skip
    expected = "violated" if done > 0 else "stated-late" if known > 60 else "fulfilled"
    assert str(standing(row, SINCE + timedelta(days=1))) == expected
