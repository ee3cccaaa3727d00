"""The Consent and Permission examples of FHIR R4 and R5 (HL7).

Each is read without anything that was not understood; its base decision is what the file says, wherever it says it;
written in its own release it is the file again; and written in the other release, where that can say it, and back, it
decides every request and every item as before (`tests/unit/policy/directives/grid.py` asks all it could tell apart).
What the other release cannot say has to be refused by name: an example whose two base decisions differ, a Permission.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from policy.directives.model import Directive, Release
from policy.directives.reading import DirectiveError, read_again, read_directive
from policy.directives.writing import to_r4, to_r5
from tests.unit.policy.directives.grid import meaning, provisions
from tests.vectors.scoring import Case

FOLDER = Path("consent/hl7-examples")
_SAYS = {"OPTIN": "permit", "OPTINR": "permit", "OPTOUT": "deny", "OPTOUTE": "deny", "EMRGONLY": "deny"}
_WRITERS = {Release.R4: to_r4, Release.R5: to_r5}


def cases(root: Path) -> Iterator[Case]:
    """Every example, four times over: read, base decision, written again, written in the other release and back."""
    checks = (("read", _reads), ("base", _has_its_base), ("again", _is_written_again), ("across", _means_the_same))
    for folder, release in (("r4", Release.R4), ("r5", Release.R5)):
        for path in sorted((root / FOLDER / folder).glob("*.json")):
            for name, check in checks:
                yield Case(f"{folder}/{path.stem}/{name}", partial(check, path, release))


def _loaded(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_text("utf-8"))
    assert isinstance(found, dict)
    return found


def _reads(path: Path, release: Release) -> None:
    resource = _loaded(path)
    found = read_directive(resource)
    assert found.release is release, f"read as {found.release}"
    assert found.status == resource["status"]
    unknown = [one for each in provisions(found.root) for one in each.unknown]
    # A permission of R5 does not say whose data it is about but by who asserts it; without one, nobody can tell.
    nobodys = resource["resourceType"] == "Permission" and "asserter" not in resource
    assert [*found.unknown, *unknown] == (["/asserter"] if nobodys else []), f"not understood: {found.unknown, unknown}"
    assert read_again(json.loads(json.dumps(found.to_json()))) == found


def _has_its_base(path: Path, release: Release) -> None:
    resource = _loaded(path)
    assert {effect.value for _, effect in read_directive(resource).bases} == set(_written_bases(resource))


def _written_bases(resource: dict[str, Any]) -> Iterator[str]:
    """What the file says in plain sight: decision, root type, opt-in or opt-out, or how its rules are combined."""
    if resource["resourceType"] == "Permission":
        yield "permit" if resource["combining"] == "permit-unless-deny" else "deny"
    if "decision" in resource:
        yield resource["decision"]
    provision = resource.get("provision")
    if isinstance(provision, dict) and "type" in provision:
        yield provision["type"]
    for rule in (resource.get("policyRule", {}), *resource.get("regulatoryBasis", ())):
        yield from (_SAYS[one["code"]] for one in rule.get("coding", ()) if one.get("code") in _SAYS)


def _is_written_again(path: Path, release: Release) -> None:
    resource = _loaded(path)
    assert _WRITERS[release](read_directive(resource)) == resource


def _means_the_same(path: Path, release: Release) -> None:
    first = read_directive(_loaded(path))
    there, back = _WRITERS[Release.R5 if release is Release.R4 else Release.R4], _WRITERS[release]
    if not _sayable(first):
        assert _refused(there, first) in {"cannot-say", "not-understood"}, "written, whatever it says"
        return
    other = read_directive(there(first), id=first.id)
    again = read_directive(back(other), id=first.id)
    expected = meaning(first)
    assert meaning(other, first) == expected, "decides otherwise in the other release"
    assert meaning(again, first) == expected, "decides otherwise when it came back"


def _refused(write: Callable[[Directive], object], directive: Directive) -> str | None:
    try:
        write(directive)
    except DirectiveError as error:
        return error.code
    return None


def _sayable(directive: Directive) -> bool:
    one_base = len({effect for _, effect in directive.bases}) == 1
    return one_base and directive.resource["resourceType"] == "Consent"


SETS: dict[str, Callable[[Path], Iterator[Case]]] = {"consent/hl7": cases}
