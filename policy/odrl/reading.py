"""Reading a policy in the wire form of the Dataspace Protocol (2025-1, negotiation/contract-schema.json), and in any
plain JSON that says the same with more of ODRL's terms.

The reader accepts a little more than the schema (``odrl:`` keys, one value where a list may stand, ``{"@id": ...}``
where a string may) and nothing silently: every key or value it does not understand is named in `Policy.unknown`.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, TypeVar

from policy.odrl.model import (
    REFERENCE,
    XSD,
    Action,
    Constraint,
    Entity,
    Kind,
    Literal,
    Logical,
    Named,
    Policy,
    PolicyError,
    Rule,
    Term,
)
from policy.odrl.vocabulary import DUTIES, LOGICAL, ODRL, OPERATORS, action, expand, expand_odrl

KINDS = frozenset({"Offer", "Agreement", "Set", "Assertion", "Privacy", "Request", "Ticket", "Policy"})
STRATEGIES = frozenset({"perm", "prohibit", "invalid"})
FUNCTIONS = frozenset(
    f"{ODRL}{name}"
    for name in (
        *("compensatedParty", "compensatingParty", "consentingParty", "consentedParty", "informedParty"),
        *("informingParty", "trackedParty", "trackingParty", "contractedParty", "contractingParty"),
        *("attributedParty", "attributingParty"),
    )
)
RELATIONS = frozenset({f"{ODRL}output"})
MAX_DEPTH = 40
MAX_VALUES = 20_000

_NODE = frozenset({"@id", "@type", "uid"})
_SHARED = frozenset({"action", "target", "assigner", "assignee", "constraint"})
_RULE_KEYS = _NODE | _SHARED
_POLICY_KEYS = _RULE_KEYS | {"@context", "permission", "prohibition", "obligation", "timestamp", "conflict"}
_POLICY_KEYS |= {"profile", "inheritFrom"}
_ALLOWED: Mapping[Kind, frozenset[str]] = {
    Kind.PERMISSION: _RULE_KEYS | {"duty"},
    Kind.PROHIBITION: _RULE_KEYS | {"remedy"},
    Kind.DUTY: _RULE_KEYS | {"consequence"},
}
_CONSTRAINT_KEYS = _NODE | {"leftOperand", "operator", "rightOperand", "rightOperandReference", "dataType", "unit"}
_CONSTRAINT_KEYS |= {"status"}
_VALUE = frozenset({"rdf:value", "http://www.w3.org/1999/02/22-rdf-syntax-ns#value"})
_ACTION_KEYS = _NODE | _VALUE | {"refinement"}
_ENTITY_KEYS = _NODE | {"source", "refinement", "partOf"}
_RULE_TYPES = frozenset({"Permission", "Prohibition", "Duty", "Rule"})
_TERM_TYPES = frozenset({"Constraint", "AtomicConstraint", "LogicalConstraint"})
_VALUE_KEYS = frozenset({"@value", "@type", "@language"})
_PLAIN = frozenset({str, int, float, bool, type(None)})
_COLLECTIONS = frozenset({"AssetCollection", "PartyCollection"})
_ENTITY_TYPES = _COLLECTIONS | {"Asset", "Party"}

# Keys that describe a policy or rule and can neither widen nor narrow it.
_DESCRIBING = frozenset(
    expand(f"dct:{name}") for name in ("title", "description", "creator", "issued", "created", "modified", "identifier")
) | {expand("rdfs:label"), expand("rdfs:comment")}

_Object = Mapping[str, Any]
T = TypeVar("T")


def read(source: object) -> Policy:
    """Return the policy that a parsed JSON object holds, in the form in which it is written.

    Raises :class:`PolicyError` if it is no object, has no id or type, or is too large to judge (more than 20,000
    values or 40 levels). Whatever is inside and not understood does not raise; it is named in `unknown`.
    """
    if not isinstance(source, Mapping):
        raise PolicyError("a policy is a JSON object")
    _measure(source)
    return _Reader().policy(source)


def _measure(source: _Object) -> None:
    # Level by level and without recursion: a hostile depth must end in a refusal, not in the interpreter's.
    count, depth = 1, 0
    level: list[Any] = [source]
    while level:
        depth += 1
        deeper: list[Any] = []
        for one in level:
            kind = one.__class__
            values = one if kind is list else one.values() if kind is dict or isinstance(one, Mapping) else ()
            count += len(values)
            # Nearly everything is plain JSON, and asking whether a text is a Mapping costs more than reading it.
            deeper += [value for value in values if value.__class__ not in _PLAIN]
        if count > MAX_VALUES or depth > MAX_DEPTH:
            raise PolicyError(f"larger than {MAX_VALUES} values or {MAX_DEPTH} levels")
        level = deeper


class _Reader:
    """Walks one policy and collects what it does not understand."""

    def __init__(self) -> None:
        self.unknown: list[str] = []

    def policy(self, source: _Object) -> Policy:
        body = self.keys(source, "", _POLICY_KEYS, KINDS, open_ended=True)
        uid, kind = _text(body.get("@id", body.get("uid"))), plain(_text(body.get("@type")) or "")
        if not uid:
            raise PolicyError("a policy needs an id", "/@id")
        if kind not in KINDS:
            raise PolicyError("a policy is an Offer, an Agreement, a Set or another kind of ODRL policy", "/@type")
        conflict = plain(_text(body["conflict"]) or "") if "conflict" in body else None
        if conflict is not None and conflict not in STRATEGIES:
            self.note("/conflict", conflict)
        return Policy(
            uid=uid,
            kind=kind,
            permissions=self.rules(Kind.PERMISSION, body, "permission", ""),
            prohibitions=self.rules(Kind.PROHIBITION, body, "prohibition", ""),
            obligations=self.rules(Kind.DUTY, body, "obligation", ""),
            profiles=self.names(body, "profile"),
            conflict=conflict,
            inherits=self.names(body, "inheritFrom"),
            **self.shared(body, ""),
            unknown=tuple(self.unknown),
        )

    def shared(self, body: _Object, pointer: str) -> dict[str, Any]:
        """What a policy and a rule may both state: actions, entities, constraints."""
        return {
            "actions": self.each(body, "action", pointer, self.action) if "action" in body else (),
            "targets": self.each(body, "target", pointer, self.entity) if "target" in body else (),
            "assigners": self.each(body, "assigner", pointer, self.entity) if "assigner" in body else (),
            "assignees": self.each(body, "assignee", pointer, self.entity) if "assignee" in body else (),
            "functions": self.named(body, FUNCTIONS, pointer),
            "relations": self.named(body, RELATIONS, pointer),
            "terms": self.terms(body, "constraint", pointer),
        }

    def rules(self, kind: Kind, body: _Object, key: str, parent: str) -> tuple[Rule, ...]:
        if key not in body:
            return ()
        return tuple(self.rule(kind, *place) for place in self.objects(body, key, parent))

    def rule(self, kind: Kind, source: _Object, pointer: str) -> Rule:
        body = self.keys(source, pointer, _ALLOWED[kind], _RULE_TYPES, open_ended=True)
        if not body.get("action"):
            self.note(f"{pointer}/action")
        return Rule(
            kind=kind,
            **self.shared(body, pointer),
            duties=self.rules(Kind.DUTY, body, "duty", pointer),
            remedies=self.rules(Kind.DUTY, body, "remedy", pointer),
            consequences=self.rules(Kind.DUTY, body, "consequence", pointer),
            uid=_text(body.get("@id", body.get("uid"))),
            pointer=pointer,
        )

    def each(self, body: _Object, key: str, parent: str, one: Callable[[Any, str], T | None]) -> tuple[T, ...]:
        """The values under a key, one or a list of them; the place of a single one has no index."""
        if key not in body:
            return ()
        value, pointer = body[key], f"{parent}/{key}"
        if not isinstance(value, list):
            found = one(value, pointer)
            return () if found is None else (found,)
        if not value:
            self.note(pointer)
        read_values = (one(item, f"{pointer}/{index}") for index, item in enumerate(value))
        return tuple(item for item in read_values if item is not None)

    def action(self, value: Any, pointer: str) -> Action | None:
        refinements: tuple[Term, ...] = ()
        if isinstance(value, Mapping) and set(value) != {"@id"}:
            body = self.keys(value, pointer, _ACTION_KEYS, frozenset({"Action"}))
            refinements = self.terms(body, "refinement", pointer)
            value = next((body[key] for key in body if key in _VALUE), None)
        name = _text(value)
        iri = action(name) if name else None
        if iri is None and name and expand_odrl(name) in DUTIES:
            iri = expand_odrl(name)
        if iri is None:
            self.note(pointer, name or "")
        return Action(iri or expand_odrl(name), refinements) if name else None

    def entity(self, value: Any, pointer: str) -> Entity | None:
        name = _text(value)
        if name:
            return Entity(name)
        if not isinstance(value, Mapping):
            self.note(pointer)
            return None
        body = self.keys(value, pointer, _ENTITY_KEYS, _ENTITY_TYPES)
        name = _text(body.get("source", body.get("@id", body.get("uid"))))
        if not name or "partOf" in body:
            self.note(pointer)
        refinements = self.terms(body, "refinement", pointer)
        collection = "source" in body or plain(_text(body.get("@type")) or "") in _COLLECTIONS
        return Entity(name, collection, refinements, _text(body.get("@id")) or "") if name else None

    def named(self, body: _Object, properties: frozenset[str], pointer: str) -> Named:
        """The entities under other properties: those whose key, expanded, is one of `properties`."""
        if body.keys() <= _POLICY_KEYS:
            return ()
        found = {key: expand_odrl(key) for key in body if key not in _POLICY_KEYS and expand_odrl(key) in properties}
        if not found:
            return ()
        ordered = sorted(found.items(), key=lambda one: one[1])
        return tuple((iri, self.each(body, key, pointer, self.entity)) for key, iri in ordered)

    def names(self, body: _Object, key: str) -> tuple[str, ...]:
        return self.each(body, key, "", self.name)

    def name(self, value: Any, pointer: str) -> str | None:
        text = _text(value)
        if text is None:
            self.note(pointer)
        return text

    def terms(self, body: _Object, key: str, parent: str) -> tuple[Term, ...]:
        if key not in body:
            return ()
        found = [self.term(source, pointer) for source, pointer in self.objects(body, key, parent)]
        return tuple([term for term in found if term is not None])

    def term(self, source: _Object, pointer: str) -> Term | None:
        plainly = source.keys() <= _CONSTRAINT_KEYS
        operator = None if plainly else next((plain(key) for key in source if plain(key) in LOGICAL), None)
        if operator is None:
            return self.constraint(source, pointer)
        body = self.keys(source, pointer, _NODE | {operator}, _TERM_TYPES)
        parts = self.terms({operator: _unlisted(body[operator])}, operator, pointer)
        if not parts:
            self.note(f"{pointer}/{operator}")
        return Logical(operator, parts, pointer) if parts else None

    def constraint(self, source: _Object, pointer: str) -> Constraint | None:
        body = self.keys(source, pointer, _CONSTRAINT_KEYS, _TERM_TYPES)
        left, operator = _text(body.get("leftOperand")), plain(_text(body.get("operator")) or "")
        datatype = expand(body["dataType"]) if isinstance(body.get("dataType"), str) else None
        by_reference = "rightOperandReference" in body
        right = self.right(body, "rightOperandReference" if by_reference else "rightOperand", pointer, datatype)
        if operator not in OPERATORS:
            self.note(f"{pointer}/operator", operator)
        if not left:
            self.note(f"{pointer}/leftOperand")
        if ("dataType" in body and datatype is None) or (by_reference and "rightOperand" in body):
            self.note(f"{pointer}/dataType" if "dataType" in body else f"{pointer}/rightOperand")
        if not left or not right:
            return None
        unit = self.value(body, "unit", pointer) if "unit" in body else None
        status = self.value(body, "status", pointer) if "status" in body else None
        return Constraint(expand_odrl(left), operator, right, pointer, unit, datatype, status, by_reference)

    def right(self, body: _Object, key: str, pointer: str, datatype: str | None) -> tuple[Literal, ...]:
        values = _listed(_unlisted(body.get(key, [])))
        right = tuple([found for value in values if (found := _literal(value, datatype)) is not None])
        if not right or len(right) < len(values):
            self.note(f"{pointer}/{key}")
        return right

    def value(self, body: _Object, key: str, pointer: str) -> Literal | None:
        found = _literal(body[key], None)
        if found is None:
            self.note(f"{pointer}/{key}")
        return found

    def objects(self, body: _Object, key: str, parent: str) -> Iterator[tuple[_Object, str]]:
        for index, value in enumerate(_listed(body.get(key, []))):
            pointer = f"{parent}/{key}/{index}"
            if value.__class__ is dict or isinstance(value, Mapping):
                yield value, pointer
            else:
                self.note(pointer)

    def keys(
        self, source: _Object, pointer: str, allowed: frozenset[str], types: frozenset[str], *, open_ended: bool = False
    ) -> dict[str, Any]:
        """The object's values by plain key; a key that is not allowed, or written twice, is noted."""
        plainly = source.keys() <= allowed
        body = dict(source) if plainly else self.other_keys(source, pointer, allowed, open_ended)
        if "@type" in body and plain(_text(body["@type"]) or "") not in types:
            self.note(f"{pointer}/@type")
        return body

    def other_keys(self, source: _Object, pointer: str, allowed: frozenset[str], open_ended: bool) -> dict[str, Any]:
        body: dict[str, Any] = {}
        for key, value in source.items():
            name = plain(key)
            if name in body or (name not in allowed and not _harmless(key, open_ended)):
                self.note(f"{pointer}/{key}")
            body[name] = value
        return body

    def note(self, pointer: str, term: str = "") -> None:
        shown = f"{pointer}: {term}" if term else pointer
        self.unknown.append("".join(sign if sign.isprintable() else "?" for sign in shown[:200]))


@lru_cache(maxsize=4096)
def plain(term: str) -> str:
    """Return a term of ODRL without its prefix, any other with its IRI in full."""
    return expand(term).removeprefix(ODRL)


def _harmless(key: str, open_ended: bool) -> bool:
    return expand(key) in _DESCRIBING or (open_ended and expand_odrl(key) in FUNCTIONS | RELATIONS)


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _unlisted(value: Any) -> Any:
    # JSON-LD may wrap an ordered list; its items are the same values.
    if value.__class__ is str or value.__class__ is list:
        return value
    return value["@list"] if isinstance(value, Mapping) and set(value) == {"@list"} else value


def _text(value: object) -> str | None:
    if value.__class__ is str:
        return value or None
    if isinstance(value, Mapping) and len(value) == 1 and "@id" in value:
        value = value["@id"]
    return value if isinstance(value, str) and value else None


def _literal(value: Any, datatype: str | None) -> Literal | None:
    """One value: a text, a number, a reference, or a JSON-LD value object; None for anything else."""
    if isinstance(value, str):
        return Literal(value, datatype) if value else None
    if value.__class__ is dict or isinstance(value, Mapping):
        return _stated(value, datatype)
    if isinstance(value, bool):
        return Literal(str(value).lower(), f"{XSD}boolean")
    if isinstance(value, int | float):
        return Literal(str(value), f"{XSD}{'integer' if isinstance(value, int) else 'double'}")
    return None


def _stated(value: _Object, datatype: str | None) -> Literal | None:
    if "@value" not in value:
        text = _text(value)
        return Literal(text, REFERENCE) if text else None
    if not value.keys() <= _VALUE_KEYS:
        return None
    kind, language, stated = value.get("@type"), value.get("@language"), value["@value"]
    if not (kind is None or isinstance(kind, str)) or not (language is None or isinstance(language, str)):
        return None
    # A text in a language has no other datatype, and what states its own type keeps it.
    meant = expand(kind) if kind else None if language else datatype
    found = _literal(stated, meant) if not isinstance(stated, Mapping) else None
    if found is not None and kind and not isinstance(stated, str):
        found = Literal(found.text, meant)
    return None if found is None else Literal(found.text, found.datatype, language)
