"""A rule file ready for use: bytes of a FHIR resource in, bytes out, or a refusal."""

from __future__ import annotations

from datetime import date

import msgspec

from connector.deidentify.foreign.checking import checked_conditions, checked_rules
from connector.deidentify.foreign.fhirpath import PathError
from connector.deidentify.foreign.methods import KEYED, Methods
from connector.deidentify.foreign.paths import Path, read_paths
from connector.deidentify.foreign.plan import Plan, labelled
from connector.deidentify.foreign.quick import Quick
from connector.deidentify.foreign.quick_shapes import Slow
from connector.deidentify.foreign.reading import Json, RuleFile, read_file
from connector.deidentify.foreign.report import REFUSED, Finding, Refused, RuleFileError, Unprocessable
from connector.deidentify.foreign.turn import REDACTED, Keys, Turn
from connector.deidentify.foreign.types import load_types

_encode = msgspec.json.Encoder().encode


class _Head(msgspec.Struct):
    """What the date shift hangs on."""

    kind: str = msgspec.field(name="resourceType")
    id: str = ""


class RuleSet:
    """One rule file, compiled. It remembers plans, not records; use it in one thread at a time."""

    def __init__(self, file: RuleFile, keys: Keys, *, labels: bool | None = None) -> None:
        """Raises RuleFileError, which names every rule that cannot be compiled."""
        self.file = file
        self._keys = keys
        types = load_types(file.release)
        methods = Methods(types, file.parameters, file.dialect)
        ways, findings = _ways(file)
        if not any(one.level == REFUSED for one in findings):
            findings += checked_rules(types, file.rules, ways, methods)
        self._plan = Plan(types, file.rules, ways, methods, file.parameters.labels if labels is None else labels)
        self._labels = file.parameters.labels if labels is None else labels
        if not any(one.level == REFUSED for one in findings):
            findings += checked_conditions(self._plan.walker, methods, ways)
        self.findings = tuple(findings)
        """What is worth knowing about the file, though it can be used."""
        if any(one.level == REFUSED for one in findings):
            raise RuleFileError(self.findings)
        self._decode = msgspec.json.Decoder(float_hook=_digits).decode
        self._head = msgspec.json.Decoder(_Head).decode
        self._quick = Quick(self._plan)
        self._shifts = any(rule.method == "dateShift" for rule in file.rules)

    @property
    def keyed(self) -> bool:
        """Whether anything in it needs a key."""
        return any(rule.method in KEYED or rule.method == "dateShift" for rule in self.file.rules)

    def apply(self, body: bytes, as_of: date, scope: str = "") -> bytes:
        """A resource as it may leave. Raises Refused; nothing of the record is in its words.

        `as_of` is the day by which ages are told. `scope` is what the date shift hangs on where the file says file or
        folder: the name of that.
        """
        try:
            return self._quickly(body, as_of, scope)
        except (Slow, Refused):
            pass  # it goes the plan's own way, which tells what is wrong
        try:
            value = self._decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise Refused("not-json") from None
        except RecursionError:
            raise Refused("too-deep") from None
        found = _encode(self.applied(value, as_of, scope))
        self._quick.learn(value)
        return found

    def applied(self, value: Json, as_of: date, scope: str = "") -> dict[str, Json]:
        """The same for JSON that was read (decimals as `msgspec.Raw`)."""
        turn = Turn(self._keys, as_of)
        turn.depth = -1
        try:
            if self._shifts:
                self._prepared(value, turn, scope)
            found = self._plan.visit(value, turn)
        except Unprocessable:
            if not self.file.skips_errors:
                raise
            return self._empty(value)
        except RecursionError:
            raise Refused("too-deep") from None
        except PathError:
            raise Refused("rule") from None
        if found is None:
            raise Refused("removed")
        return found

    def _quickly(self, body: bytes, as_of: date, scope: str) -> bytes:
        turn = Turn(self._keys, as_of)
        if self._shifts:
            try:
                head = self._head(body)
            except (msgspec.DecodeError, UnicodeDecodeError):
                raise Slow from None
            if self._plan.resource(head.kind, "", frozenset()).tests:
                raise Slow
            self._prepared({"resourceType": head.kind, "id": head.id}, turn, scope)
        return self._quick.apply(body, turn)

    def _prepared(self, value: Json, turn: Turn, scope: str) -> None:
        if self.file.parameters.shift_scope != "resource":
            turn.scope = turn.scope_after = scope
            return
        if value.__class__ is not dict:
            raise Refused("shape")
        stated = value.get("id", "")
        if stated.__class__ is not str:
            raise Refused("shape")
        node = self._plan.resource(value.get("resourceType"), "", frozenset()).decided(value)
        at = self._plan.walker.child(node.at, "id", "id")
        rule = next((self._plan.rules[claim.rule] for claim in at.claims), None)
        action = None if at.tests else self._plan.action(at)
        turn.scope = stated
        turn.scope_after = stated if action is None or not stated else str(action(stated, turn) or "")
        turn.id_rule = rule.number if rule else 0
        turn.done = 0

    def _empty(self, value: Json) -> dict[str, Json]:
        """What Microsoft's engine gives for a resource it could not process: its kind, and that it was redacted."""
        found: dict[str, Json] = {"resourceType": value["resourceType"]}
        if self._labels:
            labelled(found, REDACTED)
        return found


def compiled(text: str, keys: Keys, *, labels: bool | None = None) -> RuleSet:
    """A rule file from its text. Raises RuleFileError."""
    file, noted = read_file(text)
    found = RuleSet(file, keys, labels=labels)
    found.findings = (*noted, *found.findings)
    return found


def _ways(file: RuleFile) -> tuple[list[tuple[Path, ...]], list[Finding]]:
    types = load_types(file.release)
    ways: list[tuple[Path, ...]] = []
    findings: list[Finding] = []
    for rule in file.rules:
        try:
            ways.append(read_paths(rule.path, types))
        except PathError as error:
            findings.append(Finding(REFUSED, rule.place, str(error)))
            ways.append(())
    return ways, findings


def _digits(text: str) -> msgspec.Raw:
    return msgspec.Raw(text.encode())
