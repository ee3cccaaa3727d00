"""Causes of refused requests: what somebody asked of this connector and did not get (problem codes, first part).

Code -> (who acts, what it means, what to do).
"""

from collections.abc import Mapping
from types import MappingProxyType

from connector.services.why.delivering import DPO, NOBODY, OPERATOR, RESEARCHER, STEWARD, THEY

_READ = "The answer names the place (`where`) and what would be accepted (`accepted`)."
_PERSON = "person"

CAUSES: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "invalid": (NOBODY, "What was sent cannot be used.", _READ),
        "conflict": (NOBODY, "The step does not fit how things stand now.",
            f"Look at the thing again, then decide anew. {_READ}"),
        "not-found": (NOBODY, "There is no such thing for the one who asks.",
            "Compare the id; `concord why ID` finds ids of either side. Some things only one role sees."),
        "forbidden": (OPERATOR, "The one who asks may not do this.",
            "Somebody in another role does it: the words say who."),
        "wrong-role": (OPERATOR, "This needs another role.",
            "Choose another of your roles in the portal, or have somebody who has it do it. Roles are given by "
            "`concord account open`."),
        "not-your-role": (OPERATOR, "This account does not have that role.", "`concord account list` shows its roles."),
        "unauthenticated": (OPERATOR, "Nobody we know is asking.",
            "Programs need the token in `process.json`; other participants have to stand in the register with the "
            "key they use (`concord trust list`)."),
        "unavailable": (OPERATOR, "Something this depends on does not answer.",
            "Try again in a minute; the words say what."),
        "no-token": (THEY, "A request came without the token of a participant.",
            "The caller is no connector, or a proxy in front of us drops the `Authorization` header."),
        "http-*": (NOBODY, "The address or method of the request is none of ours.",
            "Compare it with `/api/openapi.json`."),
        "fault": (OPERATOR, "Something went wrong here that nobody foresaw.",
            "Read the log at this time: it names the place in the code. Please report it."),
        "too-large": (NOBODY, "What was sent is larger than it may be.", "Send less at once, or raise `body_limit`."),
        "too-slow": (NOBODY, "What was sent came too slowly.", "Look for a slow line, or a proxy that holds it back."),
        "method": (NOBODY, "This address takes another method.", _READ),
        "media-type": (NOBODY, "The body is of another kind.", _READ),
        "compressed": (THEY, "A push is taken as it is, never compressed.", "Send it without `Content-Encoding`."),
        "broken-off": (THEY, "A push broke off before its end.", "The sender sends it again."),
        "not-the-same": (NOBODY, "What is here is not what the condition named.", "Ask again without the condition."),
        "still-sending": (NOBODY, "A hand-over of data has not ended, so nothing was changed.",
            "Try again in a moment."),
        "closing": (NOBODY, "The process that was asked is being stopped.",
            "Nothing: it is asked for again, and another process, or the same after its start, goes on."),
        # Signing in.
        "issuer-unavailable": (OPERATOR, "The sign-in provider does not answer.",
            "Start it, or correct `oidc_issuer`: `concord doctor`."),
        "no-sign-in": (OPERATOR, "Nobody signs in here.", "Set `oidc_issuer` or serve with a portal."),
        "sign-in-over": (_PERSON, "The sign-in took more than ten minutes, or was finished in another tab.",
            "Begin a new sign-in from the portal."),
        "sign-in-*": (OPERATOR, "The sign-in provider's answer was not accepted.",
            "Begin anew. If it goes on, compare `oidc_issuer`, `oidc_client_id` and the redirect address at the "
            "provider; check both clocks."),
        "sign-in-declined": (_PERSON, "The person, or the provider for them, declined the sign-in.", "Sign in again."),
        "sign-in-state": (_PERSON, "The answer does not belong to the sign-in this browser began.",
            "Begin a new sign-in, in one tab, from the portal's own address (`public_url`)."),
        "sign-in-tokens": (OPERATOR, "The provider gave no usable tokens.",
            "See that the client may use the code flow with PKCE and gets an ID token."),
        "token-*": (OPERATOR, "An ID token that was handed in was not accepted.",
            "It has to be made for this portal, a moment ago, by the issuer in `oidc_issuer`."),
        "roles-by-claims": (OPERATOR, "Roles of staff come from the sign-in provider here.",
            "Give or take the role there; `oidc_roles` says which of its roles is which of ours."),
        "token-used": (NOBODY, "A logout token was used a second time.", "Nothing: its sessions are over already."),
        "unknown-account": (OPERATOR, "The person signed in, and has no account here.",
            "`concord account open`, with the name the sign-in provider has for them; where roles come from its "
            "claims, give them a role there that `oidc_roles` names."),
        "session-incomplete": (OPERATOR, "A session cannot be used.", "Sign in again."),
        "assurance-too-low": (_PERSON, "This needs a stronger sign-in.", "Sign in again with a second factor."),
        "development-sign-in-refused": (OPERATOR, "People could not sign in safely with the development provider.",
            "Set `oidc_issuer`, or `portal = false`."),
        # Members.
        "trust-*": (OPERATOR, "The participant was not added, or the register not changed.",
            "The words say which check failed. Compare address and fingerprint by telephone."),
        "trust-unreachable": (THEY, "The participant does not answer at this address.",
            "Ask them to start it; compare the address and port."),
        "trust-no-document": (THEY, "There is no participant document at this address.",
            "It is no connector of ours, or a proxy does not pass `/.well-known` on."),
        "trust-fingerprint": (OPERATOR, "The fingerprint is not that of the key found there.",
            "Compare it by telephone. Do not add them until it is the same."),
        "trust-key-changed": (OPERATOR, "The member is known with another key.",
            "Ask them why. If it is true, remove the old entry and add the new one."),
        "trust-issued-at": (OPERATOR, "The participant's document is dated in the future.", "Check both clocks."),
        # Contracts.
        "not-asked": (NOBODY, "Nobody here is asked about this negotiation now.", "It may be answered already."),
        "terms-changed": (NOBODY, "The terms changed since they were read, so nothing was done.", "Read them again."),
        "not-narrower": (NOBODY, "The terms are not narrower than those that stand.", _READ),
        "policy-refuses": (STEWARD, "Our own policy refuses these terms, whatever people say.",
            "Offer other terms: `concord approvals counter ID`."),
        "selection-unknown": (THEY, "The selection of data that stands is not known here.", "Have them send it again."),
        "not-permitted": (STEWARD, "The changed terms are beyond what the dataset offers and the study asks for.",
            "Propose terms within both."),
        "not-ours-to-resume": (THEY, "Only the side that paused a transfer can let it go on.", "Ask them."),
        "not-suspended": (NOBODY, "This contract does not rest.", "Nothing."),
        "still-overdue": (DPO, "Withdrawals are still not answered by this recipient.",
            "Have each answered, or note its answer: `concord withdrawals note`."),
        "not-by-hand": (DPO, "This recipient answers by itself, signed.", "Wait for its statement."),
        "purpose-needed": (RESEARCHER, "The study has several purposes.", "Choose one with `--purpose`."),
        "provider-away": (THEY, "The provider cannot be reached now.",
            "Try again later; `concord doctor` tries everybody."),
        "provider-refused": (THEY, "The provider does not show us its catalogue.",
            "Ask whether they know us and our key."),
        "catalogue-not-understood": (THEY, "The provider's catalogue cannot be read.", "Ask for their version."),
        "code-not-accepted": (STEWARD, "A data use code is none we know.", "Write codes such as HMB or GS:EU."),
        "description-not-accepted": (STEWARD, "The description of a dataset cannot be used.", _READ),
        "purpose-unknown": (STEWARD, "A purpose is none of the vocabulary.", _READ),
        "study-not-accepted": (RESEARCHER, "A study request does not have the form it needs.", _READ),
        "no-study": (STEWARD, "There is no such study request here.", "See the list: `concord study list`."),
        "not-yet": (NOBODY, "It is too early for this.", _READ),
    }
)  # fmt: skip
