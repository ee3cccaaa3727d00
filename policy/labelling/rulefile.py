"""Rule files for security labels, in the form of the ASU SHARES project (`data/asu/sensitivity-rules.schema.json`).

A rule names the ground it stands on, the labels it gives, and sets of codes; each code says how surely (0 to 1) a
resource that holds it is about that. Members that the form does not name are not read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from policy.canonical import digest
from policy.directives.model import Coding

MOST_CODES = 500_000
LONGEST_TEXT = 2_000


class LabelRulesError(ValueError):
    """A rule file is not of the form; the text says where (a JSON pointer) and what would be right."""

    def __init__(self, pointer: str, accepted: str) -> None:
        super().__init__(f"{pointer or '/'}: not {accepted}")
        self.pointer, self.accepted = pointer, accepted


class RatedCode(NamedTuple):
    """A code, and how surely it means what its rule is about."""

    code: Coding
    confidence: float


@dataclass(frozen=True, slots=True)
class LabelRule:
    """One rule: its id, its ground, the labels it gives, its codes."""

    id: str
    basis: Coding
    labels: tuple[Coding, ...]
    codes: tuple[RatedCode, ...]


@dataclass(frozen=True, slots=True)
class RuleFile:
    """A rule file: its name, its rules, and the digest of all that was read from it, which is its version."""

    name: str
    rules: tuple[LabelRule, ...]
    digest: str


def read_rules(value: object) -> RuleFile:
    """Read a rule file that was parsed from JSON. Raises :class:`LabelRulesError` for what is not of the form."""
    file = _object(value, "")
    name = _text(file, "name", "")
    _text(file, "updated_at", "")
    if not isinstance(_object(file.get("settings"), "/settings").get("editable"), bool):
        raise LabelRulesError("/settings/editable", "true or false")
    rules = tuple(_rule(one, f"/rules/{number}") for number, one in enumerate(_list(file, "rules", "")))
    if sum(len(one.codes) for one in rules) > MOST_CODES:
        raise LabelRulesError("/rules", f"at most {MOST_CODES} codes")
    if len({one.id for one in rules}) != len(rules):
        raise LabelRulesError("/rules", "a list of rules with an id of their own each")
    return RuleFile(name, rules, digest({"name": name, "rules": [_written(one) for one in rules]}))


def _rule(value: object, at: str) -> LabelRule:
    rule = _object(value, at)
    labels = tuple(_coding(one, f"{at}/labels/{number}") for number, one in enumerate(_list(rule, "labels", at)))
    return LabelRule(_text(rule, "id", at), _coding(rule.get("basis"), f"{at}/basis"), labels, tuple(_codes(rule, at)))


def _codes(rule: Mapping[str, Any], at: str) -> Iterator[RatedCode]:
    for group, one in enumerate(_list(rule, "codeSets", at)):
        where = f"{at}/codeSets/{group}"
        some = _object(one, where)
        _text(some, "groupID", where)
        for number, code in enumerate(_list(some, "codes", where)):
            yield RatedCode(_coding(code, f"{where}/codes/{number}"), _confidence(code, f"{where}/codes/{number}"))


def _confidence(code: Mapping[str, Any], at: str) -> float:
    found = code.get("confidence")
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found <= 1:
        raise LabelRulesError(f"{at}/confidence", "a number from 0 to 1")
    return float(found)


def _coding(value: object, at: str) -> Coding:
    coding = _object(value, at)
    return Coding(_text(coding, "system", at), _text(coding, "code", at))


def _object(value: object, at: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise LabelRulesError(at, "an object")
    return value


def _list(parent: Mapping[str, Any], name: str, at: str) -> list[Any]:
    found = parent.get(name)
    if not isinstance(found, list):
        raise LabelRulesError(f"{at}/{name}", "a list")
    return found


def _text(parent: Mapping[str, Any], name: str, at: str) -> str:
    found = parent.get(name)
    if not isinstance(found, str) or not 0 < len(found) <= LONGEST_TEXT:
        raise LabelRulesError(f"{at}/{name}", f"a text of 1 to {LONGEST_TEXT} characters")
    return found


def _written(rule: LabelRule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "basis": list(rule.basis),
        "labels": [list(one) for one in rule.labels],
        "codes": [[*one.code, format(one.confidence, "g")] for one in rule.codes],
    }
