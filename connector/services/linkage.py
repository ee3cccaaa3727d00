"""One code at every holder, for those who agreed to it: the wallet's token, kept sealed, and the key made of it.

A person's key in a contract is normally this holder's own (`connector.vault.domains`). Where the person agreed to
linking, it follows from the token that their wallet gave every holder, the study and the recipient: so two holders give
this recipient the same code in this study, and nobody else anything that could be joined. A key that stands already
stays, since what was received under it must be erasable by it.
"""

from __future__ import annotations

from collections.abc import Mapping

from connector.ports import PersonCoder, Transaction
from connector.records import Agreement
from connector.services.chains import domain_of
from connector.services.context import Context
from connector.services.sealed import SealedInTransaction
from policy.consent import ALLOWING, ConsentRecord

_DOMAIN = "linkage"


def keep(tx: Transaction, context: Context, link: str, record: ConsentRecord, token: str | None) -> None:
    """What a version of a consent says about linking: keep its token, or destroy the one that was there."""
    domain, name = context.vault.domain(_DOMAIN, SealedInTransaction(tx)), _name(link, record.study)
    domain.destroy(name)
    if token is not None and record.state in ALLOWING:
        domain.adopt(name, token.encode())


def coders_of(
    tx: Transaction, context: Context, agreement: Agreement, links: Mapping[str, str]
) -> dict[str, PersonCoder]:
    """The coders of people under a contract, by person; `links` names each one's link (empty: none)."""
    store = SealedInTransaction(tx)
    domain = context.vault.domain(domain_of(agreement), store)
    study = agreement.study or ""
    if study:
        tokens = context.vault.domain(_DOMAIN, store)
        label = f"linked person\0{study}\0{agreement.counterparty}".encode()
        named = {_name(link, study): person for person, link in links.items() if link}
        for name, key in tokens.derived(named, label).items():
            domain.adopt(named[name], key)
    return dict(domain.people(links))


def _name(link: str, study: str) -> str:
    return f"{link}|{study}"
