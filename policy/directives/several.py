"""What all consents that came from elsewhere say together to one request (reference S1, S12).

Each that is about the request speaks for itself. One that cannot be judged stops everything; one that forbids every
item is a no; else what each leaves to ask of the items is joined in the filter, where a denial of any outweighs.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from policy.decision import Outcome
from policy.directives.asking import Asking
from policy.directives.broad import broad_answer
from policy.directives.candidates import choose
from policy.directives.compiling import Said, compiled
from policy.directives.model import Directive
from policy.directives.purposive import Declared, declared
from policy.gate import Answer, cannot_tell, deny
from policy.reasons import Reason, reason


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
    asked = declared(asking)
    chosen = choose(asking, directives)
    trees = [pair for pair in chosen.speaking if pair[1].root is not None]
    said = [compiled(one, its, asking, asked) for one, its in trees]
    edges = (edge for one in said for edge in one.edges)
    changes = tuple(dict.fromkeys((*chosen.changes, *_of_emergency(asking), *edges)))
    faults = [*chosen.faults, *((one.directive.id, why) for one in said for why in one.faults)]
    if faults:
        named = dict.fromkeys(name for name, _ in faults)
        return cannot_tell(
            *(reason("directive-unreadable", name) for name in named),
            unknown=[f"{name}{why}" if why.startswith("/") else f"{name}: {why}" for name, why in faults],
            changes=changes,
        )
    answer = _together(said, asked, changes)
    broad = [one for one, its in chosen.speaking if its.root is None]
    return _with_broad(answer, broad_answer(broad, asking)) if broad else answer


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
