"""Policies that another validator calls valid or invalid (OVAL): the folder says which.

`valid_ODRL`, `valid_compact_ODRL` and their like hold the examples of the Information Model in its several forms;
valid means without an error, warnings are free. A text that is no policy at all is invalid too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from policy.odrl.documents import read_document
from policy.odrl.model import PolicyError
from policy.odrl.validation import Severity, problems
from tests.vectors.scoring import Case


def validation_cases(root: Path) -> Iterator[Case]:
    """Yield one case for each policy file of a folder whose name begins with valid or invalid."""
    for path in sorted((root / "odrl/oval/validation").glob("*/*")):
        verdict = path.parent.name.partition("_")[0]
        if path.is_file() and verdict in {"valid", "invalid"}:
            yield Case(f"{path.parent.name}/{path.stem}", partial(_check, path, verdict))


def _check(path: Path, verdict: str) -> None:
    errors = _errors(path.read_text("utf-8"))
    found = "invalid" if errors else "valid"
    assert found == verdict, f"expected {verdict}, came {found}: {'; '.join(errors)}"


def _errors(text: str) -> list[str]:
    try:
        policies = read_document(text).policies
    except PolicyError as error:
        return [str(error)]
    found = [one for policy in policies for one in problems(policy) if one.severity is Severity.ERROR]
    return [f"{one.path}: {one.message}" for one in found] if policies else ["there is no policy in it"]


SETS: dict[str, Callable[[Path], Iterator[Case]]] = {"odrl/oval-validation": validation_cases}
