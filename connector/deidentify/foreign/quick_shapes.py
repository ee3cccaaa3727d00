"""Classes for the decoder, made of the nodes of a plan.

The bits of `Turn.done` belong to the resource that is being read; when it has been read it is labelled, and they go to
`Turn.outer`. What a Bundle holds beside its resources is touched while these are read before and after: such a member
puts its bits straight there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, Union

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from connector.deidentify.foreign.conditions import attribute
from connector.deidentify.foreign.members import CLASSES, TEXT, Field, bare
from connector.deidentify.foreign.methods import PARTIAL, Action
from connector.deidentify.foreign.report import Refused
from connector.deidentify.foreign.standing import Item, Standing
from connector.deidentify.foreign.turn import LABELS, REDACTED, Turn
from connector.deidentify.foreign.types import NUMBERS, Member
from connector.deidentify.foreign.values import Unevaluable

if TYPE_CHECKING:
    from connector.deidentify.foreign.plan import Node, Plan
    from connector.deidentify.foreign.quick import Quick

DEEPEST = 6
"""How deep classes are made below a resource; what lies deeper is handed over."""
BUNDLE, ENTRY = "Bundle", "Bundle.entry"
_NONE: frozenset[str] = frozenset()
_ALWAYS = {"Meta": frozenset({"security"})}
"""Members that are written to."""
_PLAIN: dict[str, type] = {"boolean": bool, **dict.fromkeys(NUMBERS - {"decimal"}, int)}
Value: TypeAlias = Any
"""What the decoder made of a member, or what is written in its place; classes and types that exist only at run time."""
Act: TypeAlias = Callable[[Value, Turn], Value]
Read: TypeAlias = Callable[[Value], None]
Change: TypeAlias = tuple[str, Action | None]
_encode = msgspec.json.Encoder().encode


class Slow(ValueError):
    """This record has to go the plan's own way. A ValueError, so that the decoder ends where it is raised."""


class _Touched(type):
    """The type of a touched member. Anything is an instance of one, so that what it turns into is taken."""

    act: Act

    def __instancecheck__(cls, instance: object) -> bool:
        return True


class Maker:
    """Makes the classes of one kind of resource, of a Bundle also those of the resources in it."""

    def __init__(self, plan: Plan, quick: Quick, seen: Mapping[str, set[str]]) -> None:
        self._plan = plan
        self._seen = seen
        self._walker = plan.walker
        self._quick = quick
        self._open: list[Standing] = []
        self._known: dict[tuple[Standing, bool], Value] = {}

    def root(self, kind: str) -> Value | None:
        """The class of a kind of resource; None when it has to go the plan's own way. Raises PathError, Refused."""
        return self._resource(kind, "", frozenset())

    def _resource(self, kind: str, name: str, carried: frozenset[Item]) -> Value | None:
        node = self._plan.resource(kind, name, carried)
        fits = kind in self._seen and not node.tests and not self._plan.special(node.at)
        return self._class(node.at) if fits else None

    def _class(self, at: Standing) -> Value:
        # What stands beside the resources of a Bundle has classes of its own: see `_beside`.
        key = (at, self._beside_resources())
        found = self._known.get(key)
        if found is None:
            self._open.append(at)
            key = (at, self._beside_resources())
            found = self._known[key] = self._made(at)
            self._open.pop()
        return found

    def _beside_resources(self) -> bool:
        return bool(self._open) and self._open[0].type == BUNDLE

    def _made(self, at: Standing) -> Value:
        plain = self._plan.passed(at, [False] * len(at.tests)) if at.tests else at
        node, resource = self._plan.node(plain), at.type in self._plan.types.resources
        wanted = self._seen.get(at.type, _NONE) | _ALWAYS.get(at.type, _NONE) | ({"meta"} if resource else _NONE)
        fields: list[Value] = []
        rename: dict[str, str] = {}
        for member in node.known.values():
            for key, what in self._members(node, member, wanted):
                rename[attribute(key)] = key
                kind = what if isinstance(what, _Touched) else what | UnsetType
                fields.append((attribute(key), kind, UNSET))
        read = self._read(at, plain, resource)
        return msgspec.defstruct(
            "Shape", fields, namespace={"__post_init__": read} if read else {}, rename=rename,
            forbid_unknown_fields=True, gc=False,
            tag_field="resourceType" if resource else None, tag=at.type if resource else None,
        )  # fmt: skip

    # --- members ------------------------------------------------------------------------------------------------------

    def _members(self, node: Node, member: Member, wanted: set[str] | frozenset[str]) -> list[tuple[str, Value]]:
        found = [(member.key, self._type(node, member))] if member.key in wanted else []
        sibling = f"_{member.key}"
        # The siblings of a list need the list beside them; a record that has some goes the plan's own way.
        if sibling in wanted and member.primitive and not member.many and not self._child(node.at, member).tests:
            found.append((sibling, self._touched(_through(node, sibling))))
        return found

    def _type(self, node: Node, member: Member) -> Value:
        at = self._child(node.at, member)
        if self._walker.positioned(node.at, member.name):
            return self._handed(node, member)
        if member.primitive:
            return self._primitive(node, member, at)
        if self._plan.types.is_resource(member.type):
            inside = self._entered(node) if node.at.type == ENTRY and len(self._open) == len((BUNDLE, ENTRY)) else None
            return self._handed(node, member) if inside is None else inside
        if member.type == "Extension" or len(self._open) > DEEPEST or at in self._open or not self._fits(at):
            return self._handed(node, member)
        if at.claims and not self._kept(at):
            if not self._vanishes(at):
                return self._handed(node, member)
            at = Standing(at.type, "", "")  # it is looked at like what stays, and taken away when the whole is read
        inside = self._class(at)
        return Annotated[list[inside], Meta(min_length=1)] if member.many else inside  # type: ignore[valid-type]

    def _entered(self, node: Node) -> Value | None:
        """The resources that an entry may hold: of every kind that was met."""
        carried = self._walker.carried(node.at, "resource")
        kinds = sorted(self._plan.types.resources & self._seen.keys() - {BUNDLE})
        around, self._open = self._open, []
        made = tuple(one for kind in kinds if (one := self._resource(kind, "resource", carried)) is not None)
        self._open = around
        return Union[made] if made else None  # noqa: UP007 - made at run time

    def _child(self, at: Standing, member: Member) -> Standing:
        return self._walker.child(at, member.name, member.type)

    def _handed(self, node: Node, member: Member) -> _Touched:
        return self._touched(_through(node, member.key))

    def _primitive(self, node: Node, member: Member, at: Standing) -> Value:
        action = None if at.tests else self._plan.action(at)
        if at.tests or (action is not None and member.many):
            return self._handed(node, member)
        if action is not None:
            return self._touched(_acting(action, CLASSES.get(member.type, TEXT)))
        if member.type == "decimal":
            return self._touched(_number)
        plain = _PLAIN.get(member.type, str)
        return Annotated[list[plain], Meta(min_length=1)] if member.many else plain  # type: ignore[valid-type]

    def _touched(self, act: Act) -> _Touched:
        return _Touched("Touched", (), {"act": staticmethod(_beside(act) if self._beside_resources() else act)})

    # --- whether a class will do --------------------------------------------------------------------------------------

    def _kept(self, at: Standing) -> bool:
        """Whether nothing but `keep` and what only concerns some kinds of value has a claim here."""
        return all(self._plan.rules[claim.rule].method in {"keep", *PARTIAL} for claim in at.claims)

    def _vanishes(self, at: Standing) -> bool:
        """Whether nothing can be left of an object, whatever is in it."""
        first = self._plan.rules[at.claims[0].rule].method
        return first == "redact" and not at.items and self._plan.methods.redacts_wholly

    def _vanishing(self, node: Node, member: Member) -> bool:
        """Whether an element of a node is of the kind that goes without a trace."""
        if member.primitive or self._plan.types.is_resource(member.type) or member.type == "Extension":
            return False
        at = self._child(node.at, member)
        return bool(at.claims) and not at.tests and not self._kept(at) and self._vanishes(at)

    def _fits(self, at: Standing) -> bool:
        """Whether a class can be made of it: nothing is done to it as a whole, and what its conditions read stays."""
        if not at.tests:
            return not self._plan.special(at)
        plain = self._plan.passed(at, [False] * len(at.tests))
        if plain.tests or self._plan.special(plain):
            return False
        return all(self._stays(plain, trail) for trail in self._plan.reads(at))

    def _stays(self, at: Standing, trail: tuple[str, ...]) -> bool:
        """Whether what a condition reads is as it was when the node has been read."""
        types, here = self._plan.types, [at]
        for name in trail:
            if any(self._walker.positioned(one, name) for one in here):
                return False
            members = [
                (one, member) for one in here for member in types.members(one.type).values() if member.name == name
            ]
            here = [self._child(one, member) for one, member in members]
            if any(one.tests or types.is_resource(one.type) for one in here):
                return False
        return all(
            self._plan.action(one) is None
            if one.type in types.primitives
            else self._kept(one) and not self._plan.special(one)
            for one in here
        )

    # --- what is done when an object has been read --------------------------------------------------------------------

    def _read(self, at: Standing, plain: Standing, resource: bool) -> Read | None:
        """Its conditions are asked, what vanishes goes, a resource is labelled; None when there is nothing to do."""
        node = self._plan.node(plain)
        vanishing = [attribute(one.key) for one in node.known.values() if self._vanishing(node, one)]
        acts: list[Read] = [_taking(vanishing, self._quick, not resource)] if vanishing else []
        acts += [self._asking(at, plain)] if at.tests else []
        acts += [_finishing(self._quick, at.type == BUNDLE, self._plan.labels)] if resource else []
        if len(acts) <= 1:
            return acts[0] if acts else None

        def read(this: Value) -> None:
            for act in acts:
                act(this)

        return read

    def _asking(self, at: Standing, plain: Standing) -> Read:
        """It asks its conditions, and changes what they are about."""
        asked, quick = self._plan.outcome(at), self._quick
        outcomes: dict[tuple[bool, ...], list[Change]] = {(False,) * len(at.tests): []}

        def asking(this: Value) -> None:
            try:
                outcome = asked(this)
            except Unevaluable:
                raise Slow from None
            changes = outcomes.get(outcome)
            if changes is None:
                changes = outcomes[outcome] = self._changes(plain, self._plan.passed(at, outcome))
            for name, action in changes:
                value = getattr(this, name, UNSET)
                if value is not UNSET:
                    if action is None:
                        raise Slow
                    got = action(value, quick.turn)
                    quick.turn.took = quick.turn.took or got is None
                    setattr(this, name, UNSET if got is None else got)

        return asking

    def _changes(self, plain: Standing, passed: Standing) -> list[Change]:
        """The members to which rules do something else once a condition holds; None: only the plan's own way can."""
        found: list[Change] = []
        for member in self._plan.types.members(plain.type).values():
            before, after = self._child(plain, member), self._child(passed, member)
            if before == after and not passed.tests:
                continue
            simple = member.primitive and not member.many and not (before.tests or after.tests or passed.tests)
            untouched = simple and self._plan.action(before) is None and member.type != "decimal"
            action = self._plan.action(after) if untouched else None
            same = bare(before) == bare(after)
            if untouched and action is None and same:
                continue
            found.append((attribute(member.key), action))
            if member.primitive and not member.many and not same:
                found.append((attribute(f"_{member.key}"), None))
        return found


def _taking(names: list[str], quick: Quick, emptying: bool) -> Read:
    def taking(this: Value) -> None:
        for name in names:
            if getattr(this, name, UNSET) is not UNSET:
                setattr(this, name, UNSET)
                quick.turn.done |= REDACTED
                quick.turn.took = quick.turn.took or emptying

    return taking


def _finishing(quick: Quick, outermost: bool, labels: bool) -> Read:
    """A resource has been read: it is labelled, and what was done in it is told to the one around it."""
    made: dict[int, tuple[list[Raw], Raw]] = {}

    def finishing(this: Value) -> None:
        turn = quick.turn
        done = turn.done
        if outermost:
            done |= turn.outer
        else:
            turn.outer |= done
            turn.done = 0
        if not done or not labels:
            return
        known = made.get(done)
        if known is None:
            told = [label for bit, label in LABELS if done & bit]
            known = made[done] = [Raw(_encode(label)) for label in told], Raw(_encode({"security": told}))
        meta = this.meta
        if meta is UNSET:
            this.meta = known[1]
        elif isinstance(meta, Struct) and meta.security is UNSET:  # type: ignore[attr-defined]
            meta.security = known[0]  # type: ignore[attr-defined]
        else:
            raise Slow

    return finishing


def _beside(act: Act) -> Act:
    """For what a Bundle holds beside its resources."""

    def beside(value: Value, turn: Turn) -> Value:
        done, turn.done = turn.done, 0
        turn.depth -= 1
        got = act(value, turn)
        turn.depth += 1
        turn.outer |= turn.done
        turn.done = done
        return got

    return beside


def _through(node: Node, key: str) -> Act:
    """What the plan does with this member."""

    def act(value: Value, turn: Turn) -> Value:
        out: dict[str, Value] = {}
        field: Field | None = node.fields[key]
        if field is None:
            raise Slow
        field(value, key, {key: value}, out, turn)
        if key in out:
            return out[key]
        turn.took = True
        return UNSET

    return act


def _acting(action: Action, classes: frozenset[type]) -> Act:
    def act(value: Value, turn: Turn) -> Value:
        if value.__class__ not in classes:
            raise Refused("shape")
        got = action(value, turn)
        if got is None:
            turn.took = True
            return UNSET
        return got

    return act


def _number(value: Value, _turn: Turn) -> Value:
    if value.__class__ not in CLASSES["decimal"]:
        raise Refused("shape")
    return value
