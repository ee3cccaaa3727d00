"""What all consents that came from elsewhere say together to one request (reference S1, S12).

Each that is about the request speaks for itself. One that cannot be judged stops everything; one that forbids every
item is a no; else what each leaves to ask of the items is joined in the filter, where a denial of any outweighs.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from policy.decision import Outcome
from policy.directives.asking import Asking
from policy.directives.broad import about_research, broad_answer
from policy.directives.candidates import choose
from policy.directives.compiling import Said, compiled
from policy.directives.model import Directive
from policy.directives.planning import Plan
from policy.directives.purposive import MOST_PURPOSES, Declared, declared
from policy.gate import Answer, cannot_tell, deny
from policy.reasons import Reason, reason
from policy.rules import forbids


def ask_directives(asking: Asking, directives: Sequence[Directive], unreadable: int = 0) -> Answer:
    """Return what they say: deny, indeterminate, not applicable, or permit with the rule sets for the items.

    `unreadable` counts those that could not be read at all: then nobody can tell. Never raises: whatever goes wrong
    with a directive is a reason not to rely on any.
    """
    try:
        return _heard(asking, tuple(directives), unreadable)
    except Exception as error:  # a hostile directive must end as a no, whatever it does
        return cannot_tell(reason("directive-unreadable"), unknown=(f"directives: {type(error).__name__}",))


def _heard(asking: Asking, directives: tuple[Directive, ...], unreadable: int) -> Answer:
    if unreadable:
        return cannot_tell(reason("directive-unreadable"), unknown=("directives: unreadable",))
    if len(asking.purposes) > MOST_PURPOSES:
        return cannot_tell(reason("directive-unreadable"), unknown=(f"request: more than {MOST_PURPOSES} purposes",))
    asked = declared(asking)
    chosen = choose(asking, directives)
    trees = [pair for pair in chosen.speaking if not by_codes(pair[1], asking)]
    said = [compiled(one, its, asking, asked) for one, its in trees]
    said = [_only_no(one) if one.directive.id in chosen.only_noes else one for one in said]
    edges = (edge for one in said for edge in one.edges)
    changes = tuple(dict.fromkeys((*chosen.changes, *_of_emergency(asking), *edges, *asking.edges)))
    faults = [*chosen.faults, *((one.directive.id, why) for one in said for why in one.faults)]
    if faults:
        named = dict.fromkeys(name for name, _ in faults)
        return cannot_tell(
            *(reason("directive-unreadable", name) for name in named),
            unknown=[f"{name}{why}" if why.startswith("/") else f"{name}: {why}" for name, why in faults],
            changes=changes,
        )
    answer = _together(said, asked, changes)
    broad = [one for one, its in chosen.speaking if by_codes(its, asking)]
    return _with_broad(answer, _broadly(broad, asking, chosen.only_noes)) if broad else answer


def by_codes(its: Plan, asking: Asking) -> bool:
    """Whether a directive with this plan is judged by its policy codes."""
    return its.root is None or (its.by_policy and about_research(asking))


def _only_no(one: Said) -> Said:
    """What is left where only what a directive forbids counts."""
    rules = None if one.rules is None or not forbids(one.rules.root) else replace(one.rules, permits=False)
    return replace(one, rules=rules, permits=(), by_emergency=False)


def _broadly(broad: Sequence[Directive], asking: Asking, only_noes: frozenset[str]) -> Answer:
    """What consents by policy code say: the yes of those whose yes counts, within the noes of all."""
    said = broad_answer(broad, asking)
    counting = [one for one in broad if one.id not in only_noes]
    if said.outcome is not Outcome.PERMIT or len(counting) == len(broad):
        return said
    return replace(broad_answer(counting, asking), changes=said.changes, rules=said.rules)


def _together(said: Sequence[Said], asked: Declared, changes: tuple[datetime, ...]) -> Answer:
    """Join what the trees say: one that forbids everything is a no, one that permits something a yes."""
    refused = (reason("emergency-refused"),) if asked.refused else ()
    noes = [one for one in said if one.denies is not None]
    if noes:
        return deny(*(_where("directive-denies", one, one.denies or "") for one in noes), *refused, changes=changes)
    rules = tuple(one.rules for one in said if one.rules is not None)
    yeses = [one for one in said if one.permits]
    if not yeses:
        because = (reason("directive-silent"), *refused)
        return Answer(Outcome.NOT_APPLICABLE, because, changes=changes, rules=rules)
    return Answer(Outcome.PERMIT, (*_yeses(yeses), *refused), changes=changes, rules=rules)


def _yeses(said: Iterable[Said]) -> Iterator[Reason]:
    for one in said:
        yield _where("emergency-permits" if one.by_emergency else "directive-permits", one, one.permits[0])


def _where(code: str, one: Said, pointer: str) -> Reason:
    return reason(code, f"{one.directive.id}{pointer}")


def _with_broad(trees: Answer, broad: Answer) -> Answer:
    """Join with what consents by policy code say (:mod:`policy.directives.broad`)."""
    changes = tuple(dict.fromkeys((*trees.changes, *broad.changes)))
    unknown = (*trees.unknown, *broad.unknown)
    for outcome in (Outcome.DENY, Outcome.INDETERMINATE):
        because = [cause for one in (trees, broad) if one.outcome is outcome for cause in one.because]
        if because:
            return Answer(outcome, tuple(because), unknown, changes)
    yeses = [one for one in (trees, broad) if one.outcome is Outcome.PERMIT]
    return Answer(
        Outcome.PERMIT if yeses else Outcome.NOT_APPLICABLE,
        tuple(dict.fromkeys(cause for one in yeses or (trees, broad) for cause in one.because)),
        unknown,
        changes,
        obligations=tuple(sorted({*trees.obligations, *broad.obligations})),
        scopes=(*trees.scopes, *broad.scopes),
        rules=(*trees.rules, *broad.rules),
    )


def _of_emergency(asking: Asking) -> Iterator[datetime]:
    if asking.emergency is not None:
        yield asking.emergency.declared_at
        yield asking.emergency.until
