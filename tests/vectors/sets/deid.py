"""Rule files of Microsoft's and miracum's tools: what they publish as results of their own tests, and what ours gives.

`cases.json` (ours) says which rule file belongs to which input. Every case is run with the keys of the file, as the
tool did, and has to give the very result; and with keys as the vault makes them: then whatever differs has to be a
keyed value, put one to one in the place of the other. What is no difference: the order of members, and `Z` for
`+00:00`, in which both tools write moments again. miracum's pseudonym service is a stand-in, whose form of pseudonyms
is used here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from connector.deidentify.foreign.reading import RuleFile, read_document, read_file
from connector.deidentify.foreign.report import Refused, Unprocessable
from connector.deidentify.foreign.ruleset import RuleSet
from connector.deidentify.foreign.turn import Keys
from connector.vault.foreign_ciphers import FileKeys, RuleSetKeys
from tests.vectors.scoring import Case

CASES = Path(__file__).parents[1] / "deid" / "cases.json"
FOLDER = "deid"
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT[\d:.]+)Z")


class StandIn(FileKeys):
    """The keys of a file, and pseudonyms as the tests of miracum's tool make them."""

    __slots__ = ()

    def pseudonym(self, domain: str, text: str) -> str:
        """As the stand-in of their service."""
        return f"pseuded-{text}@{domain}"


def microsoft(root: Path) -> Iterator[Case]:
    """Every pair of Microsoft's functional tests, and every error that they expect."""
    yield from _cases("deid/ms", root)


def miracum(root: Path) -> Iterator[Case]:
    """Every snapshot of miracum's tests."""
    yield from _cases("deid/fhir-pseudonymizer", root)


def _cases(name: str, root: Path) -> Iterator[Case]:
    table = json.loads(CASES.read_text("utf-8"))
    as_of = date.fromisoformat(table["as_of"])
    for case in table[name]:
        if isinstance(case["input"], str) and not (root / FOLDER / case["input"]).is_file():
            continue
        if "target" in case and not (root / FOLDER / case["target"]).is_file():
            continue
        yield Case(f"{case['name']}/file-keys", partial(check, root / FOLDER, case, as_of, own=False))
        yield Case(f"{case['name']}/vault-keys", partial(check, root / FOLDER, case, as_of, own=True))


def check(folder: Path, case: dict[str, Any], as_of: date, *, own: bool) -> None:
    """Apply the rule file and compare."""
    file = _rules(folder, case)
    keys: Keys = RuleSetKeys(bytes(32)) if own else _file_keys(file)
    body = _body(folder, case)
    if "refused" in case:
        _check_refused(RuleSet(file, keys), body, as_of, unprocessable=case["refused"] == "unprocessable")
        return
    found = json.loads(RuleSet(file, keys).apply(body, as_of))
    wanted = json.loads((folder / case["target"]).read_text("utf-8-sig"))
    differing = dict[str, str]()
    _compare(wanted, found, differing, "")
    if own or "digests" in case:
        _check_keyed(differing, body.decode())
    else:
        assert not differing, f"differs: {differing}"


def _check_refused(rules: RuleSet, body: bytes, as_of: date, *, unprocessable: bool) -> None:
    with pytest.raises(Refused) as refused:
        rules.apply(body, as_of)
    assert isinstance(refused.value, Unprocessable) == unprocessable, refused.value.code


def _check_keyed(differing: dict[str, str], body: str) -> None:
    """Keyed values one to one: each of theirs always the same of ours, two of theirs never one, none from before."""
    assert len(set(differing.values())) == len(differing), "two values became one"
    for theirs, ours in differing.items():
        before, changed = _apart(theirs, ours)
        assert changed not in body or _is_date(ours), f"{before}: a value came through as it was"


def _apart(theirs: str, ours: str) -> tuple[str, str]:
    """What both begin with, up to a separator, and the rest of ours."""
    same = 0
    while same < min(len(theirs), len(ours)) and theirs[same] == ours[same]:
        same += 1
    at = max(ours.rfind("/", 0, same), ours.rfind("|", 0, same)) + 1
    return ours[:at], ours[at:]


def _is_date(text: str) -> bool:
    return re.match(r"\d{4}-\d\d-\d\d", text) is not None


def _compare(wanted: Any, found: Any, differing: dict[str, str], place: str) -> None:
    assert type(wanted) is type(found), f"{place}: another kind"
    if isinstance(wanted, dict):
        assert wanted.keys() == found.keys(), f"{place}: {sorted(wanted.keys() ^ found.keys())}"
        for key, value in wanted.items():
            _compare(value, found[key], differing, f"{place}/{key}")
    elif isinstance(wanted, list):
        assert len(wanted) == len(found), f"{place}: {len(wanted)} and {len(found)}"
        for number, value in enumerate(wanted):
            _compare(value, found[number], differing, f"{place}/{number}")
    elif isinstance(wanted, str):
        one, other = _plain(wanted), _plain(found)
        if one != other:
            assert differing.setdefault(one, other) == other, f"{place}: one value became two"
    else:
        assert wanted == found, f"{place}: {wanted} and {found}"


def _plain(text: str) -> str:
    return _MOMENT.sub(r"\1+00:00", text)


def _file_keys(file: RuleFile) -> Keys:
    parameters = file.parameters
    return StandIn(parameters.keys, by_hex=file.dialect == "miracum", context=parameters.key_context)


def _rules(folder: Path, case: dict[str, Any]) -> RuleFile:
    rules = case["rules"]
    if isinstance(rules, dict):
        return read_document(rules, "miracum", "")[0]
    text = (folder / rules).read_text("utf-8-sig")
    if "changed" not in case:
        return read_file(text)[0]
    document, changed = json.loads(text), case["changed"]
    without = tuple(changed["without"])
    kept = [one for one in document["fhirPathRules"] if not one["path"].startswith(without)]
    document |= {"fhirVersion": changed["fhirVersion"], "fhirPathRules": [*changed["with"], *kept]}
    return read_document(document, "microsoft", "")[0]


def _body(folder: Path, case: dict[str, Any]) -> bytes:
    if isinstance(case["input"], dict):
        return json.dumps(case["input"]).encode()
    text: str = (folder / case["input"]).read_text("utf-8-sig")
    return text.encode()


SETS = {"deid/ms": microsoft, "deid/fhir-pseudonymizer": miracum}
