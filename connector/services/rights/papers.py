"""Papers as sheets: the receipt as one reads and prints it. Times are in UTC, codes stand at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from types import MappingProxyType

from connector.services.context import Context
from connector.services.rights.receipting import Receipt27560, SignedReceipt
from connector.services.rights.sheets import Exact, Facts, Grid, Heading, Part, Sheet, Text, day, moment
from connector.services.rights.surrounding import at_desk
from policy.categories import words as category_words
from policy.consent import ConsentRecord, EffectiveState, Window, effective_state
from policy.purposes import label
from policy.records27560.terms import METHOD_UNKNOWN, METHODS

TITLES: Mapping[str, str] = MappingProxyType(
    {
        "draft": "Your answer is not finished",
        "requested": "You were asked",
        "deferred": "You want to decide later",
        "refused": "You said no",
        "given": "You said yes",
        "renewed": "You said yes again",
        "suspended": "You paused your yes",
        "withdrawn": "You stopped sharing",
        "terminated": "The study ended your permission",
        "invalidated": "Your permission was declared invalid",
        "expired": "Your permission has ended",
        "authority-ended": "The permission somebody gave for you rests",
        "not-yet-decided": "Your permission has not begun",
    }
)
"""What an answer means, as its title. Only two of them let data flow."""

SIGNERS: Mapping[str, str] = MappingProxyType(
    {
        "self": "You, with your own key",
        "proxy": "Somebody who may act for you",
        "controller": "The organisation that is responsible for the data",
        "authority": "A court or a public authority",
    }
)
WORDS: Mapping[str, str] = MappingProxyType(
    {
        "why": "Why",
        "who_sees": "Who sees the data",
        "stored_where": "Where it is kept",
        "if_you_say_no": "If a person says no",
        "risks": "Risks",
        "money": "Money",
    }
)
ASSURANCE: Mapping[str, str] = MappingProxyType(
    {"low": "low", "substantial": "substantial", "high": "high"}
)  # of Regulation (EU) 910/2014, art. 8
_DELIVERY: Mapping[str, str] = MappingProxyType(
    {"acknowledged": "has it", "refused": "could not take it, and shares nothing", "waiting": "not yet reached"}
)
_FLOWING = frozenset({EffectiveState.GIVEN, EffectiveState.RENEWED})


def receipt_sheet(context: Context, made: Receipt27560, issued: SignedReceipt) -> Sheet:
    """The receipt as a paper."""
    meaning = effective_state(made.record, made.issue.created_at)
    return Sheet(
        title=TITLES[meaning], lead=_lead(made, meaning), issuer=context.me.name, at=made.issue.created_at,
        parts=tuple(_receipt(context, made, issued, meaning)), language=made.record.words.language,
    )  # fmt: skip


def _lead(made: Receipt27560, meaning: EffectiveState) -> str:
    who = made.study.organisation_name
    if meaning in _FLOWING:
        return f"{who} may use the data below, and nothing else, until {day(made.record.valid_until)}."
    return f"{who} gets no data about you on this answer."


def _receipt(
    context: Context, made: Receipt27560, issued: SignedReceipt, meaning: EffectiveState
) -> Iterator[Part]:  # fmt: skip
    record, study = made.record, made.study
    yield Facts(
        (
            ("Receipt number", f"{record.id}, version {record.version}"), ("Study", study.title),
            ("Asked by", f"{study.organisation_name}, {study.contact.name} <{study.contact.email}>"),
            ("Your answer", f"{TITLES[record.state.value]}, {moment(record.decided_at)}"),
            ("Place of the data", context.members.name_of(record.holder)),
            ("What for", "; ".join(label(one) for one in record.purposes or study.purposes)),
            ("Receivers", "; ".join(context.members.name_of(one) for one in record.recipients) or "nobody"),
            ("Ends", f"{day(record.valid_until)}, or on the day you stop it" if meaning in _FLOWING else "–"),
        )
    )  # fmt: skip
    yield _data(record, made)
    yield Heading("How to stop")
    if at_desk(record):
        yield Text(f"{made.around.control.words}.")
    else:
        yield Text("You can stop on any day, without a reason. It takes two steps on your wallet's pages:")
        yield Text(made.around.control.url)
    yield from _words(made)
    yield from _proof(context, made)
    yield from _signatures(issued, made)


def _data(record: ConsentRecord, made: Receipt27560) -> Part:
    rows = tuple(
        (
            asked.title if (asked := made.around.asked(scope.dataset)) else scope.dataset,
            "; ".join(map(category_words, scope.categories)) if scope.categories else "All of it",
            window_words(record.window),
        )
        for scope in record.data
    )
    return Grid("The data", ("Collection", "Kinds of data", "From which time"), rows, "No data is shared.")


def window_words(window: Window | None) -> str:
    """The clinical dates agreed to."""
    if window is None:
        return "Any date"
    return f"From {day(window.start)} to {day(window.end)}".replace("From – to", "Up to").removesuffix(" to –")


def _words(made: Receipt27560) -> Iterator[Part]:
    yield Heading("The words you read")
    if made.issue.words is None:
        yield Text("Their exact text is not kept here. Their fingerprint stands below.")
    else:
        yield Text(made.study.summary)
        yield Facts(tuple((WORDS.get(name, name), text) for name, text in made.study.words.model_dump().items()))
    words = made.record.words
    yield Facts(
        (
            ("Language", words.language), ("Version of the words", words.version),
            ("Fingerprint (SHA-256)", words.digest), ("Version of the page", made.issue.interface or "not recorded"),
        )
    )  # fmt: skip


def _proof(context: Context, made: Receipt27560) -> Iterator[Part]:
    record, issue, signer = made.record, made.issue, made.record.signer
    until = f", until {moment(signer.until)}" if signer.until else ""
    yield Heading("Who signed, and how")
    yield Facts(
        (
            ("Decided by", SIGNERS[signer.kind] + (f": {signer.authority}{until}" if signer.authority else "")),
            ("How", METHODS[record.capture.channel] if record.capture else METHOD_UNKNOWN),
            ("How sure the sign-in was", ASSURANCE.get(issue.assurance or "", "not recorded")),
            *((("Staff who helped", record.capture.assistant),) if record.capture and record.capture.assistant else ()),
            *((("Evidence kept", record.capture.evidence),) if record.capture and record.capture.evidence else ()),
        )
    )  # fmt: skip
    yield Grid(
        "Who has your answer", ("Place", "State", "Confirmed"),
        tuple(
            (context.members.name_of(one.holder), _DELIVERY.get(one.state, one.state), moment(one.at))
            for one in issue.delivered
        ),
        "Nobody yet.",
    )  # fmt: skip
    yield Grid(
        "Contracts that used it", ("Receiver", "Contract"),
        tuple((context.members.name_of(one.recipient), one.id) for one in issue.contracts), "None so far.",
    )  # fmt: skip


def _signatures(issued: SignedReceipt, made: Receipt27560) -> Iterator[Part]:
    anchor = made.issue.anchor
    place = "not yet under a signed checkpoint" if anchor is None or anchor.index is None else f"entry {anchor.index}"
    yield Heading("To check it without us")
    yield Text("Anybody can check this offline, with the signed file (JWS) and the file verify_receipt.py.", small=True)
    yield Facts(
        (
            ("Fingerprint of your answer", made.record.digest()),
            ("Key that signed your answer" if at_desk(made.record) else "Your key", made.issue.signer_key),
            ("Our key", issued.key["kid"]),
            ("In our log", f"{place}, leaf {anchor.leaf}" if anchor is not None else "not found"),
            ("Fingerprint of the signed receipt", sha256(issued.signed.encode()).hexdigest()),
        )
    )  # fmt: skip
    yield Exact("Your signed answer", made.issue.signed)
