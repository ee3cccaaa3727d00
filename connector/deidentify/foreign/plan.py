"""A rule file compiled: per kind of resource a plan that is built as far as records need it, and kept.

A node of the plan is a type of FHIR in a standing (`standing`): it knows for each member of a JSON object what to do
with it. What no rule touches is passed on, but looked at: a member that FHIR does not know there, or a value of another
kind than FHIR's, refuses the record, since nobody can tell what it says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from connector.deidentify.foreign import members, substituting
from connector.deidentify.foreign.conditions import Outcome, Usual, together, usual
from connector.deidentify.foreign.expressions import Compiler, Trail
from connector.deidentify.foreign.fhirpath import PathError
from connector.deidentify.foreign.judging import fates
from connector.deidentify.foreign.members import Field, Object
from connector.deidentify.foreign.methods import PARTIAL, Action, Leaf, Methods, acts_on
from connector.deidentify.foreign.paths import Path, Where
from connector.deidentify.foreign.reading import Json, Rule
from connector.deidentify.foreign.report import Refused, Unprocessable
from connector.deidentify.foreign.standing import Item, Standing, Walker
from connector.deidentify.foreign.turn import LABELS, REDACTED, Turn
from connector.deidentify.foreign.types import Types
from connector.deidentify.foreign.values import Unevaluable


class Plan:
    """One rule file, compiled for the types of its release. Use it in one thread at a time."""

    def __init__(
        self, types: Types, rules: Sequence[Rule], ways: Sequence[tuple[Path, ...]], methods: Methods, labels: bool
    ) -> None:
        self.types = types
        self.methods = methods
        self.walker = Walker(types, rules, ways)
        self.rules = self.walker.rules
        self.labels = labels
        self._nodes: dict[Standing, Node] = {}
        self._resources: dict[tuple[str, str, frozenset[Item]], Node] = {}
        self._outcomes: dict[Standing, Outcome] = {}

    def visit(self, value: Json, turn: Turn, name: str = "", carried: frozenset[Item] = frozenset()) -> Object | None:
        """A resource as it may leave; None when a rule takes it away. Raises Refused."""
        if value.__class__ is not dict:
            raise Refused("shape")
        node = self.resource(value.get("resourceType"), name, carried)
        outer, turn.done = turn.done, 0
        turn.depth += 1
        found = node.visit(value, turn)
        turn.depth -= 1
        if found is not None and turn.done and self.labels and name != "contained":
            labelled(found, turn.done)
        turn.done |= outer
        return found

    def resource(self, kind: Json, name: str, carried: frozenset[Item]) -> Node:
        """The node of a kind of resource. Raises Refused for one that FHIR does not know."""
        if kind.__class__ is not str or kind not in self.types.resources:
            raise Refused("unknown-type")
        key = (kind, name, carried)
        found = self._resources.get(key)
        if found is None:
            found = self._resources[key] = self.node(self.walker.resource(kind, name, carried))
        return found

    def node(self, at: Standing) -> Node:
        """The node of a standing."""
        found = self._nodes.get(at)
        if found is None:
            found = self._nodes[at] = _KINDS[self.special(at)](self, at)
        return found

    def special(self, at: Standing) -> str:
        """What is done to an object as a whole: remove, substitute, generalize, or nothing (empty)."""
        for claim in () if at.tests else at.claims:
            method = self.rules[claim.rule].method
            if method in ("remove", "substitute"):
                return method if claim.rule in at.direct else "remove"  # what hung on a value goes with it
            if method == "generalize" and claim.rule in at.direct:
                return method
            if method not in PARTIAL:
                return ""
        return ""

    def action(self, at: Standing) -> Action | None:
        """What becomes of a primitive in this standing; None: it stays. Raises PathError."""
        leaf = Leaf(at.type, at.name, at.parent)
        for claim in at.claims:
            rule = self.rules[claim.rule]
            if not acts_on(rule.method, at.type):
                if claim.rule in at.direct:
                    return self.methods.redacting(leaf)  # it was to be changed and cannot be
                continue
            if rule.method in ("generalize", "substitute") and claim.rule not in at.direct:
                return self.methods.redacting(leaf)  # what hangs on a value that was replaced
            return None if rule.method == "keep" else self.methods.action(rule, leaf)
        return None

    def outcome(self, at: Standing) -> Outcome:
        """How the conditions that a standing waits for come out for an object, in order. Raises PathError."""
        found = self._outcomes.get(at)
        if found is None:
            found = self._outcomes[at] = self._outcome(at)
        return found

    def _outcome(self, at: Standing) -> Outcome:
        tests = [self._condition(item, at) for item in at.tests]
        plain = [one for _, one in tests if one is not None]
        quick = together(plain) if len(plain) == len(tests) else None
        if quick is not None:
            return quick
        every = [holds for holds, _ in tests]
        return lambda item: tuple([holds(item) for holds in every])

    def reads(self, at: Standing) -> frozenset[Trail]:
        """The elements below a standing that its conditions read. Raises PathError."""
        compiler = Compiler(self.types)
        for item in at.tests:
            step = self.walker.step(item)
            if isinstance(step, Where):
                compiler.predicate(step.condition, (at.type,))
        return frozenset(compiler.reads)

    def _condition(self, item: Item, at: Standing) -> tuple[Callable[[Json], bool], Usual | None]:
        step = self.walker.step(item)
        if not isinstance(step, Where):
            raise PathError("no condition")
        compiler = Compiler(self.types)
        holds = compiler.predicate(step.condition, (at.type,))
        gone = fates(self.walker, self.methods, at, item.rank, compiler.reads)
        if gone:
            return Compiler(self.types, gone).predicate(step.condition, (at.type,)), None
        return holds, usual(self.types, step.condition, (at.type,))

    def passed(self, at: Standing, outcome: Sequence[bool]) -> Standing:
        """A standing once the conditions of its tests were answered."""
        return self.walker.passed(at, outcome)


class Node:
    """A complex type in a standing."""

    __slots__ = ("_outcomes", "at", "fields", "known", "plan", "tests")

    def __init__(self, plan: Plan, at: Standing) -> None:
        self.plan = plan
        self.at = at
        self.known = plan.types.members(at.type)
        self.tests = plan.outcome(at) if at.tests else None
        self.fields = _Fields(self)
        self._outcomes: dict[tuple[bool, ...], Node] = {}

    def visit(self, value: Json, turn: Turn) -> Object | None:
        """An object as it may leave; None or an empty one when nothing is left. Raises Refused."""
        if value.__class__ is not dict:
            raise Refused("shape")
        if self.tests is not None:
            return self.decided(value).visit(value, turn)
        out: Object = {}
        fields, key = self.fields, ""
        try:
            for key, item in value.items():
                field = fields[key]
                if field is not None:
                    field(item, key, value, out, turn)
                elif item.__class__ is str:
                    out[key] = item
                else:
                    raise Refused("shape")
        except Refused as refused:
            if key in fields:  # a name that FHIR does not know may itself say something
                refused.steps.append(key)
            raise
        return out

    def decided(self, value: Object) -> Node:
        """The node once its conditions were asked of an object; itself when it has none. Raises Unprocessable."""
        if self.tests is None:
            return self
        try:
            outcome = self.tests(value)
        except Unevaluable:
            raise Unprocessable("condition") from None
        found = self._outcomes.get(outcome)
        if found is None:
            found = self._outcomes[outcome] = self.plan.node(self.plan.passed(self.at, outcome))
        return found.decided(value)


class _Removed(Node):
    """An object that goes."""

    __slots__ = ()

    def visit(self, _value: Json, turn: Turn) -> Object | None:
        turn.done |= REDACTED  # as miracum's tool labels it
        return None


class _Substituted(Node):
    """An object that another takes the place of, apart from what earlier rules have kept or changed in it."""

    __slots__ = ("_instead",)

    def __init__(self, plan: Plan, at: Standing) -> None:
        super().__init__(plan, at)
        self._instead = substituting.Substitution(self)

    def visit(self, value: Json, turn: Turn) -> Object | None:
        if value.__class__ is not dict:
            raise Refused("shape")
        return self._instead.put(value, turn)


class _Unfit(Node):
    """An object where a rule is about primitives only."""

    __slots__ = ()

    def visit(self, _value: Json, _turn: Turn) -> Object | None:
        raise Unprocessable("generalize")


_KINDS: dict[str, type[Node]] = {"": Node, "remove": _Removed, "substitute": _Substituted, "generalize": _Unfit}


class _Fields(dict[str, "Field | None"]):
    """What to do with each member, found out when it is first met; None: a text that stays as it is."""

    def __init__(self, node: Node) -> None:
        super().__init__({"resourceType": None} if node.at.type in node.plan.types.resources else {})
        self._node = node

    def __missing__(self, key: str) -> Field | None:
        self[key] = made = members.made(self._node, key)
        return made


def labelled(resource: Object, done: int) -> None:
    """Say in `meta.security` what was done, unless it stands there already."""
    meta = resource.setdefault("meta", {})
    held = meta.get("security", [])
    known = {str(one.get("code", "")).upper() for one in held}
    more = [label for bit, label in LABELS if done & bit and label["code"] not in known]
    if more:
        meta["security"] = [*held, *more]
