"""Reading a policy in the wire form of the Dataspace Protocol (2025-1, negotiation/contract-schema.json).

The reader accepts a little more than the schema (``odrl:`` keys, one value where a list may stand, ``{"@id": ...}``
where a string may) and nothing silently: every key or value it does not understand is named in `Policy.unknown`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from policy.odrl.model import Constraint, Literal, Logical, Policy, PolicyError, Rule, Term
from policy.odrl.vocabulary import DATASET, LOGICAL, ODRL, OPERATORS, RECIPIENT, action, duty, expand, expand_odrl

KINDS = frozenset({"Offer", "Agreement", "Set"})
MAX_DEPTH = 40
MAX_VALUES = 20_000

_NODE = frozenset({"@id", "@type", "uid"})
_POLICY_KEYS = _NODE | {"@context", "permission", "prohibition", "obligation", "timestamp", "conflict"}
_POLICY_KEYS |= {"target", "assigner", "assignee"}
_RULE_KEYS = _NODE | {"action", "constraint", "target", "assignee", "assigner"}
_CONSTRAINT_KEYS = _NODE | {"leftOperand", "operator", "rightOperand", "dataType"}
_RULE_TYPES = frozenset({"Permission", "Prohibition", "Duty", "Rule"})
_TERM_TYPES = frozenset({"Constraint", "AtomicConstraint", "LogicalConstraint"})
_STRATEGIES = frozenset({"perm", "prohibit", "invalid"})

# Keys that describe a policy or rule and can neither widen nor narrow it.
_DESCRIBING = frozenset(
    expand(f"dct:{name}") for name in ("title", "description", "creator", "issued", "created", "modified", "identifier")
) | {expand("rdfs:label"), expand("rdfs:comment")}


def read(source: object) -> Policy:
    """Return the policy that a parsed JSON object holds.

    Raises :class:`PolicyError` if it is no object, has no id or type, or is too large to judge (more than 20,000
    values or 40 levels). Whatever is inside and not understood does not raise; it is named in `unknown`.
    """
    if not isinstance(source, Mapping):
        raise PolicyError("a policy is a JSON object")
    _measure(source)
    return _Reader().policy(source)


def _measure(source: Mapping[str, Any]) -> None:
    # Walked with a stack of our own: a hostile depth must end in a refusal, not in the interpreter's.
    count = 0
    path: list[Iterator[object]] = [iter([source])]
    while path:
        for value in path[-1]:
            count += 1
            if isinstance(value, Mapping | list):
                path.append(iter(list(value.values()) if isinstance(value, Mapping) else value))
                break
        else:
            path.pop()
        if count > MAX_VALUES or len(path) > MAX_DEPTH:
            raise PolicyError(f"larger than {MAX_VALUES} values or {MAX_DEPTH} levels")


class _Reader:
    """Walks one policy and collects what it does not understand."""

    def __init__(self) -> None:
        self.unknown: list[str] = []

    def policy(self, source: Mapping[str, Any]) -> Policy:
        body = self.keys(source, "", _POLICY_KEYS)
        uid, kind = _text(body.get("@id", body.get("uid"))), _plain(_text(body.get("@type")) or "")
        if not uid:
            raise PolicyError("a policy needs an id", "/@id")
        if kind not in KINDS:
            raise PolicyError("a policy is an Offer, an Agreement or a Set", "/@type")
        if _plain(_text(body.get("conflict", "prohibit")) or "") not in _STRATEGIES:
            # Prohibitions always win here, which is at least as strict as each of the three strategies.
            self.note("/conflict")
        return Policy(
            uid,
            kind,
            target=self.name(body, "target"),
            assigner=self.name(body, "assigner"),
            assignee=self.name(body, "assignee"),
            permissions=self.rules(body, "permission", ""),
            prohibitions=self.rules(body, "prohibition", ""),
            obligations=self.duties(body, "obligation", ""),
            unknown=tuple(self.unknown),
        )

    def name(self, body: Mapping[str, Any], key: str, pointer: str = "") -> str | None:
        """The text under a key that may be absent; anything but a text or a bare reference is noted."""
        text = _text(body.get(key))
        if key in body and not text:
            self.note(f"{pointer}/{key}")
        return text

    def rules(self, body: Mapping[str, Any], key: str, parent: str) -> tuple[Rule, ...]:
        allowed = _RULE_KEYS | {"duty"} if key == "permission" else _RULE_KEYS
        found = (self.rule(*place, allowed) for place in self.objects(body, key, parent))
        return tuple(rule for rule in found if rule is not None)

    def rule(self, source: Mapping[str, Any], pointer: str, allowed: frozenset[str]) -> Rule | None:
        body = self.keys(source, pointer, allowed, _RULE_TYPES)
        name = _text(body.get("action")) or ""
        iri = action(name)
        if iri is None:
            self.note(f"{pointer}/action", name)
        terms = (*self.terms(body, "constraint", pointer), *self.named(body, pointer))
        duties = self.duties(body, "duty", pointer)
        return Rule(iri, terms, duties, pointer) if iri else None

    def duties(self, body: Mapping[str, Any], key: str, parent: str) -> tuple[Rule, ...]:
        found = (self.duty(*place) for place in self.objects(body, key, parent))
        return tuple(rule for rule in found if rule is not None)

    def duty(self, source: Mapping[str, Any], pointer: str) -> Rule | None:
        body = self.keys(source, pointer, _RULE_KEYS, _RULE_TYPES)
        name = _text(body.get("action")) or ""
        iri = duty(name)
        if iri is None:
            self.note(f"{pointer}/action", name)
        if any(key in body for key in ("target", "assignee")) or body.get("constraint"):
            self.note(pointer, "a duty under conditions")
        return Rule(iri, (), (), pointer) if iri else None

    def named(self, body: Mapping[str, Any], pointer: str) -> Iterator[Constraint]:
        for key, left in (("target", DATASET), ("assignee", RECIPIENT)):
            text = self.name(body, key, pointer)
            if text:
                yield Constraint(left, "eq", (Literal(text),), f"{pointer}/{key}")

    def terms(self, body: Mapping[str, Any], key: str, parent: str) -> tuple[Term, ...]:
        found = (self.term(*place) for place in self.objects(body, key, parent))
        return tuple(term for term in found if term is not None)

    def term(self, source: Mapping[str, Any], pointer: str) -> Term | None:
        operator = next((_plain(key) for key in source if _plain(key) in LOGICAL), None)
        if operator is None:
            return self.constraint(source, pointer)
        body = self.keys(source, pointer, _NODE | {operator}, _TERM_TYPES)
        # JSON-LD may wrap an ordered list; its items are the same parts.
        value = body[operator]
        listed = value["@list"] if isinstance(value, Mapping) and set(value) == {"@list"} else value
        parts = self.terms({operator: listed}, operator, pointer)
        if not parts:
            self.note(f"{pointer}/{operator}")
        return Logical(operator, parts, pointer) if parts else None

    def constraint(self, source: Mapping[str, Any], pointer: str) -> Constraint | None:
        body = self.keys(source, pointer, _CONSTRAINT_KEYS, _TERM_TYPES)
        left = self.name(body, "leftOperand", pointer)
        operator = _plain(_text(body.get("operator")) or "")
        values = [_literal(value, body.get("dataType")) for value in _listed(body.get("rightOperand", []))]
        right = tuple(value for value in values if value is not None)
        if operator not in OPERATORS:
            self.note(f"{pointer}/operator", operator)
        if not right or len(right) < len(values):
            self.note(f"{pointer}/rightOperand")
        if not left:
            self.note(f"{pointer}/leftOperand")
        return Constraint(expand_odrl(left), operator, right, pointer) if left and right else None

    def objects(self, body: Mapping[str, Any], key: str, parent: str) -> Iterator[tuple[Mapping[str, Any], str]]:
        for index, value in enumerate(_listed(body.get(key, []))):
            pointer = f"{parent}/{key}/{index}"
            if isinstance(value, Mapping):
                yield value, pointer
            else:
                self.note(pointer)

    def keys(
        self, source: Mapping[str, Any], pointer: str, allowed: frozenset[str], types: frozenset[str] = KINDS
    ) -> dict[str, Any]:
        """The object's values by plain key; a key that is not allowed, or written twice, is noted."""
        body: dict[str, Any] = {}
        for key, value in source.items():
            name = _plain(key)
            if name in body or (name not in allowed and expand(key) not in _DESCRIBING):
                self.note(f"{pointer}/{key}")
            body[name] = value
        if "@type" in body and _plain(_text(body["@type"]) or "") not in types:
            self.note(f"{pointer}/@type")
        return body

    def note(self, pointer: str, term: str = "") -> None:
        shown = f"{pointer}: {term}" if term else pointer
        self.unknown.append("".join(sign if sign.isprintable() else "?" for sign in shown[:200]))


def _plain(term: str) -> str:
    return expand(term).removeprefix(ODRL)


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _text(value: object) -> str | None:
    if isinstance(value, Mapping) and set(value) == {"@id"}:
        value = value["@id"]
    return value if isinstance(value, str) and value else None


def _literal(value: Any, datatype: object) -> Literal | None:
    if isinstance(value, Mapping) and {"@value"} <= set(value) <= {"@value", "@type"} and datatype is None:
        value, datatype = value["@value"], value.get("@type")
    text = _text(value)
    if text is None or not (datatype is None or isinstance(datatype, str)):
        return None
    return Literal(text, None if datatype is None else expand(datatype))
