"""States, kinds and reasons as people read them, and the tone each is shown in: go, wait, stop or plain."""

from __future__ import annotations

from consent_ui.words import low
from policy.reasons import REASONS

STATES = {
    "requested": ("Requested", "wait"),
    "offered": ("Offered", "wait"),
    "accepted": ("Accepted", "wait"),
    "agreed": ("Agreed", "wait"),
    "verified": ("Verified", "wait"),
    "finalized": ("Finalised", "go"),
    "terminated": ("Ended", "stop"),
    "active": ("In force", "go"),
    "ended": ("Ended", "plain"),
    "expired": ("Expired", "plain"),
    "replaced": ("Replaced by changed terms", "plain"),
    "in-force": ("In force", "wait"),
    "revoked": ("Taken back", "plain"),
    "started": ("Running", "wait"),
    "receiving": ("Arriving", "wait"),
    "running": ("Running", "wait"),
    "suspended": ("Paused", "wait"),
    "completed": ("Complete", "go"),
    "complete": ("Complete", "go"),
    "broken": ("Broken off", "stop"),
    "published": ("Published", "go"),
    "withdrawn": ("Withdrawn", "plain"),
    "draft": ("Draft", "plain"),
    "waiting": ("Waiting for a decision", "wait"),
    "approved": ("Approved", "go"),
    "refused": ("Refused", "stop"),
    "shown": ("Shown to people", "go"),
    "permit": ("Allowed", "go"),
    "deny": ("Refused", "stop"),
    "not-applicable": ("No rule applies, so refused", "stop"),
    "indeterminate": ("Not understood, so refused", "stop"),
}
"""State as stored -> (words, tone). Tones: go, wait, stop, plain."""

PROPOSALS = {
    "open": ("Waiting for an answer", "wait"),
    "answering": ("Accepted here, not confirmed there yet", "wait"),
    "withdrawing": ("Taken back here, not confirmed there yet", "wait"),
    "accepted": ("Accepted", "go"),
    "declined": ("Declined", "stop"),
    "withdrawn": ("Taken back", "plain"),
    "superseded": ("Overtaken by another change", "plain"),
    "lapsed": ("Not answered in time", "plain"),
}
"""Standing of a proposal to change a contract -> (words, tone)."""

DUTIES = {
    "pending": ("Not yet due", "plain"),
    "due": ("Due", "wait"),
    "overdue": ("Overdue", "stop"),
    "fulfilled": ("Done", "go"),
    "violated": ("Done, but too late", "stop"),
    "stated-late": ("Said to be done in time, but told too late", "stop"),
}
"""How a duty stands -> (words, tone)."""

KINDS = {
    "records": "Health records, sent as a file",
    "stream": "Live measurements",
    "fhir": "Patient records (FHIR bundles)",
    "openmhealth": "Device measurements (Open mHealth)",
    "release": "Records sent",
    "refused": "Refused",
    "erase": "Stop and delete",
    "stop": "Stop new use",
    "pause": "Let it rest",
}


FORBIDDING = {"not", "no", "nobody", "never", "nothing", "forbidden", "prohibited"}

YOURS = {
    "given": "You said yes",
    "renewed": "You said yes, for longer",
    "refused": "You said no",
    "withdrawn": "You stopped it",
    "suspended": "It rests",
    "deferred": "You wanted to think about it",
    "expired": "It has ended",
    "authority-ended": "It rests, and you are asked",
    "disputed": "It rests, the link is checked",
    "link-ended": "It does not count any more",
    "terminated": "The place ended it",
    "invalidated": "It was struck out",
}
"""A person's own answer, as it stands now -> how they read it."""

MEANINGS = {
    "authority-ended": (
        "Somebody else had said yes for you and may not decide for you any more. Nothing is shared until you answer."
    ),
    "disputed": "Somebody said that the record at the place may not be yours. Nothing is shared until that is settled.",
    "link-ended": "The place had linked you to the wrong record. Your answer did not move to another one.",
    "expired": "The time of your yes is over. Nothing is shared any more.",
}
"""What an answer means whose state alone does not say it."""

AUTHORITIES = {
    "parent": "parent",
    "guardian": "guardian",
    "attorney": "holder of a power of attorney",
    "court": "appointed by a court",
}
"""On what somebody's authority to act for another rests."""

AUTHORITY_STANDINGS = {
    "in-force": "May decide",
    "not-yet": "Not yet",
    "over": "Ended by itself",
    "ended": "Ended",
}

DONE_FOR = {
    "given": "said yes",
    "renewed": "made the yes longer",
    "refused": "said no",
    "withdrawn": "stopped sharing",
    "suspended": "let it rest",
    "deferred": "put the question off",
}
"""What somebody did for a person -> said of them."""

ASKED_AGAIN = {
    "deferred": "You wanted to be asked again now. Until you answer, nothing is shared.",
    "authority-ended": (
        "Somebody had answered for you and may not decide for you any more. Now you decide. "
        "Until then nothing is shared."
    ),
    "link-ended": (
        "The place had linked you to the wrong record. That is put right, so you are asked again. "
        "Until you answer, nothing is shared."
    ),
    "resting": (
        "Those who act for you do not agree, or one of them may not act any more. Until you answer, nothing is shared."
    ),
}
"""Why a study that was answered waits for an answer again."""

DOUBTERS = {"person": "the person, here", "wallet": "the person, at their wallet", "dpo": "the data protection officer",
            "steward": "the desk", "operator": "the operator", "source": "the source of the records"}  # fmt: skip
SETTLED = {"kept": "The link was right", "ended": "Wrong, ended", "moved": "Wrong, put right"}

YOUR_REASONS = {
    "opted-out": "you had stopped all research use of your data",
    "directive-denies": "you had said no in a consent that is kept there",
    "directive-silent": "you had not allowed it in the consent that is kept there",
    "directive-unreadable": "your consent that is kept there could not be read",
    "link-disputed": "your record there is being checked, because its link may be wrong",
    "authority-ended": "your yes came from somebody who may not decide for you any more",
    "not-linked": "your record there was not linked to this wallet",
    "no-consent": "you had not answered, and silence is no",
    "refused": "you had said no to this study",
    "withdrawn": "you had stopped sharing with this study",
    "suspended": "you had paused your permission",
    "expired": "your permission had ended",
    "study-changed": "you had said yes to another version of this study",
    "recipient-not-agreed": "you had not said yes to this receiver",
    "purpose-not-agreed": "you had not said yes to this purpose",
    "dataset-not-agreed": "you had not said yes to sharing this data",
    "wallet-silent": "it had not heard from this wallet for too long to be sure of your yes",
}


def state(value: str) -> str:
    """The words for a stored state."""
    return STATES.get(value.lower(), (value.replace("-", " ").capitalize(), "plain"))[0]


def tone(value: str) -> str:
    """Which meaning a stored state has: go, wait, stop or plain."""
    return STATES.get(value.lower(), ("", "plain"))[1]


def proposal(value: str) -> str:
    """The words for how a proposal to change a contract stands."""
    return PROPOSALS.get(value, (value.replace("-", " ").capitalize(), "plain"))[0]


def proposal_tone(value: str) -> str:
    """Which meaning that has: go, wait, stop or plain."""
    return PROPOSALS.get(value, ("", "plain"))[1]


def duty(value: str) -> str:
    """The words for how a duty stands."""
    return DUTIES.get(value, (value.replace("-", " ").capitalize(), "plain"))[0]


def duty_tone(value: str) -> str:
    """Which meaning that has: go, wait, stop or plain."""
    return DUTIES.get(value, ("", "plain"))[1]


def kind(value: str) -> str:
    """The words for a kind of source, dataset, transfer or use."""
    return KINDS.get(value, value.replace("-", " ").capitalize())


def forbids(sentence: str) -> bool:
    """Whether a sentence of terms says what may not be done; it only chooses the picture beside the words."""
    return not FORBIDDING.isdisjoint(sentence.lower().rstrip(".").split())


def yours(value: str) -> str:
    """A stored state of a person's own answer, as they read it."""
    return YOURS.get(value) or state(value)


def state_meaning(value: str) -> str:
    """What that means, where the state alone does not say it."""
    return MEANINGS.get(value, "")


def authority(kind: str) -> str:
    """On what somebody's authority rests; words that staff wrote pass through."""
    return AUTHORITIES.get(kind, kind)


def authority_standing(value: str) -> str:
    """Whether somebody may act for another now."""
    return AUTHORITY_STANDINGS.get(value, value)


def done_for(value: str) -> str:
    """What somebody did for a person."""
    return DONE_FOR.get(value, "answered")


def asked_again(why: str) -> str:
    """Why a study waits for an answer again."""
    return ASKED_AGAIN.get(why, "")


def doubter(by: str) -> str:
    """Who said that a link may be wrong."""
    return DOUBTERS.get(by, by)


def settled(outcome: str) -> str:
    """How a disputed link was settled."""
    return SETTLED.get(outcome, outcome)


def your_reason(value: str | None) -> str:
    """Why something was refused, told to the person; from a code or sentence of `policy.reasons`, or any text."""
    codes = [code for code, (_, words) in REASONS.items() if value in (code, words)] if value else ["no-consent"]
    known = [YOUR_REASONS[code] for code in codes if code in YOUR_REASONS]
    return known[0] if known else low((value or "").rstrip("."))
