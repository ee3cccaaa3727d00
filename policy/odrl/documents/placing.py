"""Giving every element of a policy its pointer, and collecting what its drafts hold: notes, statements, wording."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, TypeVar

from rdflib import BNode, URIRef

from policy.odrl.documents import names as n
from policy.odrl.documents.names import Node, Triple
from policy.odrl.documents.statements import Draft, Listed, Statements
from policy.odrl.model import Action, Constraint, Entity, Logical, Named, Policy, PolicyError, Rule, Term
from policy.odrl.reading import MAX_DEPTH

E = TypeVar("E")


class Placing:
    """Walks policies from the top, in the order of their elements."""

    def __init__(self, statements: Statements) -> None:
        self.used: set[Triple] = set()
        self.lists: dict[tuple[Node, URIRef], Listed] = {}
        self.unread: list[str] = []
        self._said: dict[Triple, list[Triple]] = {}
        self._statements = statements
        self._done: set[int] = set()
        self._notes: list[str] = []

    def policy(self, draft: Draft) -> Policy:
        """Return the policy of a draft with pointers everywhere and everything not understood in `unknown`."""
        self._notes = []
        policy = draft.element
        assert isinstance(policy, Policy)  # noqa: S101 - a policy's draft holds a policy or was never made
        self._collect(draft, "")
        rules = {name: (getattr(policy, name), f"/{n.shown(leads)}") for name, (leads, _) in n.RULES.items()}
        placed: dict[str, Any] = {name: self._rules(*found, 1) for name, found in rules.items()}
        return replace(policy, **self._shared(policy, "", 1), **placed, unknown=tuple(self._notes))

    def wording(self) -> dict[Triple, tuple[Triple, ...]]:
        """What was written instead of what the model would say."""
        return {
            said: tuple(dict.fromkeys(([said] if said in self.used else []) + written))
            for said, written in self._said.items()
        }

    def _collect(self, draft: Draft, pointer: str) -> None:
        self._notes += [_printable(pointer + note) for note in draft.notes]
        self.unread += [_printable(pointer + note) for note in draft.unread]
        if id(draft) not in self._done:
            self._done.add(id(draft))
            self.used.update(draft.taken)
            self.lists.update(draft.lists)
            for said, written in draft.said.items():
                self._said.setdefault(said, []).extend(written)

    def _below(self, role: str, node: str, pointer: str, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise PolicyError(f"deeper than {MAX_DEPTH} levels", pointer)
        if node:
            key = BNode(node[2:]) if node.startswith("_:") else URIRef(node)
            self._collect(self._statements.drafts[role, key], pointer)

    def _shared(self, side: Policy | Rule, pointer: str, depth: int) -> dict[str, Any]:
        assets, parties = n.shown(n.ASSETS), n.shown(n.PARTIES)

        def entities(found: tuple[Entity, ...], role: str, name: str) -> tuple[Entity, ...]:
            return _each(found, f"{pointer}/{name}", lambda one, at: self._entity(one, role, at, depth + 1))

        def named(found: Named, role: str) -> Named:
            return tuple((iri, entities(ones, role, n.shown(iri))) for iri, ones in found)

        return {
            "actions": _each(side.actions, f"{pointer}/action", lambda one, at: self._action(one, at, depth + 1)),
            "targets": entities(side.targets, assets, "target"),
            "assigners": entities(side.assigners, parties, "assigner"),
            "assignees": entities(side.assignees, parties, "assignee"),
            "functions": named(side.functions, parties),
            "relations": named(side.relations, assets),
            "terms": self._terms(side.terms, f"{pointer}/constraint", depth),
        }

    def _rules(self, rules: tuple[Rule, ...], pointer: str, depth: int) -> tuple[Rule, ...]:
        return _each(rules, pointer, lambda one, at: self._rule(one, at, depth + 1))

    def _rule(self, rule: Rule, pointer: str, depth: int) -> Rule:
        self._below(rule.kind.value, rule.node, pointer, depth)
        below: dict[str, Any] = {
            name: self._rules(getattr(rule, name), f"{pointer}/{n.shown(leads)}", depth)
            for name, leads in n.BELOW.items()
        }
        return replace(rule, pointer=pointer, **self._shared(rule, pointer, depth), **below)

    def _action(self, action: Action, pointer: str, depth: int) -> Action:
        self._below("action", action.node, pointer, depth)
        return replace(action, refinements=self._terms(action.refinements, f"{pointer}/refinement", depth))

    def _entity(self, entity: Entity, role: str, pointer: str, depth: int) -> Entity:
        self._below(role, entity.node, pointer, depth)
        return replace(entity, refinements=self._terms(entity.refinements, f"{pointer}/refinement", depth))

    def _terms(self, terms: tuple[Term, ...], pointer: str, depth: int) -> tuple[Term, ...]:
        return _each(terms, pointer, lambda one, at: self._term(one, at, depth + 1))

    def _term(self, term: Term, pointer: str, depth: int) -> Term:
        self._below("term", term.node, pointer, depth)
        if isinstance(term, Constraint):
            return replace(term, pointer=pointer)
        parts = self._terms(term.parts, f"{pointer}/{term.operator}", depth)
        return Logical(term.operator, parts, pointer, term.node)


def _each(elements: Iterable[E], pointer: str, place: Callable[[E, str], E]) -> tuple[E, ...]:
    return tuple(place(one, f"{pointer}/{index}") for index, one in enumerate(elements))


def _printable(note: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in note[:200])
