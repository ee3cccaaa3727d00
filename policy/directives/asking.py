"""What is asked of the consents that came from elsewhere: one request about one person, at one instant."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from policy.code_systems import coding_of, codings_of
from policy.decision import Action
from policy.directives.model import Coding, Emergency
from policy.instants import in_utc

ACTION_SYSTEM = "http://terminology.hl7.org/CodeSystem/consentaction"
MAX_DEPTH = 16

# FHIR's own list of what is done with data; each value set of it in R4 and R5 holds these and no other.
ALL_ACTIONS = frozenset({"collect", "access", "use", "disclose", "correct"})

ACTIONS: Mapping[Action, Coding] = MappingProxyType(
    {
        Action.RELEASE: Coding(ACTION_SYSTEM, "disclose"),
        Action.STREAM: Coding(ACTION_SYSTEM, "disclose"),
        Action.VIEW: Coding(ACTION_SYSTEM, "access"),
        Action.ANALYSE: Coding(ACTION_SYSTEM, "use"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """One request, as provision trees are asked.

    `subjects` are the references and identifiers of the person. `requester` are those of whoever asks: the person who
    acts, their organisation and those above it, and the groups they are members of at `now`. `known_actors` are all
    references that the holder can tell whom they mean (reference S1: a rule about anybody else cannot be judged).
    `custodians` are the references of whoever keeps the data: the holder itself; without them a rule about data of
    certain custodians cannot be judged.
    `action` None: the action is not told, and a rule about certain actions cannot be judged. `purposes` are IRIs
    (``http://terminology.hl7.org/CodeSystem/v3-ActReason#TREAT``); a purpose of another system is ``system#code``.
    `categories` and `scopes` limit which consents are asked, where they are not empty. `care` says that the request is
    for care; without it no emergency opens anything. `zone` is the time zone of the consents' jurisdiction (IANA name),
    by which days begin and end. `edges` are the instants at which what is told here may change: when the
    requester comes to belong to somebody, or ceases to. Raises :class:`ValueError` if `now` has no time zone.
    """

    now: datetime
    subjects: frozenset[str]
    requester: frozenset[str]
    purposes: tuple[str, ...]
    action: Coding | None = None
    known_actors: frozenset[str] = frozenset()
    custodians: frozenset[str] = frozenset()
    roles: frozenset[Coding] = frozenset()
    categories: frozenset[Coding] = frozenset()
    care: bool = False
    emergency: Emergency | None = None
    zone: str = "UTC"
    max_depth: int = MAX_DEPTH
    edges: tuple[datetime, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "now", in_utc(self.now))
        if self.action is not None:
            object.__setattr__(self, "action", coding_of(self.action))
        for name in ("roles", "categories"):
            if getattr(self, name):
                object.__setattr__(self, name, codings_of(getattr(self, name)))
