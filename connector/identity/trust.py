"""What an operator does with the members register: add, suspend, remove (`concord trust`).

Adding fetches the participant's own document from the origin the operator typed and believes it only when it is signed
by the key whose fingerprint the operator typed too. An id belongs to its key for good: the same id with the same key
may move to a new origin, the same id with another key is refused, and so is the same key under another id.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from connector.identity.document import PATH, DocumentProblem, ParticipantDocument, read_document
from connector.identity.keys import KeyProblem, read_fingerprint
from connector.identity.members import Member, MembersRegister, Place, Standing
from connector.outbound.answer import Answer
from connector.outbound.faults import OutboundRefused, Unreachable
from connector.outbound.guard import Destination
from connector.outbound.origins import NamedOrigin, Origin

Fetch = Callable[[str, Destination], Awaitable[Answer]]
"""GET an address: `lambda url, to: outbound.get(url, to=to)`. Raises OutboundRefused, Unreachable."""

FUTURE = timedelta(seconds=60)
"""How far two clocks may be apart."""
_REMEMBERED = 32
"""Retired keys of one member whose signatures can still be checked."""


class TrustRefused(Exception):
    """The register was not changed. `code` is stable, the text is one clear line for an operator."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


async def add_member(
    url: str, fingerprint: str, *, fetch: Fetch, register: MembersRegister, now: datetime, allow_http: bool = False,
    new_key: bool = False,
) -> Member:  # fmt: skip
    """Learn to know the participant at `url`, whose key has `fingerprint`, and listen to it from now on.

    Raises TrustRefused. A member that was suspended or removed becomes active again. With `new_key` a known member may
    come with another key than the one we know: it lost that, and its people told the fingerprint of the new one anew.
    """
    named, expected = _typed(url, fingerprint, allow_http)
    document = await _introduced(named, expected, fetch)
    if Origin.parse(document.url) != named.origin:
        raise TrustRefused("origin", "The participant says it lives at another address than the one given")
    if document.issued_at > now + FUTURE:
        raise TrustRefused("issued-at", "The participant's document is dated in the future: check both clocks")
    known = await register.get(document.id)
    await _check_against(document, expected, known, register, new_key=new_key)
    member = _entry(document, expected, allow_http, known.added_at if known else now)
    if known is not None:
        over = tuple(jwk for jwk in known.statement_keys if jwk not in member.keys)
        told = bool(over) or known.said_at is not None or known.keys != member.keys
        said_at = max(document.issued_at, known.said_at or document.issued_at) if told else None
        member = member.model_copy(update={"retired": over, "said_at": said_at})
    await register.put(member)
    return member


async def read_again(member: Member, *, fetch: Fetch, register: MembersRegister, now: datetime) -> Member | None:
    """The member with the keys its own document lists now; None when it says nothing new, or nothing that counts.

    What counts is signed by a key we know already, of the same id at the same address, no older than what was read
    before (or than the entry, where nothing was), and names no key of anybody else and none that is retired: such a
    document was said once, and somebody says it again. A key it lists no more is retired. The register is left alone.
    """
    document = await _followed(member, fetch)
    if document is None or document.id != member.id or document.url != member.origin:
        return None
    since = member.said_at or member.added_at - FUTURE
    if not since <= document.issued_at <= now + FUTURE or any(jwk in document.keys.keys for jwk in member.retired):
        return None
    others = [other for other in await register.all() if other.id != member.id]
    if document.keys.keys == member.keys or any(set(one.fingerprints) & set(document.fingerprints) for one in others):
        return None
    over = tuple(jwk for jwk in member.statement_keys if jwk not in document.keys.keys)
    return member.model_copy(
        update={
            "keys": document.keys.keys, "retired": over[:_REMEMBERED], "fingerprint": document.fingerprints[0],
            "said_at": document.issued_at,
        }
    )  # fmt: skip


async def set_standing(id: str, standing: Standing, *, register: MembersRegister) -> Member:
    """Suspend, remove, or listen again to a known member. Raises TrustRefused when there is none with this id."""
    member = await register.get(id)
    if member is None:
        raise TrustRefused("unknown", "There is no member with this id")
    if standing is Standing.ACTIVE and member.standing is Standing.REMOVED:
        raise TrustRefused("removed", "A removed member is added again with its address and fingerprint")
    changed = member.model_copy(update={"standing": standing})
    await register.put(changed)
    return changed


async def set_place(id: str, place: Place, *, register: MembersRegister) -> Member:
    """Note where a known member is and keeps data. Raises TrustRefused when there is none with this id."""
    member = await register.get(id)
    if member is None:
        raise TrustRefused("unknown", "There is no member with this id")
    changed = member.model_copy(update={"place": place})
    await register.put(changed)
    return changed


def _typed(url: str, fingerprint: str, allow_http: bool) -> tuple[NamedOrigin, str]:
    try:
        return NamedOrigin.parse(url, allow_http=allow_http), read_fingerprint(fingerprint)
    except OutboundRefused as refusal:
        raise TrustRefused("address", f"The address cannot be used: {refusal.reason.value}") from None
    except KeyProblem as problem:
        raise TrustRefused("fingerprint", f"The fingerprint cannot be used: {problem}") from None


async def _introduced(named: NamedOrigin, expected: str, fetch: Fetch) -> ParticipantDocument:
    try:
        answer = await fetch(f"{named.origin}{PATH}?key={expected}", Destination.of_operator(named))
    except OutboundRefused as refusal:
        raise TrustRefused("address", f"The address may not be called: {refusal.reason.value}") from None
    except Unreachable as fault:
        raise TrustRefused("unreachable", f"The participant does not answer: {fault.reason.value}") from None
    if answer.status != 200:
        raise TrustRefused("no-document", f"No participant document there: status {answer.status}")
    try:
        return read_document(answer.body.decode("ascii", "replace").strip(), expected)
    except DocumentProblem as problem:
        if problem.code == "fingerprint":
            raise TrustRefused(
                "fingerprint", "The participant there has another key than the fingerprint says"
            ) from None
        raise TrustRefused("document", f"The participant document is not valid: {problem.code}") from None


async def _followed(member: Member, fetch: Fetch) -> ParticipantDocument | None:
    """The member's document as it is now, signed by a key we know; None for any other answer, or none."""
    try:
        named = member.named
        answer = await fetch(f"{named.origin}{PATH}?key={member.fingerprint}", Destination.of_operator(named))
    except (OutboundRefused, Unreachable):
        return None
    text = answer.body.decode("ascii", "replace").strip() if answer.status == 200 else ""
    for digits in member.fingerprints:
        try:
            return read_document(text, digits)
        except DocumentProblem:
            continue
    return None


async def _check_against(
    document: ParticipantDocument, expected: str, known: Member | None, register: MembersRegister, *, new_key: bool
) -> None:
    if known is not None and not new_key and expected not in {known.fingerprint, *known.fingerprints}:
        raise TrustRefused("key-changed", "A member with this id is known with another key")
    if known is not None and not new_key and any(jwk in document.keys.keys for jwk in known.retired):
        raise TrustRefused("key-retired", "The participant's document lists a key that it had given up before")
    for other in await register.all():
        if other.id == document.id:
            continue
        if set(other.fingerprints) & set(document.fingerprints):
            raise TrustRefused("key-taken", "This key belongs to a member with another id")
        if other.standing is not Standing.REMOVED and other.origin == document.url:
            raise TrustRefused("origin-taken", "This address belongs to a member with another id")


def _entry(document: ParticipantDocument, expected: str, allow_http: bool, added_at: datetime) -> Member:
    return Member(
        id=document.id,
        name=document.name,
        role=document.role,
        origin=document.url,
        dsp=document.dsp,
        consent=document.consent,
        data=document.data,
        keys=document.keys.keys,
        fingerprint=expected,
        allow_http=allow_http,
        speaks=document.speaks,
        added_at=added_at,
    )
