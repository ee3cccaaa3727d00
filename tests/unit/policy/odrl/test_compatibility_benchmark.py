"""The conflict benchmark beyond its pairs: the other verdicts, and that no pair in conflict is called compatible."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from policy.odrl.compatibility import Verdict
from tests.vectors.__main__ import OWN, standard
from tests.vectors.sets.odrl_conflict import answer, cases, execution, pair, rows

SAID = {
    "Unknown": Verdict.UNKNOWN,
    "Permit": Verdict.COMPATIBLE,
    "Satisfiable": Verdict.COMPATIBLE,
    "Unsatisfiable": Verdict.CONFLICT,
}
# Two policies and a verdict about the theory, not about them: three clashes at once, and an overlap, are each possible.
ABOUT_THE_THEORY = "SAT"


def roots() -> list[Path]:
    """Where the set is: the shared copy, without it our own."""
    return [root for root in (*standard(), OWN) if rows(root)][:1]


@pytest.fixture(params=roots(), ids=lambda root: root.name)
def root(request: pytest.FixtureRequest) -> Path:
    """One copy of the set."""
    return Path(request.param)


def test_no_pair_in_conflict_is_called_compatible_and_no_compatible_one_in_conflict(root: Path) -> None:
    opposite = {"Conflict": Verdict.COMPATIBLE, "Compatible": Verdict.CONFLICT}
    wrong = [row.problem for row in rows(root) if pair(row) and answer(row, root) is opposite.get(row.verdict)]
    assert wrong == []


def test_what_is_unknown_permitted_or_unsatisfiable_is_said_to_be_so(root: Path) -> None:
    came = Counter(
        (row.verdict, answer(row, root) is SAID[row.verdict])
        for row in rows(root)
        if row.verdict in SAID and not (pair(row) and ABOUT_THE_THEORY in row.problem)
    )
    assert {verdict for verdict, right in came if not right} == set()
    assert {verdict for verdict, right in came if right} == set(SAID)


def test_at_least_ninety_five_in_a_hundred_pairs_are_answered_as_expected(root: Path) -> None:
    found = list(cases(root))
    failed = []
    for case in found:
        try:
            case.check()
        except AssertionError:
            failed.append(case.name)
    assert len(found) > 50
    assert len(failed) <= len(found) * 0.05, failed


def test_rows_whose_file_has_one_side_only_are_left_out_and_counted(root: Path) -> None:
    names = {case.name for case in cases(root)}
    decided = [row for row in rows(root) if row.verdict in {"Conflict", "Compatible"}]
    lemmas = [row for row in decided if row.problem not in names]
    assert not any(pair(row) for row in lemmas)
    assert len(lemmas) + len(names) == len(decided)
    if len(decided) == 154:
        assert (len(names), len(lemmas)) == (128, 26)


def test_among_them_are_equal_texts_with_opposite_verdicts(root: Path) -> None:
    said: dict[str, set[str]] = {}
    for row in rows(root):
        if not pair(row) and row.verdict in {"Conflict", "Compatible"}:
            lines = row.file.read_text("utf-8").splitlines()
            text = " ".join(line for line in lines if not line.startswith(("@prefix", "#"))).split()
            said.setdefault(" ".join(text).replace("policyA", "policy"), set()).add(row.verdict)
    assert {"Conflict", "Compatible"} in said.values()


def test_an_execution_is_read_as_days(tmp_path: Path) -> None:
    file = tmp_path / "one.ttl"
    file.write_text("# Ground execution: start=0, now=8, segments [0,2],[4,7]\n", "utf-8")
    said = {left.rpartition("/")[2]: value.text for left, value in execution(file).items()}
    assert said == {"elapsedTime": "PT691200S", "meteredTime": "PT432000S"}
