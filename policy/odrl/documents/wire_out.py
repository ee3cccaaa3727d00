"""Writing the one policy of a document in the wire form of the Dataspace Protocol."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from rdflib import RDF

from policy.odrl.documents import names as n
from policy.odrl.documents.document import Document
from policy.odrl.documents.ordering import ordered
from policy.odrl.model import REFERENCE, Action, Constraint, Entity, Literal, Policy, PolicyError, Rule, Term
from policy.odrl.reading import plain, read
from policy.odrl.vocabulary import ODRL


def wire(document: Document) -> str:
    """Return the policy as JSON text that :func:`policy.odrl.reading.read` reads as the very same policy.

    Labels and notes are left behind. Raises :class:`PolicyError` naming what the wire form cannot carry.
    """
    if len(document.policies) != 1:
        raise PolicyError(f"the wire form carries one policy, not {len(document.policies)}")
    policy = document.policies[0]
    left_out = _left_out(document)
    if left_out:
        raise PolicyError(f"the wire form cannot carry {left_out}")
    written = _policy(policy)
    _check(policy, read(written))
    return json.dumps(written, indent=2, ensure_ascii=False) + "\n"


def _left_out(document: Document) -> str | None:
    """What the rest says about the policy that could limit it, if anything."""
    nodes = document.nodes()
    for subject, predicate, _ in sorted(document.rest):
        if subject in nodes and predicate not in n.DESCRIBING | {RDF.type, n.UID}:
            return n.shown(predicate)
    return None


def _check(policy: Policy, again: Policy) -> None:
    one, other = ordered(policy), ordered(again)
    for part in fields(Policy):
        if part.name != "unknown" and getattr(one, part.name) != getattr(other, part.name):
            raise PolicyError(f"the wire form cannot carry its {part.name} as they are")


def _policy(policy: Policy) -> dict[str, Any]:
    return _stated(
        {
            "@type": policy.kind,
            "@id": policy.uid,
            "profile": list(policy.profiles),
            "inheritFrom": list(policy.inherits),
            "conflict": policy.conflict,
            **_shared(policy, ""),
            "permission": _rules(policy.permissions, "/permission"),
            "prohibition": _rules(policy.prohibitions, "/prohibition"),
            "obligation": _rules(policy.obligations, "/obligation"),
        }
    )


def _rules(rules: Iterable[Rule], pointer: str) -> list[dict[str, Any]]:
    return [_rule(rule, f"{pointer}/{index}") for index, rule in enumerate(rules)]


def _rule(rule: Rule, pointer: str) -> dict[str, Any]:
    return _stated(
        {
            "@id": rule.uid,
            **_shared(rule, pointer),
            "duty": _rules(rule.duties, f"{pointer}/duty"),
            "remedy": _rules(rule.remedies, f"{pointer}/remedy"),
            "consequence": _rules(rule.consequences, f"{pointer}/consequence"),
        }
    )


def _shared(side: Policy | Rule, pointer: str) -> dict[str, Any]:
    return {
        "action": _single([_action(one, f"{pointer}/action") for one in side.actions]),
        "target": _single([_entity(one, f"{pointer}/target") for one in side.targets]),
        "assigner": _single([_entity(one, f"{pointer}/assigner") for one in side.assigners]),
        "assignee": _single([_entity(one, f"{pointer}/assignee") for one in side.assignees]),
        **{
            plain(iri): _single([_entity(one, f"{pointer}/{plain(iri)}") for one in entities])
            for iri, entities in (*side.functions, *side.relations)
        },
        "constraint": [_term(one, f"{pointer}/constraint") for one in side.terms],
    }


def _action(action: Action, pointer: str) -> Any:
    if not action.iri:
        raise PolicyError("the wire form cannot carry an action without a name", pointer)
    if not action.refinements:
        return plain(action.iri)
    return {"rdf:value": {"@id": plain(action.iri)}, "refinement": [_term(one, pointer) for one in action.refinements]}


def _entity(entity: Entity, pointer: str) -> Any:
    if not entity.iri:
        raise PolicyError("the wire form cannot carry an asset or a party without a name", pointer)
    if not entity.collection and not entity.refinements:
        return entity.iri
    node = entity.node if entity.node and not entity.node.startswith("_:") else None
    key = "source" if entity.collection and entity.iri != node else "@id"
    refinements = [_term(one, pointer) for one in entity.refinements]
    return _stated({"@id": node, key: entity.iri, **_collection(entity, pointer), "refinement": refinements})


def _collection(entity: Entity, pointer: str) -> Mapping[str, str]:
    if not entity.collection:
        return {}
    kind = n.ASSETS if pointer.rpartition("/")[2] in {"target", *map(n.shown, n.RELATIONS)} else n.PARTIES
    return {"@type": n.shown(kind)}


def _term(term: Term, pointer: str) -> dict[str, Any]:
    if isinstance(term, Constraint):
        return _constraint(term, pointer)
    return {term.operator: [_term(part, pointer) for part in term.parts]}


def _constraint(term: Constraint, pointer: str) -> dict[str, Any]:
    if term.given is not None:
        raise PolicyError("the wire form cannot carry a value as left operand", term.pointer or pointer)
    return _stated(
        {
            "leftOperand": _bare(term.left),
            "operator": term.operator,
            "rightOperandReference" if term.by_reference else "rightOperand": _single(list(map(_value, term.right))),
            "dataType": term.datatype,
            "unit": _value(term.unit) if term.unit else None,
            "status": _value(term.status) if term.status else None,
        }
    )


def _bare(iri: str) -> str:
    name = iri.removeprefix(ODRL)
    return name if name.isidentifier() else iri


def _value(value: Literal) -> Any:
    if value.datatype == REFERENCE:
        return {"@id": value.text}
    if value.datatype is None and value.language is None:
        return value.text
    return _stated({"@value": value.text, "@type": value.datatype, "@language": value.language})


def _single(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values


def _stated(body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if value is not None and value != []}
