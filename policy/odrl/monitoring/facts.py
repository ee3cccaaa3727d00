"""Testing terms on one event: what its log line says, how often its rule was exercised before, and since when."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeAlias

from policy.odrl import vocabulary as v
from policy.odrl.evaluating.behaviours import Behaviour
from policy.odrl.evaluating.request import NO_FEATURES, Features, Performed
from policy.odrl.evaluating.state import State
from policy.odrl.evaluating.terms import CompiledTerm, compile_term
from policy.odrl.evaluating.truth import Truth
from policy.odrl.model import XSD, Constraint, Literal, Term
from policy.odrl.monitoring.logs import ASSET, PARTY, SUBJECTS
from policy.odrl.monitoring.looks import dated, typed
from policy.odrl.monitoring.times import ELAPSED

COUNT = f"{v.ODRL}count"
MEMORY = 4_096
"""How many answers one term remembers by the values it was asked about."""

Values: TypeAlias = tuple[Literal, ...]


class View:
    """The event as one subject's terms see it: its own columns before the plain ones. Reused from event to event."""

    __slots__ = ("action", "at", "features", "party", "stated", "subject", "target", "units")

    def __init__(self, subject: str) -> None:
        self.subject = subject
        self.enter(Performed(action=""), {}, {})

    def enter(self, event: Performed, features: dict[str, Values], known: Features) -> None:
        """Turn to the next event: `features` are all its columns, `known` is what the state says of this subject."""
        self.action, self.party, self.target = event.action, event.party, event.target
        self.at, self.units = event.at, event.units
        prefix = f"{self.subject} "
        own = {name[len(prefix) :]: found for name, found in features.items() if name.startswith(prefix)}
        self.features = {**features, **known, **own}
        self.stated = ELAPSED in self.features, COUNT in own

    def count(self, done: int | None, since: datetime | None) -> None:
        """Say how often the rule was exercised, this time included (None: nobody can tell), and since when.

        Time that the log itself states stands; so does a count that it states for this subject.
        """
        elapsed, counted = self.stated
        if not counted:
            self.features[COUNT] = () if done is None else (Literal(str(done), f"{XSD}integer"),)
        if not elapsed:
            self.features[ELAPSED] = _elapsed(since, self.at)


class Scene:
    """One event, seen by each subject."""

    __slots__ = ("about", "views")

    def __init__(self, about: Mapping[str, Features]) -> None:
        self.about = about
        self.views = {subject: View(subject) for subject in ("", *SUBJECTS)}

    def enter(self, event: Performed, looks: bool) -> None:
        """Turn to the next event; with `looks` its texts are dates where they look like dates."""
        features = {name: tuple(map(dated, found)) if looks else found for name, found in event.features.items()}
        named = {PARTY: event.party, ASSET: event.target}
        for subject, view in self.views.items():
            view.enter(event, features, self.about.get(named.get(subject) or "", NO_FEATURES))

    def count(self, done: int | None, since: datetime | None) -> None:
        """As :meth:`View.count`, for all subjects."""
        for view in self.views.values():
            view.count(done, since)


def _elapsed(since: datetime | None, at: datetime | None) -> Values:
    if since is None or at is None:
        return ()
    passed = at - since
    fraction = f".{passed.microseconds:06}" if passed.microseconds else ""
    return (Literal(f"PT{passed.days * 86_400 + passed.seconds}{fraction}S", f"{XSD}duration"),)


Test: TypeAlias = Callable[[Scene], Truth]


class Compiler:
    """Makes tests of terms under one behaviour; `notes` collects what has no meaning."""

    def __init__(self, behaviour: Behaviour, state: State, looks: bool) -> None:
        self.behaviour = behaviour
        self.state = state
        self.looks = looks
        self.notes: list[str] = []

    def tests(self, terms: Sequence[Term], subject: str = "") -> tuple[Test, ...]:
        """Return a test for each term; of a refinement `subject` is what it refines."""
        return tuple(self._test(term, subject) for term in terms)

    def _test(self, term: Term, subject: str) -> Test:
        compiled = compile_term(looked(term) if self.looks else term, self.behaviour, self.notes)
        leaves = tuple(_leaves(compiled))
        ask, state = compiled.test, self.state
        if any(leaf.term.left == v.DATE_TIME for leaf in leaves if isinstance(leaf.term, Constraint)):
            # Every event has its own instant: there is nothing to remember, and this comparison is quick.
            return lambda scene: ask(scene.views[subject], state)
        known: dict[tuple[Values, ...], Truth] = {}

        def test(scene: Scene) -> Truth:
            view = scene.views[subject]
            key = tuple([leaf.found(view, state) for leaf in leaves])
            if key in known:
                return known[key]
            truth = ask(view, state)
            if len(known) < MEMORY:
                known[key] = truth
            return truth

        return test


def _leaves(term: CompiledTerm) -> Iterator[CompiledTerm]:
    if not term.parts:
        yield term
    for part in term.parts:
        yield from _leaves(part)


def looked(term: Term) -> Term:
    """Return the term with every right operand read by its look, and without units, which a log does not state."""
    if isinstance(term, Constraint):
        return replace(term, right=tuple(map(typed, term.right)), unit=None)
    return replace(term, parts=tuple(map(looked, term.parts)))


def counts(term: Term) -> bool:
    """Whether a term asks how often or since when its rule was exercised."""
    if isinstance(term, Constraint):
        return term.left in {COUNT, ELAPSED} and term.given is None
    return any(counts(part) for part in term.parts)
