"""OVAL's evaluation cases: a policy X.ttl, a log X.csv, and the verdict in the name of the folder they lie in."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from policy.canonical import canonical
from policy.odrl.documents import read_document
from policy.odrl.evaluating.behaviours import OVAL
from policy.odrl.monitoring import monitor, read_log
from tests.vectors.scoring import Case

FOLDER = Path("odrl/oval/evaluation")
VERDICTS = {"valid": True, "invalid": False}


def evaluation(root: Path) -> Iterator[Case]:
    """Every log beside a policy, in the folders that name a verdict."""
    for verdict, expected in VERDICTS.items():
        for log in sorted((root / FOLDER / verdict).glob("*.csv")):
            yield Case(f"{verdict}/{log.stem}", partial(check, log, expected=expected))


def check(log: Path, *, expected: bool) -> None:
    """Monitor the log as OVAL does and compare the verdict; the report must have a canonical form."""
    (policy,) = read_document(log.with_suffix(".ttl").read_bytes(), "text/turtle").policies
    report = monitor(policy, read_log(log.read_bytes()), OVAL)
    canonical(report.to_json())
    found = [(one.cause.value, one.event, one.rule) for one in report.violations if one.mended is None]
    assert report.valid is expected, f"expected valid={expected}, found {found} {report.unknown}: {note(log)}"


def note(log: Path) -> str:
    """What the set itself says of the case."""
    text = log.with_suffix(".txt")
    return text.read_text("utf-8").partition("\n")[0] if text.is_file() else ""


SETS = {"odrl/oval-evaluation": evaluation}
