"""What may be asked of a release, and how what cannot be is refused."""

from __future__ import annotations

import pytest

from connector.problems import Problem
from connector.services.releasing.asked import Asked


@pytest.mark.parametrize(
    "since",
    ["yesterday", "2026-01-01", "2026-01-01T00:00:00", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+14:00", ""],
)
def test_what_is_no_instant_of_the_calendar_is_refused(since: str) -> None:
    with pytest.raises(Problem) as refused:
        _ = Asked(export=True, since=since).moment
    assert refused.value.status == 400


def test_an_instant_is_told_in_universal_time() -> None:
    assert Asked(since="2026-01-01T01:00:00+02:00").moment.isoformat() == "2025-12-31T23:00:00+00:00"
