"""What is asked and what is known: the two arguments of a decision, plain frozen values without defaults that allow.

A fact left out is a fact not known, and meets nothing.
"""

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Self

from policy.consent import ConsentRecord
from policy.decision import Action, Reason, Regime
from policy.directives.model import Directive, Emergency
from policy.instants import in_utc
from policy.odrl import CompiledPolicy

DEFAULT_FRESHNESS = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """May `requester` do `action` with one person's data of `dataset`, on the ground of `regime`, at `now`?

    `purposes` are IRIs; all of them must be allowed. `study` with `study_digest`, `profile` (de-identification) and
    `selection` (digest of the selection object) are those of the contract. For `negotiate` whatever is left out is
    taken from the policy that is requested. `emergency` is one that the requester declared, for care. Raises
    :class:`ValueError` if `now` has no time zone.
    """

    regime: Regime
    action: Action
    now: datetime
    requester: str
    dataset: str
    purposes: tuple[str, ...] = ()
    study: str | None = None
    study_digest: str | None = None
    profile: str | None = None
    selection: str | None = None
    emergency: Emergency | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "now", in_utc(self.now))


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """A data permit (Regulation (EU) 2025/327, art. 68): to whom, for what, from which data, from when to when.

    `public_body` says that the holder of the permit is one; only they may be permitted art. 53(1)(a) to (c).
    `extended_from` is when the first term ended, if the permit was extended (which it can be once). `override_law` is
    the national law that sets opt-outs aside for this permit (art. 71(4)), by its name.
    """

    id: str
    approved_at: datetime
    valid_until: datetime
    recipients: tuple[str, ...]
    purposes: tuple[str, ...]
    datasets: tuple[str, ...]
    public_body: bool = False
    extended_from: datetime | None = None
    override_law: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "approved_at", in_utc(self.approved_at))
        object.__setattr__(self, "valid_until", in_utc(self.valid_until))
        if self.extended_from is not None:
            object.__setattr__(self, "extended_from", in_utc(self.extended_from))


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOut:
    """An opt-out of secondary use that the person has reversed: from one instant until another."""

    at: datetime
    reversed_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", in_utc(self.at))
        object.__setattr__(self, "reversed_at", in_utc(self.reversed_at))


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Where the requester is established and where it keeps data, as ISO 3166 codes (``DE``).

    `transfer_grounds` are those that the holder has on file for it, as IRIs of DPV's GDPR extension. An empty
    `hosting` is not known.
    """

    jurisdiction: str
    hosting: tuple[str, ...]
    transfer_grounds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CareRelation:
    """The holder's statement that an organisation treats this person, from one instant until another."""

    provider: str
    since: datetime
    until: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "since", in_utc(self.since))
        object.__setattr__(self, "until", in_utc(self.until))


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the holder knows that bears on one person's data (for `negotiate`: on the contract only).

    `policy` is the agreement in force, for `negotiate` the policy that is requested and `offer` the one it answers.
    `holder` is who decides, `link` the id of the person's link to their wallet (None: not linked); a consent of
    another link or holder stops the decision. `consents` may hold every version of every chain of the link, in any
    order; `unreadable_consents` counts those that could not be parsed. `heard_from_wallet_at` with `freshness` bounds
    how long a consent copy may be relied on. `study_approved` is about the study that is asked for. `opted_out_at` is
    when the person opted out, if they did and have not reversed it; `past_opt_outs` are those they have reversed.
    `recipient` is what is known of where the requester is; `asks_place` that the provider lets nobody have data without
    knowing it. `own_data` states that the requester was proven
    to be this person (or to act for them in their wallet). `stops` are the provider's own reasons to let nothing out
    now. `subjects` are the references and identifiers by which the person's consents at the source name them
    (`directives`, in any order; `unreadable_directives` counts those that could not be read). `broad_consent` says that
    the steward lets the study rest on such a consent where the person gave none to the study itself. `requester_names`
    are the references by which the source names the requester, the organisations above them and the groups they belong
    to, `custodians` those by which it names the holder itself, `known_actors` everybody whom the holder can tell.
    `zone` is the time zone of the source. `executors` are the keys of the duties that somebody here can carry out.
    """

    policy: CompiledPolicy | None = None
    offer: CompiledPolicy | None = None
    holder: str = ""
    link: str | None = None
    consents: tuple[ConsentRecord, ...] = ()
    unreadable_consents: int = 0
    heard_from_wallet_at: datetime | None = None
    freshness: timedelta = DEFAULT_FRESHNESS
    study_approved: bool = False
    opted_out_at: datetime | None = None
    past_opt_outs: tuple[OptOut, ...] = ()
    permit: Permit | None = None
    recipient: Recipient | None = None
    asks_place: bool = False
    care: CareRelation | None = None
    own_data: bool = False
    stops: tuple[Reason, ...] = ()
    subjects: frozenset[str] = frozenset()
    directives: tuple[Directive, ...] = ()
    unreadable_directives: int = 0
    broad_consent: bool = False
    requester_names: frozenset[str] = frozenset()
    custodians: frozenset[str] = frozenset()
    known_actors: frozenset[str] = frozenset()
    zone: str = "UTC"
    executors: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for name in ("heard_from_wallet_at", "opted_out_at"):
            moment = getattr(self, name)
            if moment is not None:
                object.__setattr__(self, name, in_utc(moment))

    def stated(self) -> dict[str, Any]:
        """Return every fact by its name."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @classmethod
    def of(cls, stated: dict[str, Any]) -> Self:
        """Return the facts with all these names: where there are many people, a fact at a time takes too long."""
        made = cls.__new__(cls)
        made.__dict__.update(stated)
        made.__post_init__()
        return made
