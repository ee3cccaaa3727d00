"""What is asked, and what was done: an action by a party on a target, with what is known of the doing."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple, Protocol, TypeAlias

from policy.odrl.model import Literal

Features: TypeAlias = Mapping[str, tuple[Literal, ...]]
"""Values by the IRI of the left operand they are of. A left operand that is not there is not known."""

NO_FEATURES: Features = MappingProxyType({})
NO_UNITS: Mapping[str, str] = MappingProxyType({})


class Asking(Protocol):
    """What a term is tested on: a request, or an action that was performed."""

    @property
    def action(self) -> str:
        """What is done."""
        ...

    @property
    def target(self) -> str | None:
        """What it is done with."""
        ...

    @property
    def party(self) -> str | None:
        """Who does it."""
        ...

    @property
    def features(self) -> Features:
        """What else is known of the doing."""
        ...

    @property
    def units(self) -> Mapping[str, str]:
        """What its values are measured in."""
        ...

    @property
    def at(self) -> datetime | None:
        """When it is done or asked."""
        ...


class Request(NamedTuple):
    """May `party` do `action` with `target`? A tuple, since one is made for every decision.

    All names are IRIs. `features` are the values of left operands that the request itself states (purpose, resolution
    ...), `units` the unit each is measured in. `at` is when it is asked. `uid` names the request, `rule` the rule of
    the request that was written as a policy.
    """

    action: str
    target: str | None = None
    party: str | None = None
    features: Features = NO_FEATURES
    units: Mapping[str, str] = NO_UNITS
    at: datetime | None = None
    uid: str = ""
    rule: str = ""


class Performed(NamedTuple):
    """An action that was performed. `at` None: at an unknown time.

    `parties` are the parties by any other function (IRI of compensatedParty, informedParty ...), `duty` is the rule it
    is stated to have been performed for, `uid` the event's own name (in a log its line).
    """

    action: str
    party: str | None = None
    target: str | None = None
    at: datetime | None = None
    features: Features = NO_FEATURES
    units: Mapping[str, str] = NO_UNITS
    parties: Mapping[str, str] = NO_UNITS
    duty: str = ""
    uid: str = ""
