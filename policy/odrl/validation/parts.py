"""Validation of what a policy and a rule may both state (Information Model 2.2 to 2.4): actions, assets and parties."""

from collections.abc import Iterator

from policy.odrl import vocabulary as v
from policy.odrl.model import Action, Entity, Named, Policy, Rule
from policy.odrl.reading import FUNCTIONS, RELATIONS
from policy.odrl.validation.core_profile import known_action
from policy.odrl.validation.lexical import is_iri
from policy.odrl.validation.problem import Problem, error, short, shown, unknown, warning
from policy.odrl.validation.terms import term_problems


def stated_problems(source: Policy | Rule, path: str, profiled: bool) -> Iterator[Problem]:
    """Yield what is wrong with the actions, assets and parties that a policy or a rule names itself."""
    for index, action in enumerate(source.actions):
        yield from _action(action, _place(f"{path}/action", index, source.actions), profiled)
    for key, entities in (("target", source.targets), ("assigner", source.assigners), ("assignee", source.assignees)):
        for index, entity in enumerate(entities):
            yield from _entity(entity, _place(f"{path}/{key}", index, entities), profiled)
    yield from _properties(source.functions, path, FUNCTIONS, "party function", profiled)
    yield from _properties(source.relations, path, RELATIONS, "asset relation", profiled)


def _properties(named: Named, path: str, known: frozenset[str], role: str, profiled: bool) -> Iterator[Problem]:
    for iri, entities in named:
        place = f"{path}/{iri.removeprefix(v.ODRL)}"
        if iri not in known and not profiled:
            yield warning(place, unknown(role, iri))
        for index, entity in enumerate(entities):
            yield from _entity(entity, _place(place, index, entities), profiled)


def _action(action: Action, path: str, profiled: bool) -> Iterator[Problem]:
    if not action.iri or action.iri.startswith("_:"):
        yield error(path, "the action has no name; say in rdf:value which one the refinements narrow")
    elif not known_action(action.iri) and not profiled:
        yield warning(path, unknown("action", action.iri))
    elif v.action(action.iri) not in {None, action.iri}:
        yield warning(path, f"{short(action.iri)} is deprecated; use {short(v.action(action.iri) or '')}")
    yield from term_problems(action.refinements, f"{path}/refinement", profiled)


def _entity(entity: Entity, path: str, profiled: bool) -> Iterator[Problem]:
    named = entity.iri and not entity.iri.startswith("_:")
    if not named and not entity.refinements:
        yield warning(path, "has no identifier, so nobody can tell whether it is meant; give it an IRI")
    elif named and not is_iri(entity.iri):
        yield warning(path, f"'{shown(entity.iri)}' is not an IRI; an asset or party is identified by one")
    if entity.refinements and not named:
        yield error(path, "is refined but names no collection; say in source which one its members come from")
    elif entity.refinements and not entity.collection:
        yield error(path, "is refined but is no collection; state the collection as its source")
    elif entity.refinements and entity.node == entity.iri:
        yield error(path, "is refined and has the collection's own uid; state the collection as its source instead")
    yield from term_problems(entity.refinements, f"{path}/refinement", profiled)


def _place(path: str, index: int, values: tuple[object, ...]) -> str:
    return f"{path}/{index}" if len(values) > 1 else path
