"""Reads rule files: Microsoft's Tools-for-Health-Data-Anonymization (JSON) and miracum's fhir-pseudonymizer (YAML).

Strict, unlike the tools themselves: a section, method or setting that we do not know, or that we know and do not do, is
a finding that refuses the file. The keys in a file are read but only used where somebody asks for the file's own keys.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

from connector.deidentify.foreign.report import NOTED, REFUSED, Finding, RuleFileError
from connector.deidentify.foreign.types import RELEASES

if TYPE_CHECKING:
    import yaml

MICROSOFT, MIRACUM = "microsoft", "miracum"
LONGEST = 1024 * 1024
MOST_RULES = 900
DEEPEST = 20
HEX_DIGITS = 64
KEYS = ("dateShiftKey", "cryptoHashKey", "encryptKey")
METHODS = {
    name.lower(): name
    for name in (
        "keep", "redact", "dateShift", "perturb", "cryptoHash", "encrypt", "substitute", "generalize",
        "pseudonymize", "remove",
    )
}  # fmt: skip
_ONLY_MIRACUM = frozenset({"pseudonymize", "remove"})
_SECTIONS = frozenset({"fhirVersion", "processingErrors", "fhirPathRules", "parameters"})
_SETTINGS: Mapping[str, frozenset[str]] = {
    "perturb": frozenset({"span", "rangeType", "roundTo"}),
    "substitute": frozenset({"replaceWith"}),
    "generalize": frozenset({"cases", "otherValues"}),
    "cryptoHash": frozenset({"truncateToMaxLength"}),
    "pseudonymize": frozenset({"domain", "namespace", "domain-prefix", "entici"}),
}
_SWITCHES = (
    "enablePartialAgesForRedact", "enablePartialDatesForRedact", "enablePartialZipCodesForRedact",
    "shouldAddSecurityTag",
)  # fmt: skip
_PARAMETERS = frozenset({
    *KEYS, *_SWITCHES, "dateShiftScope", "dateShiftFixedOffsetInDays", "restrictedZipCodeTabulationAreas",
    "cryptoHashAlgorithm", "keyDerivationContext",
})  # fmt: skip
_ALGORITHMS = ("hmacsha256", "hmac-sha256", "blake3")
_LARGEST_OFFSET = 36_500
Json: TypeAlias = Any
"""A value of a rule file, whose form is being checked here."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule as it was written. `number` counts from 1; `settings` are checked."""

    number: int
    path: str
    method: str
    settings: Mapping[str, Json]

    @property
    def place(self) -> str:
        """Where it stands."""
        return f"rule {self.number} ({self.path})"


@dataclass(frozen=True, slots=True)
class Parameters:
    """The `parameters` of a file. `keys` are secrets; they are never printed."""

    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    partial_dates: bool = False
    partial_ages: bool = False
    partial_postcodes: bool = False
    restricted_areas: tuple[str, ...] = ()
    shift_scope: str = "resource"
    shift_days: int | None = None
    algorithm: str = "hmacsha256"
    key_context: str = ""
    labels: bool = True


@dataclass(frozen=True, slots=True)
class RuleFile:
    """A whole file, checked for form. `plain` is what it holds without its keys, `digest` is over the bytes read."""

    dialect: str
    release: str
    skips_errors: bool
    rules: tuple[Rule, ...]
    parameters: Parameters
    digest: str
    plain: Json = field(repr=False)


def read_file(text: str) -> tuple[RuleFile, list[Finding]]:
    """A rule file, JSON or YAML by how it begins, and what there is to say about it. Raises RuleFileError."""
    if len(text) > LONGEST:
        raise RuleFileError((Finding(REFUSED, "the file", f"longer than {LONGEST} characters"),))
    text = text.removeprefix("\ufeff")
    dialect = MICROSOFT if text.lstrip().startswith("{") else MIRACUM
    document = _json(text) if dialect == MICROSOFT else _yaml(text)
    return read_document(document, dialect, sha256(text.encode("utf-8", "surrogatepass")).hexdigest())


def read_document(document: Json, dialect: str, digest: str) -> tuple[RuleFile, list[Finding]]:
    """The same from what was parsed before. Raises RuleFileError."""
    if not isinstance(document, dict):
        raise RuleFileError((Finding(REFUSED, "the file", "no object with fhirPathRules"),))
    reader = _Reader()
    reader.unknown(document, _SECTIONS, "the file", "section")
    found = RuleFile(
        dialect, reader.release(document), reader.skips(document), reader.rules(document, dialect),
        reader.parameters(document), digest, _without_keys(document),
    )  # fmt: skip
    if any(one.level == REFUSED for one in reader.findings):
        raise RuleFileError(tuple(reader.findings))
    return found, reader.findings


def _without_keys(document: dict[str, Json]) -> dict[str, Json]:
    parameters = document.get("parameters")
    if not isinstance(parameters, dict):
        return document
    return {**document, "parameters": {name: value for name, value in parameters.items() if name not in KEYS}}


class _Reader:
    """Collects findings while it reads."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []

    def refuse(self, place: str, words: str) -> None:
        self.findings.append(Finding(REFUSED, place, words))

    def unknown(self, table: Mapping[str, Json], known: Iterable[str], place: str, what: str) -> None:
        for name in table:
            if name not in known:
                self.refuse(place, f"unknown {what} `{str(name)[:60]}`")

    def release(self, document: Mapping[str, Json]) -> str:
        stated = document.get("fhirVersion") or RELEASES[0]
        if stated not in RELEASES:
            self.refuse("fhirVersion", f"only {' and '.join(RELEASES)} are built in here")
            return RELEASES[0]
        return str(stated)

    def skips(self, document: Mapping[str, Json]) -> bool:
        stated = document.get("processingErrors", "raise")
        if not isinstance(stated, str) or stated.lower() not in ("raise", "skip"):
            self.refuse("processingErrors", "raise or skip")
        return str(stated).lower() == "skip"

    def rules(self, document: Mapping[str, Json], dialect: str) -> tuple[Rule, ...]:
        stated = document.get("fhirPathRules")
        if not isinstance(stated, list) or len(stated) > MOST_RULES:
            self.refuse("fhirPathRules", f"a list of at most {MOST_RULES} rules is needed")
            return ()
        return tuple(rule for number, one in enumerate(stated, 1) if (rule := self._rule(number, one, dialect)))

    def _rule(self, number: int, table: Json, dialect: str) -> Rule | None:
        if not isinstance(table, dict) or not all(isinstance(table.get(name), str) for name in ("path", "method")):
            self.refuse(f"rule {number}", "an object with the texts `path` and `method` is needed")
            return None
        path, method = table["path"].strip(), METHODS.get(table["method"].lower(), "")
        rule = Rule(number, path, method, {name: one for name, one in table.items() if name not in ("path", "method")})
        if not method or (method in _ONLY_MIRACUM and dialect == MICROSOFT):
            self.refuse(rule.place, f"unknown method `{table['method'][:60]}`")
            return None
        self.unknown(rule.settings, _SETTINGS.get(method, ()), rule.place, f"setting of {method}")
        checked = getattr(self, f"_{method.lower()}", None)
        if checked is not None:
            checked(rule)
        return rule

    def _perturb(self, rule: Rule) -> None:
        span, digits = rule.settings.get("span"), rule.settings.get("roundTo", 2)
        if not _is_number(span) or span < 0:
            self.refuse(rule.place, "perturb needs `span`, a number from 0 on")
        if not isinstance(digits, int) or isinstance(digits, bool) or not 0 <= digits <= 28:
            self.refuse(rule.place, "`roundTo` is a whole number from 0 to 28")
        if str(rule.settings.get("rangeType", "fixed")).lower() not in ("fixed", "proportional"):
            self.refuse(rule.place, "`rangeType` is fixed or proportional")

    def _substitute(self, rule: Rule) -> None:
        if not isinstance(rule.settings.get("replaceWith", 0), str | dict | None):
            self.refuse(rule.place, "substitute needs `replaceWith`: a text, or an object")

    def _generalize(self, rule: Rule) -> None:
        cases = rule.settings.get("cases")
        if not isinstance(cases, dict) or not cases or not all(isinstance(one, str) for one in cases.values()):
            self.refuse(rule.place, "generalize needs `cases`, an object of expressions")
        if str(rule.settings.get("otherValues", "redact")).lower() not in ("keep", "redact"):
            self.refuse(rule.place, "`otherValues` is keep or redact")

    def _cryptohash(self, rule: Rule) -> None:
        length = rule.settings.get("truncateToMaxLength", HEX_DIGITS)
        if not isinstance(length, int) or isinstance(length, bool) or not 1 <= length <= HEX_DIGITS:
            self.refuse(rule.place, f"`truncateToMaxLength` is a whole number from 1 to {HEX_DIGITS}")
        elif length < HEX_DIGITS // 4:
            words = f"{length} hexadecimal digits are few: two values may get the same one"
            self.findings.append(Finding(NOTED, rule.place, words))

    def _pseudonymize(self, rule: Rule) -> None:
        texts = ("domain", "namespace", "domain-prefix")
        if not all(isinstance(rule.settings.get(name, ""), str) for name in texts):
            self.refuse(rule.place, "`domain` is a text")
        words = "no pseudonym service is asked: the pseudonym is made here with a key of its own for each domain"
        self.findings.append(Finding(NOTED, rule.place, words))

    def parameters(self, document: Mapping[str, Json]) -> Parameters:
        table = document.get("parameters") or {}
        if not isinstance(table, dict):
            self.refuse("parameters", "an object is needed")
            return Parameters()
        self.unknown(table, _PARAMETERS, "parameters", "parameter")
        for name in (*KEYS, "dateShiftScope", "cryptoHashAlgorithm", "keyDerivationContext"):
            if not isinstance(table.get(name) or "", str):
                self.refuse(f"parameters/{name}", "a text is needed")
        for name in _SWITCHES:
            if not isinstance(table.get(name, False), bool):
                self.refuse(f"parameters/{name}", "true or false")
        return Parameters(
            keys={name: str(table[name]) for name in KEYS if table.get(name)},
            partial_dates=table.get("enablePartialDatesForRedact") is True,
            partial_ages=table.get("enablePartialAgesForRedact") is True,
            partial_postcodes=table.get("enablePartialZipCodesForRedact") is True,
            restricted_areas=self._areas(table), shift_scope=self._scope(table), shift_days=self._days(table),
            algorithm=self._algorithm(table), key_context=str(table.get("keyDerivationContext") or ""),
            labels=table.get("shouldAddSecurityTag", True) is not False,
        )  # fmt: skip

    def _areas(self, table: Mapping[str, Json]) -> tuple[str, ...]:
        stated = table.get("restrictedZipCodeTabulationAreas") or []
        if not isinstance(stated, list) or not all(isinstance(one, str) and one for one in stated):
            self.refuse("parameters/restrictedZipCodeTabulationAreas", "a list of texts (in quotes) is needed")
            return ()
        return tuple(stated)

    def _scope(self, table: Mapping[str, Json]) -> str:
        stated = str(table.get("dateShiftScope") or "resource").lower()
        if stated not in ("resource", "file", "folder"):
            self.refuse("parameters/dateShiftScope", "resource, file or folder")
        return stated

    def _days(self, table: Mapping[str, Json]) -> int | None:
        stated = table.get("dateShiftFixedOffsetInDays")
        fits = isinstance(stated, int) and not isinstance(stated, bool) and abs(stated) <= _LARGEST_OFFSET
        if stated is not None and not fits:
            self.refuse("parameters/dateShiftFixedOffsetInDays", f"whole days, at most {_LARGEST_OFFSET}")
        return stated if fits else None

    def _algorithm(self, table: Mapping[str, Json]) -> str:
        stated = str(table.get("cryptoHashAlgorithm") or _ALGORITHMS[0]).lower()
        if stated not in _ALGORITHMS:
            self.refuse("parameters/cryptoHashAlgorithm", "HMAC-SHA256 is what is built in here")
        elif stated == "blake3":
            words = "BLAKE3 is not built in here: keys from the vault make HMAC-SHA256 digests of the same length"
            self.findings.append(Finding(NOTED, "parameters/cryptoHashAlgorithm", words))
        return "blake3" if stated == "blake3" else _ALGORITHMS[0]


def _is_number(value: Json) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _broken(words: str) -> RuleFileError:
    return RuleFileError((Finding(REFUSED, "the file", words),))


def _json(text: str) -> Json:
    def pairs(items: list[tuple[str, Json]]) -> dict[str, Json]:
        found = dict(items)
        if len(found) != len(items):
            raise _broken("a key stands twice in one object")
        return found

    try:
        return json.loads(text, object_pairs_hook=pairs)
    except json.JSONDecodeError as fault:
        raise _broken(f"no JSON at line {fault.lineno}, column {fault.colno}") from None
    except RecursionError:
        raise _broken("nested too deeply") from None


def _yaml(text: str) -> Json:
    import yaml  # only who reads such a file needs it

    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.events.AliasEvent):
                raise _broken("YAML aliases are not read here")
        return _constructed(yaml.compose(text, Loader=yaml.SafeLoader), yaml.SafeLoader(""), 0)
    except yaml.MarkedYAMLError as fault:
        mark = fault.problem_mark
        raise _broken(f"no YAML at line {mark.line + 1}" if mark else "no YAML") from None
    except (yaml.YAMLError, RecursionError, ValueError) as fault:
        raise fault if isinstance(fault, RuleFileError) else _broken("no YAML that is read here") from None


def _constructed(node: yaml.Node | None, loader: yaml.SafeLoader, depth: int) -> Json:
    import yaml

    if depth > DEEPEST:
        raise _broken(f"nested deeper than {DEEPEST} levels")
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Json] = {}
        for key, value in node.value:
            name = str(key.value)
            if name in found:
                raise _broken(f"a key stands twice at line {key.start_mark.line + 1}")
            found[name] = _constructed(value, loader, depth + 1)
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_constructed(one, loader, depth + 1) for one in node.value]
    if node is None:
        return None
    if node.tag.endswith(":timestamp"):  # a date in a rule file is a text like any other
        return node.value
    return loader.construct_object(node)
