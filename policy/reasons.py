"""Every reason a decision can give, as a code that machines count and a sentence that people read.

The codes are stored with decisions and sent in manifests: they are never renamed, only added to.
"""

from dataclasses import dataclass
from types import MappingProxyType

from policy.canonical import Json


@dataclass(frozen=True, slots=True)
class Reason:
    """One cause of a decision.

    `source` says which gate speaks: link, consent, law, policy or rule. `pointer` says where: a JSON pointer into the
    policy, or ``urn:uuid:...#version`` of a consent. Neither text nor pointer ever holds a value about a person.
    """

    code: str
    text: str
    source: str
    pointer: str = ""

    def to_json(self) -> dict[str, Json]:
        """Return the reason as a JSON object."""
        return {"code": self.code, "text": self.text, "source": self.source, "pointer": self.pointer}

    @classmethod
    def from_json(cls, value: dict[str, str]) -> "Reason":
        """Read what :meth:`to_json` wrote. Raises KeyError or TypeError on anything else."""
        return cls(value["code"], value["text"], value["source"], value["pointer"])


LINK, CONSENT, LAW, POLICY, RULE = "link", "consent", "law", "policy", "rule"

# code -> (source, sentence). The order is that of the gates, narrowest first.
REASONS = MappingProxyType(
    {
        "not-linked": (LINK, "This record is not linked to a wallet, so nobody can have agreed."),
        "no-consent": (CONSENT, "The person has not answered this study. Silence is no."),
        "refused": (CONSENT, "The person said no to this study."),
        "withdrawn": (CONSENT, "The person withdrew their consent."),
        "suspended": (CONSENT, "The person paused their consent."),
        "draft": (CONSENT, "The person has begun an answer and not given it."),
        "requested": (CONSENT, "The person was asked and has not answered."),
        "deferred": (CONSENT, "The person wants to be asked later."),
        "terminated": (CONSENT, "Whoever is responsible for the data ended the consent."),
        "invalidated": (CONSENT, "The consent was found not to be valid."),
        "authority-ended": (
            CONSENT,
            "Whoever agreed for the person may no longer do so, and the person was not asked yet.",
        ),
        "expired": (CONSENT, "The consent has ended."),
        "not-yet-decided": (CONSENT, "The consent is dated in the future."),
        "study-changed": (CONSENT, "The person agreed to another version of this study."),
        "recipient-not-agreed": (CONSENT, "The person did not agree to this recipient."),
        "purpose-not-agreed": (CONSENT, "The person did not agree to every purpose that is asked for."),
        "dataset-not-agreed": (CONSENT, "The person did not agree to share from this dataset."),
        "consent-broken": (CONSENT, "The history of the person's consent does not add up."),
        "consent-unreadable": (CONSENT, "A consent of this person cannot be read."),
        "wallet-silent": (CONSENT, "The person's wallet has been silent for too long to rely on the consent."),
        "link-disputed": (LINK, "It is being settled whose record this is."),
        "directive-unreadable": (CONSENT, "A consent that came from the source cannot be read or relied on."),
        "directive-denies": (CONSENT, "A consent that came from the source forbids this."),
        "directive-silent": (CONSENT, "No consent that came from the source permits this."),
        "directive-permits": (CONSENT, "A consent that came from the source permits this."),
        "emergency-permits": (CONSENT, "The consent lets care go on in an emergency, and one was declared."),
        "emergency-refused": (CONSENT, "An emergency was named, but what it takes to declare one is missing."),
        "consent-given": (CONSENT, "The person agreed."),
        "prohibited-use": (LAW, "The law forbids using health data for this."),
        "purpose-not-known": (
            LAW,
            "Nobody has stated what kind of purpose this is, so nobody can tell whether the law forbids it.",
        ),
        "opted-out": (LAW, "The person opted out of secondary use."),
        "no-permit": (LAW, "There is no data permit."),
        "opt-out-set-aside": (LAW, "The person opted out of secondary use, but a national law sets that aside."),
        "permit-term": (LAW, "The data permit runs for longer than the law allows."),
        "permit-not-in-force": (LAW, "The data permit is not in force at this time."),
        "permit-recipient": (LAW, "The data permit does not name this recipient."),
        "permit-dataset": (LAW, "The data permit does not cover this dataset."),
        "permit-purpose": (LAW, "The data permit does not cover every purpose that is asked for."),
        "purpose-not-lawful": (LAW, "The law does not allow a permit for this purpose."),
        "permit-in-force": (LAW, "A data permit is in force."),
        "place-unknown": (LAW, "Nobody has stated where the recipient is and where it keeps data."),
        "place-not-protected": (
            LAW,
            "The data would go to a country where the law does not protect it well enough, and no ground for that is "
            "both named in the contract and on file.",
        ),
        "no-care-relation": (LAW, "The requester is not known to treat this person now."),
        "care-relation": (LAW, "The requester treats this person."),
        "not-the-person": (LAW, "The requester is not this person."),
        "is-the-person": (LAW, "A person may see their own data."),
        "no-contract": (POLICY, "There is no contract."),
        "not-a-contract": (POLICY, "An offer is not a contract yet."),
        "policy-not-understood": (POLICY, "The contract holds a term that we do not understand."),
        "other-dataset": (POLICY, "The contract is about another dataset."),
        "other-recipient": (POLICY, "The contract is with somebody else."),
        "prohibited": (POLICY, "The contract forbids this."),
        "action-not-permitted": (POLICY, "The contract does not permit this kind of use."),
        "purpose-missing": (POLICY, "No purpose is named."),
        "purpose-not-offered": (POLICY, "A purpose that is asked for lies outside those on offer."),
        "purpose-unknown-relation": (POLICY, "Nobody has stated that this purpose lies within those on offer."),
        "contract-ended": (POLICY, "The time allowed has ended."),
        "contract-not-started": (POLICY, "The time allowed has not begun."),
        "outside-contract-time": (POLICY, "It is not the time that the terms allow."),
        "recipient-not-allowed": (POLICY, "The terms do not allow this recipient."),
        "consent-not-checked": (POLICY, "The terms ask for each person's own consent, which is not asked here."),
        "study-not-named": (POLICY, "No study is named."),
        "other-study": (POLICY, "The terms are about another study, or another version of it."),
        "profile-not-agreed": (POLICY, "The terms ask for another way of removing identities."),
        "selection-not-agreed": (POLICY, "The terms ask for another selection of data."),
        "terms-not-met": (POLICY, "A combined term is not met."),
        "term-missing": (POLICY, "The request leaves out or loosens a term of the offer."),
        "duty-without-executor": (POLICY, "Nobody here can carry out a duty of the terms."),
        "contract-permits": (POLICY, "The terms permit this."),
        "study-not-approved": (RULE, "The steward has not approved this study."),
        "study-approved": (RULE, "The steward approved this study."),
        "erasure-not-provable": (
            RULE,
            "The terms demand erasure on withdrawal. This participant cannot be told of one by message, and the "
            "steward has not accepted it by name.",
        ),
        "decision-failed": (RULE, "The decision could not be made."),
        "released": (CONSENT, "Released."),
        "nothing-released": (RULE, "Nothing is released under this decision."),
        "dataset-not-covered": (CONSENT, "Not from the dataset that was asked for."),
        "category-not-agreed": (CONSENT, "The person did not agree to share this kind of data."),
        "outside-window": (CONSENT, "Outside the dates that the person agreed to."),
        "without-date": (CONSENT, "Without a date, where the person agreed to certain dates only."),
        "denied-by-directive": (CONSENT, "A consent that came from the source forbids this kind of record."),
        "not-permitted-by-directive": (CONSENT, "No consent that came from the source permits this kind of record."),
        "not-labelled": (
            CONSENT,
            "Nobody has said how sensitive this record is, where the person's choice depends on it.",
        ),
    }
)


def reason(code: str, pointer: str = "", detail: str = "") -> Reason:
    """Return the reason with this code; `detail` is added to its sentence. Raises KeyError for a code not listed."""
    source, text = REASONS[code]
    return Reason(code, f"{text} {detail}" if detail else text, source, pointer)
