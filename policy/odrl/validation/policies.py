"""Whether a policy is one by the ODRL Information Model 2.2, and if not, where and why.

An error is what a MUST of the model forbids. A warning is what the model advises against, what its vocabulary says of
single terms, and every term that nobody defines: not in ODRL, and the policy names no profile that could (2.1).

The policy is judged in the form in which it is written, each rule with what the policy states for all (2.7); where it
inherits from policies that are not joined yet (`inherited`), what a parent may still state is only warned of.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType

from policy.odrl.model import Kind, Policy, Rule
from policy.odrl.reading import KINDS, STRATEGIES
from policy.odrl.validation.contradictions import contradictions
from policy.odrl.validation.core_profile import every, profile_problems, profiled
from policy.odrl.validation.lexical import is_iri
from policy.odrl.validation.parts import stated_problems
from policy.odrl.validation.problem import Problem, Severity, error, shown, unknown, warning
from policy.odrl.validation.terms import term_problems
from policy.odrl.validation.unread import unread

__all__ = ["Problem", "Severity", "problems"]


def problems(policy: Policy) -> tuple[Problem, ...]:
    """Return all that is wrong with the policy, in the order of its parts; empty if nothing is.

    Never raises for a policy that was read. What a reader did not understand (`Policy.unknown`) comes last, unless it
    is said already.
    """
    found = tuple(dict.fromkeys(chain(_policy(policy), _rules(policy), contradictions(policy))))
    said = {_bare(one.path) for one in found}
    return found + tuple(one for one in unread(policy.unknown) if _bare(one.path) not in said)


def _bare(path: str) -> str:
    return path.removesuffix("/0")  # the only one of a list and the one without a list are the same place


@dataclass(frozen=True, slots=True)
class _Context:
    """What a rule is judged by: its policy, and whether a profile may define the terms that ODRL does not."""

    policy: Policy
    profiled: bool

    def missing(self, path: str, message: str) -> Problem:
        """What the model demands and the policy does not state: no error while a parent may still state it."""
        if self.policy.inherits:
            return warning(path, f"{message}; a parent policy may state it")
        return error(path, message)


# --- the policy itself ------------------------------------------------------------------------------------------------


def _policy(policy: Policy) -> Iterator[Problem]:
    covered = profiled(policy)
    if not is_iri(policy.uid) or policy.uid.startswith("_:"):
        yield error("/uid", f"'{shown(policy.uid)}' is not an IRI; a policy is identified by one, such as urn:uuid:...")
    if policy.kind not in KINDS and not covered:
        yield warning("/@type", unknown("kind of policy", policy.kind))
    for name, iris in (("profile", policy.profiles), ("inheritFrom", policy.inherits)):
        for index, iri in enumerate(iris):
            if not is_iri(iri):
                yield error(f"/{name}/{index}", f"'{shown(iri)}' is not an IRI; name the {_CALLED[name]} by its IRI")
    if policy.uid in policy.inherits:
        place = f"/inheritFrom/{policy.inherits.index(policy.uid)}"
        yield error(place, "the policy inherits from itself; name other policies or leave it out")
    if policy.conflict not in STRATEGIES | {None} and not covered:
        told = unknown("strategy", policy.conflict or "")
        yield warning("/conflict", f"{told}; use perm, prohibit or invalid")
    yield from _shared(policy, covered)
    yield from profile_problems(policy)
    yield from _of_kind(policy)


_CALLED: Mapping[str, str] = MappingProxyType({"profile": "profile", "inheritFrom": "parent policy"})


def _shared(policy: Policy, covered: bool) -> Iterator[Problem]:
    yield from stated_problems(policy, "", covered)
    yield from term_problems(policy.terms, "/constraint", covered)
    if policy.terms:
        told = "constraints of the whole policy are not among what rules may share; they are read as conditions of each"
        yield warning("/constraint", f"{told} rule, and are clearer there")


def _of_kind(policy: Policy) -> Iterator[Problem]:
    """What the ODRL Vocabulary says of its own kinds of policy, none of it normative."""
    if policy.kind == "Ticket" and (policy.assignees or any(rule.assignees for rule in every(policy))):
        yield warning("/assignee", "a Ticket is for whoever holds it; leave the assignee out, or make it an Agreement")
    if policy.kind in {"Request", "Privacy"} and not _party(policy, "assignees"):
        yield warning("/assignee", f"a {policy.kind} names the assignee, for whom its terms are; state one")
    if policy.kind == "Privacy" and not _party(policy, "assigners"):
        yield warning("/assigner", "a Privacy policy names the assigner, who handles the data; state one")
    if policy.kind == "Privacy" and not any(rule.duties for rule in policy.permissions):
        yield warning("/permission", "a Privacy policy has a permission with a duty of the assigner; state one")


def _party(policy: Policy, name: str) -> bool:
    return bool(getattr(policy, name)) or any(getattr(rule, name) for rule in every(policy))


# --- rules ------------------------------------------------------------------------------------------------------------

_PLACES: tuple[tuple[str, str, Kind], ...] = (
    ("permission", "permissions", Kind.PERMISSION),
    ("prohibition", "prohibitions", Kind.PROHIBITION),
    ("obligation", "obligations", Kind.DUTY),
)
_NEEDS: Mapping[str, tuple[tuple[str, str], ...]] = MappingProxyType(
    {
        "Offer": (("assigner", "an Offer says in each rule who offers it"),),
        "Agreement": (
            ("assigner", "an Agreement says in each rule who grants it"),
            ("assignee", "an Agreement says in each rule to whom it is granted"),
        ),
    }
)


def _rules(policy: Policy) -> Iterator[Problem]:
    context = _Context(policy, profiled(policy))
    if not (policy.permissions or policy.prohibitions or policy.obligations):
        yield context.missing("", "the policy has no rule; state a permission, a prohibition or an obligation")
    seen: dict[str, Rule] = {}
    for key, name, kind in _PLACES:
        for index, rule in enumerate(getattr(policy, name)):
            path = rule.pointer or f"/{key}/{index}"
            yield from _rule(rule, path, kind, context, seen)
            yield from _top(rule, path, context)


def _top(rule: Rule, path: str, context: _Context) -> Iterator[Problem]:
    """What is demanded of the rules of the policy itself: with what it states for all of them."""
    policy = context.policy
    if not (rule.actions or policy.actions):
        yield context.missing(f"{path}/action", "the rule has no action; name the one it is about, for instance use")
    if rule.kind is not Kind.DUTY and not (rule.targets or policy.targets):
        yield context.missing(f"{path}/target", f"the {rule.kind} has no target; name the asset it is about")
    for key, told in _NEEDS.get(policy.kind, ()):
        if not (getattr(rule, f"{key}s") or getattr(policy, f"{key}s")):
            yield context.missing(f"{path}/{key}", f"{told}; name the {key} here or for the whole policy")


def _rule(rule: Rule, path: str, kind: Kind, context: _Context, seen: dict[str, Rule]) -> Iterator[Problem]:
    if rule.kind is not kind:
        yield error(f"{path}/@type", f"is called a {rule.kind} where a {kind} stands; no rule is two kinds at once")
    yield from _identity(rule, path, context.policy, seen)
    yield from stated_problems(rule, path, context.profiled)
    yield from term_problems(rule.terms, f"{path}/constraint", context.profiled)
    yield from _misplaced(rule, path)
    for key, under in (("duty", rule.duties), ("remedy", rule.remedies), ("consequence", rule.consequences)):
        for index, one in enumerate(under):
            yield from _below(one, one.pointer or f"{path}/{key}/{index}", key, context, seen)


def _below(rule: Rule, path: str, key: str, context: _Context, seen: dict[str, Rule]) -> Iterator[Problem]:
    """A duty under a permission, a remedy under a prohibition, a consequence under a duty."""
    yield from _rule(rule, path, Kind.DUTY, context, seen)
    if not rule.actions:
        yield error(f"{path}/action", f"the {key} has no action; name what has to be done")
    if rule.consequences and key != "duty":
        told = "a remedy" if key == "remedy" else "a consequence"
        yield error(f"{path}/consequence", f"{told} must not have a consequence of its own; leave it out")


def _misplaced(rule: Rule, path: str) -> Iterator[Problem]:
    if rule.duties and rule.kind is not Kind.PERMISSION:
        yield error(f"{path}/duty", f"a {rule.kind} has no duty; a duty stands under a permission, or is an obligation")
    if rule.remedies and rule.kind is not Kind.PROHIBITION:
        yield error(f"{path}/remedy", f"a {rule.kind} has no remedy; a remedy stands under a prohibition")
    if rule.consequences and rule.kind is not Kind.DUTY:
        yield error(f"{path}/consequence", f"a {rule.kind} has no consequence; it stands under a duty or obligation")


def _identity(rule: Rule, path: str, policy: Policy, seen: dict[str, Rule]) -> Iterator[Problem]:
    if rule.uid is None:
        return
    if not is_iri(rule.uid):
        yield warning(f"{path}/uid", f"'{shown(rule.uid)}' is not an IRI; a rule is identified by one, or by nothing")
    if rule.uid == policy.uid:
        yield error(f"{path}/uid", "the rule has the identifier of its policy; give it one of its own")
    if seen.setdefault(rule.uid, rule) != rule:
        yield error(f"{path}/uid", f"another rule is called {shown(rule.uid)} too and says something else; rename one")
