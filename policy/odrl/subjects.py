"""What a policy is about: the targets and parties its rules name, and how to find it by them."""

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any, TypeAlias

from policy.closure import above
from policy.decision import Outcome
from policy.odrl.evaluating import Compiled, Request, State
from policy.odrl.evaluating.rules import CompiledRule
from policy.odrl.evaluating.state import parts_of
from policy.odrl.model import Entity

Name: TypeAlias = tuple[str, bool] | None
"""What a rule is about on one side: an IRI, and whether it is that of a collection. None is whatever there is."""


class Side(dict[Name, Any]):
    """What is known by each name on one side, target or party; of the names, those of collections."""

    def __init__(self) -> None:
        super().__init__()
        self.collections: set[tuple[str, bool]] = set()

    def at(self, name: Name, new: Callable[[], Any]) -> Any:
        """Return what is known by a name, something new if nothing is."""
        if name is not None and name[1]:
            self.collections.add(name)
        return self.setdefault(name, new())

    def drop(self, name: Name) -> None:
        """Forget a name."""
        del self[name]
        self.collections.discard(name)

    def by(self, asked: str | None, state: State, wholes: frozenset[str]) -> list[Any]:
        """Return all that is known by the names that what is asked for may go by.

        Nobody has listed a collection that is not among the `wholes`: anybody may be a member of it. Whoever asks for a
        whole asks for its parts, one of which may be forbidden.
        """
        if asked is None:
            return list(self.values())
        own = {asked, *above(state.part_of, asked)}
        if asked in wholes:
            own.update(parts_of(state.part_of, asked))
        names: set[Name] = {None, *product(own, (False, True))}
        names.update(one for one in self.collections if one[0] not in wholes)
        return [self[name] for name in names if name in self]


# --- what a policy is about -------------------------------------------------------------------------------------------


def subjects(compiled: Compiled) -> Iterator[tuple[Name, Name]]:
    """Yield each target and party that the policy is about; whatever there is, of one that is not understood."""
    if _unread(compiled):
        yield None, None
        return
    decides = compiled.behaviour.party_decides
    for rule in _rules(compiled):
        yield from product(_of(rule.rule.targets), _of(rule.rule.assignees if decides else ()))


def _of(entities: Sequence[Entity]) -> Iterator[Name]:
    if not entities:
        yield None
    for entity in entities:
        names = dict.fromkeys((entity.iri, entity.node)) if entity.collection else (entity.iri,)
        named = [name for name in names if name and not name.startswith("_:")]
        yield from ((name, entity.collection) for name in named)
        if entity.collection and not named:
            yield None  # whatever meets its refinements


def _rules(compiled: Compiled) -> tuple[CompiledRule, ...]:
    return compiled.rules.prohibitions + compiled.rules.permissions


def _unread(compiled: Compiled) -> bool:
    """Whether there may be rules that nobody sees, or seen ones that are about something else.

    So it is where the text was not understood, where what it inherits is not joined, and under a profile not known
    here. A rule of its own stands instead of what the policy names for all (2.7), so that this bounds nothing.
    """
    if compiled.fixed is not Outcome.INDETERMINATE:
        return False
    policy, profiles = compiled.policy, compiled.behaviour.profiles
    return bool(policy.unknown or policy.inherits or any(one not in profiles for one in policy.profiles))


def found_by_name(compiled: Compiled) -> bool:
    """Whether its names alone tell what a policy is about: no collection and no refinement leaves it to the state."""
    entities = [entity for rule in _rules(compiled) for entity in (*rule.rule.targets, *rule.rule.assignees)]
    return not any(entity.collection or entity.refinements for entity in entities)


def acts(compiled: Compiled, action: str) -> bool:
    """Whether a policy has a rule for the action, or may have."""
    return any(compiled.matching(action)) or compiled.fixed is Outcome.INDETERMINATE


def meant(policies: Sequence[Compiled], request: Request, state: State) -> list[Compiled]:
    """Return those that are about what is asked, or may be, as far as the state tells."""
    return [
        one for one in policies if _unread(one) or any(rule.about(request, state) is not False for rule in _rules(one))
    ]
