"""The terms we understand in a policy, and how they are written.

On the wire a term of ODRL is a bare name (``use``), prefixed (``odrl:use``) or a full IRI; a term of any other
vocabulary is prefixed with one of :data:`PREFIXES` or a full IRI. Prefixes are ours, never the sender's context.

Our own terms live under ``https://w3id.org/concord/ns#`` (prefix ``concord``):

=================  ==============  ====================================================================================
left operand       right operand   met when
=================  ==============  ====================================================================================
`consent`          per-person      each person's own consent is part of the decision (regime "consent")
`study`            study id        the data is used for this study
`studyDigest`      sha-256 hex     ... in this version of its request
`studyApproval`    approved        the steward of the data holder approved the study
`profile`          profile name    identities are removed by this de-identification profile
`selection`        sha-256 hex     the data is selected by the selection object with this digest
`dataset`          dataset id      data of this dataset is asked for (a rule's `target` is read as this)
=================  ==============  ====================================================================================

Actions: `release` and `analyse` (records leave; only answers leave) and `reidentify`, all included in ``odrl:use``;
duties `pseudonymise` (before anything leaves) and `eraseOnWithdrawal` (by the recipient, when a person asks for it;
its parameters `stopWithin`, `backupsWithin` and `freshness` are durations such as ``PT24H``), `assessRisk` (before
anything leaves; its parameters `kAnonymity`, `lDiversity`, `tCloseness` and `uniqueShare` are numbers), `log`, `report`
and `publishResults` (:mod:`policy.odrl.duties` says what each asks and which parameters it takes).
"""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import NamedTuple

from policy.canonical import digest
from policy.decision import Action
from policy.purposes import PREFIXES as PURPOSE_PREFIXES

ODRL = "http://www.w3.org/ns/odrl/2/"
CONCORD = "https://w3id.org/concord/ns#"
XSD = "http://www.w3.org/2001/XMLSchema#"
IDS = "https://w3id.org/idsa/code/"
DPV = "https://w3id.org/dpv#"

PREFIXES: Mapping[str, str] = MappingProxyType(
    {
        **PURPOSE_PREFIXES,
        "odrl": ODRL,
        "concord": CONCORD,
        "idsc": IDS,
        "xsd": XSD,
        "eu-gdpr": "https://w3id.org/dpv/legal/eu/gdpr#",
        "cc": "http://creativecommons.org/ns#",
        "dct": "http://purl.org/dc/terms/",
        "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    }
)

USE, DISTRIBUTE = f"{ODRL}use", f"{ODRL}distribute"
RELEASE, ANALYSE, REIDENTIFY = f"{CONCORD}release", f"{CONCORD}analyse", f"{CONCORD}reidentify"
PSEUDONYMISE, ERASE_ON_WITHDRAWAL = f"{CONCORD}pseudonymise", f"{CONCORD}eraseOnWithdrawal"
STOP_WITHIN, BACKUPS_WITHIN = f"{CONCORD}stopWithin", f"{CONCORD}backupsWithin"
FRESHNESS = f"{CONCORD}freshness"
ASSESS_RISK = f"{CONCORD}assessRisk"
K_ANONYMITY, L_DIVERSITY = f"{CONCORD}kAnonymity", f"{CONCORD}lDiversity"
T_CLOSENESS, UNIQUE_SHARE = f"{CONCORD}tCloseness", f"{CONCORD}uniqueShare"

PURPOSE, DATE_TIME, RECIPIENT = f"{ODRL}purpose", f"{ODRL}dateTime", f"{ODRL}recipient"
CONSENT, STUDY, STUDY_DIGEST = f"{CONCORD}consent", f"{CONCORD}study", f"{CONCORD}studyDigest"
STUDY_APPROVAL, PROFILE, SELECTION = f"{CONCORD}studyApproval", f"{CONCORD}profile", f"{CONCORD}selection"
DATASET = f"{CONCORD}dataset"

PER_PERSON, APPROVED = "per-person", "approved"

OPERATORS = frozenset(
    {"eq", "neq", "lt", "lteq", "gt", "gteq", "isA", "hasPart", "isPartOf", "isAllOf", "isAnyOf", "isNoneOf"}
)
LOGICAL = frozenset({"or", "xone", "and", "andSequence"})

# Keys of the obligations in a decision, by the action of the duty they come from.
DUTIES: Mapping[str, str] = MappingProxyType(
    {
        PSEUDONYMISE: "pseudonymise",
        ERASE_ON_WITHDRAWAL: "erase-on-withdrawal",
        ASSESS_RISK: "assess-risk",
        f"{ODRL}anonymize": "anonymise",
        f"{ODRL}delete": "delete",
        f"{ODRL}inform": "inform",
        f"{CONCORD}log": "log",
        f"{CONCORD}report": "report",
        f"{CONCORD}publishResults": "publish-results",
        f"{IDS}ANONYMIZE": "anonymise",
        f"{IDS}DELETE": "delete",
        f"{IDS}NOTIFY": "inform",
        f"{IDS}LOG": "log",
        f"{DPV}Pseudonymise": "pseudonymise",
        f"{DPV}Anonymise": "anonymise",
        f"{DPV}Erase": "delete",
    }
)


class Asked(NamedTuple):
    """What an action of ours is in ODRL: the action that must be permitted, and all that must not be prohibited."""

    permitted: str
    entails: frozenset[str]


# Whoever is sent records can read and copy them, so a prohibition of either forbids sending them.
ASKED: Mapping[Action, Asked] = MappingProxyType(
    {
        Action.RELEASE: Asked(RELEASE, frozenset({RELEASE, f"{ODRL}read", f"{ODRL}reproduce"})),
        Action.STREAM: Asked(f"{ODRL}stream", frozenset({f"{ODRL}stream", RELEASE, f"{ODRL}read", f"{ODRL}reproduce"})),
        Action.VIEW: Asked(f"{ODRL}display", frozenset({f"{ODRL}display", f"{ODRL}read"})),
        Action.ANALYSE: Asked(ANALYSE, frozenset({ANALYSE})),
    }
)


def expand(term: str) -> str:
    """Return the full IRI of a term with a bundled prefix; any other text comes back unchanged."""
    prefix, colon, name = term.partition(":")
    return PREFIXES[prefix] + name if colon and prefix in PREFIXES else term


def local(iri: str) -> str:
    """The part of a term after its last ``#``, ``/`` or ``:``."""
    for mark in "#/:":
        if mark in iri:
            iri = iri.rpartition(mark)[2]
    return iri


def short(iri: str) -> str:
    """Return what stands after the last ``#`` of an IRI and then after its last ``/``; a ``:`` parts nothing."""
    return iri.rpartition("#")[2].rpartition("/")[2]


def expand_odrl(term: str) -> str:
    """Return the full IRI of a term where ODRL's own names may stand bare (actions, operands, operators)."""
    return ODRL + term if term.isidentifier() else expand(term)


def action(term: str) -> str | None:
    """Return the IRI of an action that has a place under use or transfer (a deprecated one's successor), or None."""
    iri = expand_odrl(term)
    iri = _hierarchy().same.get(iri, iri)
    return iri if iri in _hierarchy().within else None


def actions() -> tuple[str, ...]:
    """Return every action that has a place under use or transfer, in order."""
    return tuple(sorted(_hierarchy().within))


def duty(term: str) -> str | None:
    """Return the IRI of an action that we know as a duty, or None."""
    iri = expand_odrl(term)
    return iri if iri in DUTIES else None


def includes(wide: str, narrow: str) -> bool:
    """Whether the action `narrow` is `wide` or included in it (ODRL includedIn, transitive)."""
    return narrow == wide or wide in _hierarchy().within.get(narrow, ())


def prohibits(prohibited: str, entailed: Iterable[str]) -> bool:
    """Whether prohibiting this action forbids something entailed by what is asked."""
    return any(includes(prohibited, one) for one in entailed)


@cache
def reference_digest() -> str:
    """Return the digest of the action hierarchy, stored with every decision (reference S19)."""
    return digest({iri: sorted(within) for iri, within in _hierarchy().within.items()} | dict(_hierarchy().same))


class _Hierarchy(NamedTuple):
    within: Mapping[str, frozenset[str]]
    same: Mapping[str, str]


@cache
def _hierarchy() -> _Hierarchy:
    text = resources.files("policy").joinpath("data/actions.json").read_text("utf-8")
    stated = json.loads(text)
    parents = stated["includedIn"] | {RELEASE: USE, ANALYSE: USE, REIDENTIFY: USE}
    return _Hierarchy({iri: _chain(parents, iri) for iri in parents}, stated["same"])


def _chain(parents: Mapping[str, str], iri: str) -> frozenset[str]:
    found: list[str] = []
    while (iri := parents.get(iri, "")) and iri not in found:
        found.append(iri)
    return frozenset(found)
