"""What each method of a rule does to one primitive value.

An action takes the value of JSON and the turn, and gives what is written instead, or None: nothing is left. A method
that cannot do anything with a kind of value is told by `acts_on`. Keyed values are texts; where no text may stand (a
number, a date) what was to be replaced goes.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TypeAlias

from msgspec import Raw

from connector.deidentify.foreign import fhirpath, references, shifting, turn, values
from connector.deidentify.foreign.expressions import Compiler
from connector.deidentify.foreign.fhirpath import PathError
from connector.deidentify.foreign.reading import MIRACUM, Json, Parameters, Rule
from connector.deidentify.foreign.report import Unprocessable
from connector.deidentify.foreign.temporal import Moment
from connector.deidentify.foreign.turn import Turn
from connector.deidentify.foreign.types import NUMBERS, Types
from connector.deidentify.foreign.values import Unevaluable

Value: TypeAlias = str | int | Raw | None
Action: TypeAlias = Callable[[Json, Turn], Value]

DATES = frozenset({"date", "dateTime", "instant"})
TEXTS = frozenset({
    "string", "code", "uri", "url", "canonical", "id", "oid", "uuid", "markdown", "base64Binary",
})  # fmt: skip
"""Kinds of primitive in which a keyed text may stand."""
ACTS: Mapping[str, frozenset[str]] = {"dateShift": DATES, "perturb": NUMBERS}
PARTIAL = frozenset(ACTS)
"""Methods that leave what they cannot change to the rules behind them."""
KEYED = frozenset({"cryptoHash", "encrypt", "pseudonymize"})
FIRST_DIGITS = 3
REMEMBERED = 4096
_CHARACTER = re.compile(r"\w")
_random = secrets.SystemRandom()


def acts_on(method: str, kind: str) -> bool:
    """Whether a method does anything with this kind of primitive."""
    return method not in ACTS or kind in ACTS[method]


@dataclass(frozen=True, slots=True)
class Leaf:
    """A primitive in its place: its type, its name, the type it is an element of."""

    type: str
    name: str
    parent: str


class Methods:
    """The actions of one rule file."""

    def __init__(self, types: Types, parameters: Parameters, dialect: str) -> None:
        self._types = types
        self._parameters = parameters
        self._by_identifier = dialect == MIRACUM

    def action(self, rule: Rule, leaf: Leaf) -> Action:
        """What a rule does to a primitive in this place. Raises PathError when it cannot be compiled for it."""
        make: Callable[[Rule, Leaf], Action] = getattr(self, f"_{rule.method.lower()}")
        return make(rule, leaf)

    def redacting(self, leaf: Leaf) -> Action:
        """What redaction does in this place."""
        parameters = self._parameters
        if leaf.type in DATES:
            return _year if parameters.partial_dates else _redacted
        if leaf.type == "decimal" and leaf.parent == "Age" and parameters.partial_ages:
            return _age
        if leaf.name == "postalCode" and parameters.partial_postcodes:
            return _postcode(parameters.restricted_areas)
        return _redacted

    @property
    def redacts_wholly(self) -> bool:
        """Whether nothing is left of whatever is redacted: no year, no age, no part of a postcode."""
        parameters = self._parameters
        return not (parameters.partial_dates or parameters.partial_ages or parameters.partial_postcodes)

    def leaves_nothing(self, rule: Rule, leaf: Leaf) -> bool:
        """Whether nothing is left of a value in this place whatever it is."""
        return rule.method == "remove" or (rule.method == "redact" and self.redacting(leaf) is _redacted)

    def _redact(self, _rule: Rule, leaf: Leaf) -> Action:
        return self.redacting(leaf)

    def _keep(self, _rule: Rule, _leaf: Leaf) -> Action:
        return _kept

    def _remove(self, _rule: Rule, _leaf: Leaf) -> Action:
        return _removed

    def _dateshift(self, rule: Rule, _leaf: Leaf) -> Action:
        fixed, partial, number = self._parameters.shift_days, self._parameters.partial_dates, rule.number

        def act(value: Json, this: Turn) -> Value:
            if value == "":
                return None
            days = this.days(number) if fixed is None else fixed
            moved = shifting.shifted(value, days, this.as_of)
            if moved is None:
                return _year(value, this) if partial else _redacted(value, this)
            this.done |= turn.PERTURBED
            return moved

        return act

    def _cryptohash(self, rule: Rule, leaf: Leaf) -> Action:
        length = rule.settings.get("truncateToMaxLength", 64)

        def replaced(text: str, this: Turn) -> str:
            digest = this.keys.digest
            return self._identified(leaf, text, lambda part: digest(part)[:length])

        return _remembering(leaf, turn.HASHED, replaced)

    def _pseudonymize(self, rule: Rule, leaf: Leaf) -> Action:
        settings = rule.settings
        domain = settings.get("domain", settings.get("namespace"))
        prefix = settings.get("domain-prefix", "")

        def replaced(text: str, this: Turn) -> str:
            within = prefix + (references.kind_of(text, self._types) or leaf.parent if domain is None else domain)
            return self._identified(leaf, text, lambda part: this.keys.pseudonym(within, part))

        return _remembering(leaf, turn.PSEUDONYMIZED, replaced)

    def _encrypt(self, _rule: Rule, leaf: Leaf) -> Action:
        def replaced(text: str, this: Turn) -> str:
            this.done |= turn.MASKED
            return this.keys.encrypted(text)

        return _textual(leaf, replaced)

    def _identified(self, leaf: Leaf, text: str, change: references.Change) -> str:
        """A text with its id part changed where it is a reference, else changed as a whole."""
        if leaf.name == "reference" and leaf.parent == "Reference":
            return references.replaced(text, self._types, change, conditional=self._by_identifier)
        if leaf.type == "uri" and self._by_identifier:
            found = references.replaced_literal(text, self._types, change, conditional=True)
            return change(text) if found is None else found
        return change(text)

    def _perturb(self, rule: Rule, leaf: Leaf) -> Action:
        span = Decimal(str(rule.settings["span"]))
        relative = str(rule.settings.get("rangeType")).lower() == "proportional"
        digits = 0 if leaf.type != "decimal" else rule.settings.get("roundTo", 2)
        least = {"positiveInt": 1, "unsignedInt": 0}.get(leaf.type)

        def act(value: Json, this: Turn) -> Value:
            origin = values.number(value) if isinstance(value, Raw) else Decimal(value)
            width = abs(origin) * span if relative else span
            try:
                moved = round(origin + width * Decimal(_random.uniform(-0.5, 0.5)), digits)
            except InvalidOperation:
                raise Unprocessable("number") from None
            this.done |= turn.PERTURBED
            if leaf.type == "decimal":
                return Raw(format(moved, "f").encode())
            return int(moved) if least is None else max(int(moved), least)

        return act

    def _substitute(self, rule: Rule, leaf: Leaf) -> Action:
        given = rule.settings.get("replaceWith")
        if isinstance(given, dict):
            raise PathError(f"an object cannot take the place of a {leaf.type}")
        if leaf.type not in TEXTS | DATES | {"time"}:
            raise PathError(f"a text cannot take the place of a {leaf.type}")

        def act(_value: Json, this: Turn) -> Value:
            this.done |= turn.SUBSTITUTED
            return given or None

        return act

    def _generalize(self, rule: Rule, leaf: Leaf) -> Action:
        about = (leaf.type,)
        cases = [
            (
                Compiler(self._types).predicate(fhirpath.read(condition), about),
                Compiler(self._types).value(fhirpath.read(value), about),
            )
            for condition, value in rule.settings["cases"].items()
        ]
        keeps = str(rule.settings.get("otherValues", "redact")).lower() == "keep"

        def act(value: Json, this: Turn) -> Value:
            this.done |= turn.GENERALIZED
            item = values.leaf(value, leaf.type)
            try:
                for holds, instead in cases:
                    if holds(item):
                        return _as_json(instead(item), leaf)
            except Unevaluable:
                raise Unprocessable("generalize") from None
            return value if keeps else None

        return act


def _redacted(value: Json, this: Turn) -> Value:
    if value != "":
        this.done |= turn.REDACTED
    return None


def _kept(value: Json, _this: Turn) -> Value:
    return value  # type: ignore[no-any-return] # as it stood in the record


def _removed(_value: Json, this: Turn) -> Value:
    this.done |= turn.REDACTED
    return None


def _year(value: Json, this: Turn) -> Value:
    this.done |= turn.REDACTED
    return shifting.year_only(value, this.as_of)


def _age(value: Json, this: Turn) -> Value:
    this.done |= turn.REDACTED
    years = values.number(value) if isinstance(value, Raw) else Decimal(value)
    return None if years > shifting.OLDEST else value


def _postcode(restricted: tuple[str, ...]) -> Action:
    def act(value: Json, this: Turn) -> Value:
        if value == "":
            return None
        this.done |= turn.ABSTRACTED
        if len(value) < FIRST_DIGITS:
            return None  # it would stay whole
        known = "" if value.startswith(restricted) else value[:FIRST_DIGITS]
        return known + _CHARACTER.sub("0", value[len(known) :])

    return act


def _remembering(leaf: Leaf, bit: int, replaced: Callable[[str, Turn], str]) -> Action:
    """What gives the same for the same text, with the keys of one rule set: the last ones are not computed again."""
    if leaf.type not in TEXTS:
        return _redacted
    known: dict[str, str] = {}

    def act(value: Json, this: Turn) -> Value:
        if not value:
            return None
        this.done |= bit
        found = known.get(value)
        if found is None:
            if len(known) >= REMEMBERED:
                known.clear()
            found = known[value] = replaced(value, this)
        return found

    return act


def _textual(leaf: Leaf, replaced: Callable[[str, Turn], str]) -> Action:
    if leaf.type not in TEXTS:
        return _redacted
    return lambda value, this: replaced(value, this) if value else None


def _as_json(item: values.Item, leaf: Leaf) -> Value:
    """What an expression gave, as JSON of the kind that stands there. Raises Unprocessable."""
    if item is None:
        return None
    if leaf.type == "boolean" or isinstance(item, bool):
        fits = leaf.type == "boolean" and isinstance(item, bool)
    elif leaf.type in NUMBERS:
        fits = isinstance(item, int) or (isinstance(item, Decimal) and leaf.type == "decimal")
    else:
        fits = isinstance(item, str | int | Decimal | Moment)
    if not fits:
        raise Unprocessable("generalize")
    if leaf.type in NUMBERS or leaf.type == "boolean":
        return Raw(format(item, "f").encode()) if isinstance(item, Decimal) else item
    return str(item) or None
