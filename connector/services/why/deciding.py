"""What to do about each reason a decision or a release can give; the words are those of `policy.reasons`.

Nobody is told to get around a person's no: where a no is the person's own, there is nothing to do.
"""

from collections.abc import Mapping
from types import MappingProxyType

from connector.services.rooms.transfers import OF_A_RELEASE
from connector.services.why.delivering import DPO, NOBODY, OPERATOR, RESEARCHER, STEWARD, THEY

_THEIR_NO = (NOBODY, "Nothing: this is the person's own answer, and it counts.")
_ASKED = (NOBODY, "Nothing but patience: the person is asked in their wallet, or by staff (`concord desk`).")
_PERMITTED = (NOBODY, "Nothing.")
_TERMS = (RESEARCHER, "Ask within the offer: `concord catalog` shows its terms, `concord policy` judges files.")
_PERMIT = (STEWARD, "Have the permit corrected by whoever issued it, then negotiate under it.")
_SOURCE = (DPO, "Look at the consents that came from the source: `concord consent` and the page on source consents.")

REMEDIES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "not-linked": (STEWARD,
            "Give the person a link code for their wallet (`concord link code`), or ask them at the desk (`concord "
            "desk`)."),
        "no-consent": _ASKED,
        "refused": _THEIR_NO,
        "withdrawn": _THEIR_NO,
        "suspended": _THEIR_NO,
        "draft": _ASKED,
        "requested": _ASKED,
        "deferred": _ASKED,
        "terminated": (DPO, "Read why it was ended; the person can be asked anew."),
        "invalidated": (DPO, "Read why it was struck out; the person can be asked anew."),
        "authority-ended": _ASKED,
        "expired": (NOBODY, "The person can renew it in their wallet."),
        "not-yet-decided": (NOBODY,
            "Nothing until that date. If the date is wrong, check the clocks: `concord doctor`."),
        "study-changed": (RESEARCHER, "The person has to be asked about the study as it is now."),
        "recipient-not-agreed": (RESEARCHER, "Name this recipient in the study request, and have people asked anew."),
        "purpose-not-agreed": _ASKED,
        "dataset-not-agreed": _ASKED,
        "consent-broken": (DPO, "Have the wallet deliver the history again; until then it counts as no."),
        "consent-unreadable": (DPO, "Look at the consent and its wallet's version; until then it counts as no."),
        "wallet-silent": (THEY, "Ask the wallet's operator to start it. Releases go on with its next sign of life."),
        "link-disputed": (DPO, "Settle whose record it is: `concord desk`."),
        "directive-unreadable": _SOURCE,
        "directive-denies": _THEIR_NO,
        "directive-silent": _SOURCE,
        "directive-permits": _PERMITTED,
        "emergency-permits": _PERMITTED,
        "emergency-refused": (OPERATOR, "See `emergency_accounts` and the rules of `concord emergency`."),
        "consent-given": _PERMITTED,
        "prohibited-use": (NOBODY, "Nothing: no contract can allow it."),
        "purpose-not-known": (RESEARCHER,
            "Name a purpose of the vocabulary: `concord policy` explains which there are."),
        "opted-out": _THEIR_NO,
        "no-permit": _PERMIT,
        "opt-out-set-aside": _PERMITTED,
        "permit-term": _PERMIT,
        "permit-not-in-force": _PERMIT,
        "permit-recipient": _PERMIT,
        "permit-dataset": _PERMIT,
        "permit-purpose": _PERMIT,
        "purpose-not-lawful": (RESEARCHER, "Ask for a purpose the law allows."),
        "permit-in-force": _PERMITTED,
        "place-unknown": (OPERATOR, "Ask the recipient where it is and keeps data, then `concord trust place PEER`."),
        "place-not-protected": (DPO,
            "Put a ground for this transfer into the contract and on file: `concord trust place PEER`."),
        "no-care-relation": (STEWARD, "Have the care relation recorded at the source, if there is one."),
        "care-relation": _PERMITTED,
        "not-the-person": (NOBODY, "Nothing: it is about somebody else."),
        "is-the-person": _PERMITTED,
        "no-contract": (RESEARCHER, "Negotiate one: `concord negotiate`."),
        "not-a-contract": (NOBODY, "Wait until the negotiation is finalized."),
        "policy-not-understood": (STEWARD,
            "Ask `concord policy check` which term it is; what is not understood is refused. Agree on terms without "
            "it."),
        "other-dataset": _TERMS,
        "other-recipient": _TERMS,
        "prohibited": _TERMS,
        "action-not-permitted": _TERMS,
        "purpose-missing": (RESEARCHER, "Name the purpose: `concord negotiate --purpose`."),
        "purpose-not-offered": (RESEARCHER, "Ask for a purpose within those on offer: `concord catalog` shows them."),
        "purpose-unknown-relation": _TERMS,
        "contract-ended": (RESEARCHER, "Negotiate a new contract."),
        "contract-not-started": (NOBODY, "Nothing until the contract begins."),
        "outside-contract-time": (NOBODY, "Wait for the time the terms allow."),
        "recipient-not-allowed": _TERMS,
        "consent-not-checked": _TERMS,
        "study-not-named": (RESEARCHER, "Name the study: `concord negotiate --study`."),
        "other-study": (RESEARCHER, "Name the study, in the version that the terms cite."),
        "profile-not-agreed": (STEWARD,
            "The profile in the contract is not here any more, or another one would be applied. `concord profile "
            "list` shows which there are; add the one the contract names (`concord profile add`), or agree on "
            "changed terms."),
        "selection-not-agreed": (RESEARCHER, "Ask for the selection that the study and the terms name."),
        "terms-not-met": _TERMS,
        "term-missing": (RESEARCHER, "Ask for the offer with all its terms; they may be narrower, never looser."),
        "duty-without-executor": (STEWARD, "Leave the duty out of the terms, or have somebody who can carry it out."),
        "contract-permits": _PERMITTED,
        "study-not-approved": (STEWARD, "Decide about the study: `concord study approve STUDY`, or `refuse`."),
        "study-approved": _PERMITTED,
        "erasure-not-provable": (STEWARD,
            "Accept this member by name, if it can be answered for: `concord members accept PEER`."),
        "decision-failed": (OPERATOR, "Read the log at this time: the decision met a fault, and so was a no."),
        "released": _PERMITTED,
        "nothing-released": (NOBODY, "Nothing: no record fits what was asked for and agreed to."),
        "dataset-not-covered": _ASKED,
        "category-not-agreed": _THEIR_NO,
        "outside-window": _THEIR_NO,
        "without-date": (STEWARD, "Have the date recorded at the source, if it is known."),
        "denied-by-directive": _THEIR_NO,
        "not-permitted-by-directive": _SOURCE,
        "not-labelled": (STEWARD, "See whether labelling runs and its rules load: `concord sources show`."),
        # What comes up while a release is prepared.
        "leak": (DPO,
            "Look where an identifier was found (`concord quarantine list`), mend the profile or the source, then "
            "ask for a new transfer."),
        "risk-too-high": (STEWARD,
            "See which limit was missed (`concord risk list`); a coarser profile or more people bring the risk down, "
            "or both sides agree on other limits."),
        "withdrawal-under-way": (NOBODY, "Nothing: once the recipient has answered, a later yes counts again."),
        "stopped-under-contract": _THEIR_NO,
        "refused-before": _ASKED,
        "consent-changed": (NOBODY, "Nothing: the next release follows the new answer."),
        "unchanged": _PERMITTED,
        "patient-record-deleted": (STEWARD, "See at the source whether that was meant."),
        "not-selected": (RESEARCHER, "Ask for more in the study's selection, if it is needed."),
        "withheld-type": _PERMITTED,
        "unknown-type": (STEWARD, "Add a rule for this kind of record to a profile: `concord profile check`."),
        "modifier-extension": (STEWARD, "Have it mended at the source, or leave it out."),
        "shape": (STEWARD, "Have the record mended at the source."),
        "foreign-subject": (STEWARD, "Have the record mended at the source: it is about somebody else."),
        "no-subject": (STEWARD, "Have the record mended at the source: it does not say whom it is about."),
        "release-broken": (RESEARCHER,
            "Nothing at first: the recipient comes again by itself, and goes on where it can. If it does not, see "
            "whether its process runs."),
        "release-ended": (NOBODY, "See the transfer and the contract: one of them was over while it ran."),
        "release-running": _PERMITTED,
        "dataset-withdrawn": (STEWARD, "Publish the dataset again (`concord publish`) if it should be released."),
        "nobody-permitted": (NOBODY, "See the reasons beside: nobody's answer allows it now."),
        "quarantine-held": (DPO,
            "Look into it before `quarantine_days` are over: `concord quarantine show ID`, then `concord quarantine "
            "clear ID --reason '...'`."),
        "quarantine-cleared": _PERMITTED,
    }
)  # fmt: skip

WORDS: Mapping[str, str] = MappingProxyType(
    {
        **{code: words for code, words in OF_A_RELEASE.items() if code in REMEDIES},
        "leak": "An identifier was found in what should have left, so it was held back.",
        "risk-too-high": "Somebody could be singled out more easily in this release than the contract allows.",
        "refused-before": "The person said no under a link that has ended, and was not asked since.",
        "release-broken": "The release broke off: the reader went away, or a process ended.",
        "release-ended": "The release was cut: its transfer, contract or recipient was not in force any more.",
        "release-running": "The release is going on.",
        "dataset-withdrawn": "The steward took the dataset back.",
        "nobody-permitted": "Nothing left, because nobody's answer allows it.",
        "quarantine-held": "The leak check held records back; they are kept sealed.",
        "quarantine-cleared": "What was held back is destroyed.",
    }
)
"""The words of what is no reason of a decision."""
