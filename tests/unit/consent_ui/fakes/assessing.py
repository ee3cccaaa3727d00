"""In-memory risk reports: enough for their pages."""

from __future__ import annotations

from connector.problems import Problem, missing
from connector.records import RiskReport
from connector.services.releasing.risk_views import RiskView, view_of
from tests.unit.consent_ui.fakes.people import NOW
from tests.unit.consent_ui.fakes.staff import AGREEMENT, DATASET

FIGURES = {
    "people": 26, "classes": 9, "k": 1, "alone": 3, "unique": "0.115385", "l": 1, "entropy_l": "1.0000", "t": "0.61",
    "delta": "1.2000", "highest": "1", "average": "0.346154", "bands": [[1, 1, 3, 3], [2, 2, 1, 2], [3, 4, 2, 7]],
    "values": {"birth": 9, "gender": 2, "city": 0}, "without": {"birth": [4, 0], "gender": [1, 1]}, "unsaid": [],
}  # fmt: skip
SAFE = FIGURES | {"k": 7, "alone": 0, "unique": "0", "l": 3, "without": {"birth": [7, 0]}}


def report(id: str, figures: dict[str, object], verdict: str, *failed: dict[str, str], release: str = "") -> RiskView:
    asked = {one["name"]: one["asked"] for one in failed}
    row = RiskReport(
        id=id, agreement=AGREEMENT, dataset=DATASET, release=release, profile="research-standard:0a1b",
        people=int(str(figures.get("people", 0))), quasi={"columns": ["birth", "gender", "city"]}, figures=figures,
        thresholds=asked, failed={"failed": list(failed)}, verdict=verdict, made_at=NOW,
    )  # fmt: skip
    return view_of(row, "Heart failure cohort")


class Risk:
    """One report of each kind, unless it is the first day."""

    def __init__(self, empty: bool) -> None:
        unmet = (
            {"name": "min_k", "asked": "5", "found": "1"}, {"name": "max_unique", "asked": "0.05", "found": "0.115385"},
            {"name": "min_l", "asked": "2", "found": ""}, {"name": "max_t", "asked": "0.3", "found": "0.61"},
        )  # fmt: skip
        self._rows = [] if empty else [
            report("urn:uuid:risk-1", FIGURES, "refused", *unmet, release="urn:uuid:release-1"),
            report("urn:uuid:risk-2", SAFE, "met", release="urn:uuid:release-2"),
            report("urn:uuid:risk-3", {"people": 0, "unsaid": []}, "reported"),
            report("urn:uuid:risk-4", {"unsaid": ["not-measured"]}, "reported"),
        ]  # fmt: skip
        self.done: list[tuple[str, str]] = []

    async def reports(self, actor, agreement=None, dataset=None) -> list[RiskView]:
        return self._rows

    async def show(self, actor, id) -> RiskView:
        found = next((one for one in self._rows if one.id == id), None)
        if found is None:
            raise missing("There is no such risk report here")
        return found

    async def of_agreement(self, actor, agreement) -> RiskView:
        self.done.append(("agreement", agreement))
        return self._rows[0]

    async def of_dataset(self, actor, dataset, profile="") -> RiskView:
        if dataset != DATASET:
            raise Problem(400, "invalid", "The input cannot be accepted", "A stream says nothing about a person")
        self.done.append(("dataset", dataset))
        return self._rows[1]
