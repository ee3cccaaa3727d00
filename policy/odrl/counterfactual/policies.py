"""Changes of the policy itself, for where no fact would help. Each works on its atomic form, and only loosens it.

They name what they touch by what it says, so that they do not depend on the order of rules or of each other.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from policy.odrl.atomic import atomic
from policy.odrl.counterfactual.changes import Asked, Slot
from policy.odrl.model import Action, Entity, Kind, Policy, Rule, Term


@dataclass(frozen=True, slots=True)
class _OfPolicy:
    words: str = field(compare=False)
    cost: ClassVar[int] = 10
    of_policy: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Agreed(_OfPolicy):
    """The offer is agreed."""

    @property
    def slot(self) -> Slot:
        """The policy's kind."""
        return ("agreed",)

    def apply(self, asked: Asked) -> Asked:
        """Return what is asked, of an agreement."""
        return asked._replace(policy=replace(asked.policy, kind="Agreement"))


@dataclass(frozen=True, slots=True)
class NotVoid(_OfPolicy):
    """What makes the policy void is settled."""

    @property
    def slot(self) -> Slot:
        """Its being void."""
        return ("void",)

    def apply(self, asked: Asked) -> Asked:
        """Return what is asked, of a policy that is in force."""
        return asked._replace(void=None)


@dataclass(frozen=True, slots=True)
class WithoutUnknown(_OfPolicy):
    """A place of the text that nobody here understands is gone."""

    place: str

    @property
    def slot(self) -> Slot:
        """The place."""
        return "unknown", self.place

    def apply(self, asked: Asked) -> Asked:
        """Return what is asked, of a policy without it."""
        rest = tuple(one for one in asked.policy.unknown if one != self.place)
        return asked._replace(policy=replace(asked.policy, unknown=rest))


@dataclass(frozen=True, slots=True)
class WithoutNamed(_OfPolicy):
    """A profile that nobody here knows (`what`: profiles), or a parent that was not joined (inherits), is not named."""

    what: str
    name: str

    @property
    def slot(self) -> Slot:
        """What is named."""
        return self.what, self.name

    def apply(self, asked: Asked) -> Asked:
        """Return what is asked, of a policy that does not name it."""
        rest: dict[str, Any] = {self.what: tuple(one for one in getattr(asked.policy, self.what) if one != self.name)}
        return asked._replace(policy=replace(asked.policy, **rest))


@dataclass(frozen=True, slots=True)
class PermissionsFirst(_OfPolicy):
    """Where the policy permits and forbids the same, its permissions count."""

    @property
    def slot(self) -> Slot:
        """The conflict strategy."""
        return ("conflict",)

    def apply(self, asked: Asked) -> Asked:
        """Return what is asked, of a policy that says so."""
        return asked._replace(policy=replace(asked.policy, conflict="perm"))


@dataclass(frozen=True, slots=True)
class WithoutTerm(_OfPolicy):
    """A constraint or refinement is gone from each permission that has it."""

    term: Term

    @property
    def slot(self) -> Slot:
        """The term."""
        return "term", self.term

    def apply(self, asked: Asked) -> Asked:
        """Return what is asked, of a policy without it."""
        return _atomic(asked, lambda plain: replace(plain, permissions=tuple(map(self._without, plain.permissions))))

    def _without(self, rule: Rule) -> Rule:
        return replace(
            rule,
            terms=self._kept(rule.terms),
            actions=tuple(replace(one, refinements=self._kept(one.refinements)) for one in rule.actions),
            targets=self._entities(rule.targets),
            assignees=self._entities(rule.assignees),
        )

    def _kept(self, terms: Iterable[Term]) -> tuple[Term, ...]:
        return tuple(one for one in terms if one != self.term)

    def _entities(self, entities: Iterable[Entity]) -> tuple[Entity, ...]:
        return tuple(replace(one, refinements=self._kept(one.refinements)) for one in entities)


@dataclass(frozen=True, slots=True)
class WithoutDuty(_OfPolicy):
    """A duty is gone from each permission that owes it, and from what the whole policy owes."""

    duty: Rule

    @property
    def slot(self) -> Slot:
        """The duty."""
        return "owed", self.duty

    def apply(self, asked: Asked) -> Asked:
        """Return what is asked, of a policy without it."""
        return _atomic(asked, self._without)

    def _without(self, plain: Policy) -> Policy:
        permissions = tuple(
            replace(one, duties=tuple(duty for duty in one.duties if duty != self.duty)) for one in plain.permissions
        )
        obligations = tuple(duty for duty in plain.obligations if duty != self.duty)
        return replace(plain, permissions=permissions, obligations=obligations)


@dataclass(frozen=True, slots=True)
class WithoutProhibition(_OfPolicy):
    """A prohibition is gone."""

    rule: Rule
    cost: ClassVar[int] = 12

    @property
    def slot(self) -> Slot:
        """The prohibition."""
        return "prohibition", self.rule

    def apply(self, asked: Asked) -> Asked:
        """Return what is asked, of a policy without it."""
        return _atomic(
            asked,
            lambda plain: replace(plain, prohibitions=tuple(one for one in plain.prohibitions if one != self.rule)),
        )


@dataclass(frozen=True, slots=True)
class FurtherPermission(_OfPolicy):
    """A permission of one action with one asset, for anybody and under no terms, is added."""

    action: str
    target: str
    cost: ClassVar[int] = 15

    @property
    def slot(self) -> Slot:
        """That something is added."""
        return ("further",)

    def apply(self, asked: Asked) -> Asked:
        """Return what is asked, of a policy with it."""
        rule = Rule(
            kind=Kind.PERMISSION,
            actions=(Action(self.action),),
            targets=(Entity(self.target),),
            pointer="/permission/further",
        )
        return _atomic(asked, lambda plain: replace(plain, permissions=(*plain.permissions, rule)))


def _atomic(asked: Asked, change: Callable[[Policy], Policy]) -> Asked:
    return asked._replace(policy=change(atomic(asked.policy)))
