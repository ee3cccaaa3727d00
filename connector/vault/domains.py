"""Pseudonym domains: the keys people's codes come from, and their destruction (crypto-erasure).

A person's key in a domain = HMAC(key of the domain, random 256-bit secret of that person in that domain). The key of
the domain is derived from the master secret; the person's secret exists only sealed in the store. Destroying it is
the first proof of erasure: without it nobody, we included, can compute the code, the date shift or an id again.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable

from connector.vault.coders import KeyedIds, PersonCoder
from connector.vault.sealing import KEY_BYTES, Sealer
from connector.vault.secret import Hidden, Secret
from connector.vault.stores import SealedStore

_ADOPTED = b"adopted\0"
"""Stands before a key that was not made here."""


class DomainCoder(Hidden):
    """The people of one domain. Made by the vault; works on the store given to it, within its transaction if any.

    `secret_name` is where a person's sealed secret lies, so that a store can destroy it together with other changes.
    """

    __slots__ = ("_domain_key", "_naming_key", "_sealer", "_store", "domain")

    def __init__(self, domain: str, domain_key: Secret, naming_key: Secret, sealer: Sealer, store: SealedStore) -> None:
        self.domain = domain
        self._domain_key = domain_key
        self._naming_key = naming_key
        self._sealer = sealer
        self._store = store

    def person(self, person_id: str) -> PersonCoder:
        """The coder of one person, who gets a secret here if they have none. Raises SealBrokenError."""
        return self.people([person_id])[person_id]

    def people(self, person_ids: Iterable[str]) -> dict[str, PersonCoder]:
        """The coders of many people, with two calls of the store. Raises SealBrokenError."""
        names = {person_id: self.secret_name(person_id) for person_id in person_ids}
        sealed = self._store.get(names.values())
        missing = [name for name in names.values() if name not in sealed]
        if missing:
            sealed |= self._store.put({name: self._fresh(name) for name in missing})
        return {person_id: self._coder(name, sealed[name]) for person_id, name in names.items()}

    def known(self, person_id: str) -> PersonCoder | None:
        """The coder of a person who has a secret here, None otherwise: never makes one. Raises SealBrokenError."""
        return self.known_people([person_id]).get(person_id)

    def known_people(self, person_ids: Iterable[str]) -> dict[str, PersonCoder]:
        """The coders of those who have a secret here, with one call of the store. Raises SealBrokenError."""
        names = {self.secret_name(person_id): person_id for person_id in person_ids}
        return {names[name]: self._coder(name, sealed) for name, sealed in self._store.get(names).items()}

    def holder_of(self, code: str, person_ids: Iterable[str]) -> str | None:
        """Whose code this is among these people; None when nobody's (any more). Raises SealBrokenError.

        The way back: only ever walked for a case that two people approved (`connector.services.reidentifying`).
        """
        known = self.known_people(person_ids).items()
        return next((person for person, coder in known if hmac.compare_digest(coder.code, code)), None)

    def token(self, person_id: str) -> bytes:
        """32 bytes that stand for this person here, to be given to others; no key of ours follows from them."""
        return hmac.digest(self._key(self.secret_name(person_id), self._sealed_of(person_id)), b"token", "sha256")

    def adopt(self, person_id: str, key: bytes) -> None:
        """Let a person's key here be this one (32 bytes), which others know too. A key there is stays."""
        name = self.secret_name(person_id)
        if not self._store.get([name]):
            self._store.put({name: self._sealer.seal(name, Secret(_ADOPTED + key))})

    def derived(self, person_ids: Iterable[str], label: bytes) -> dict[str, bytes]:
        """32 bytes for one use made of each one's key here, of those who have one. Raises SealBrokenError."""
        names = {self.secret_name(person_id): person_id for person_id in person_ids}
        found = self._store.get(names)
        return {names[name]: hmac.digest(self._key(name, sealed), label, "sha256") for name, sealed in found.items()}

    def shared(self) -> KeyedIds:
        """Replaces ids of what belongs to no person (organisations, practitioners, locations), alike for everybody."""
        return KeyedIds(self._keyed(b"shared"))

    def destroy(self, person_id: str) -> bool:
        """Destroy a person's secret for good; False when there was none. A later `person` makes a new one."""
        return self._store.delete([self.secret_name(person_id)]) == 1

    def secret_name(self, person_id: str) -> str:
        """The name a person's sealed secret is stored under: keyed, so that it tells nobody who it is."""
        return "person-" + hmac.digest(self._naming_key.reveal(), person_id.encode(), "sha256").hex()

    def _fresh(self, name: str) -> bytes:
        return self._sealer.seal(name, Secret(secrets.token_bytes(KEY_BYTES)))

    def _coder(self, name: str, sealed: bytes) -> PersonCoder:
        return PersonCoder(self._key(name, sealed))

    def _key(self, name: str, sealed: bytes) -> bytes:
        secret = self._sealer.open(name, sealed).reveal()
        adopted = len(secret) > KEY_BYTES and secret.startswith(_ADOPTED)
        return secret[len(_ADOPTED) :] if adopted else self._keyed(b"person" + secret)

    def _sealed_of(self, person_id: str) -> bytes:
        name = self.secret_name(person_id)
        sealed = self._store.get([name])
        return (sealed or self._store.put({name: self._fresh(name)}))[name]

    def _keyed(self, message: bytes) -> bytes:
        return hmac.digest(self._domain_key.reveal(), message, "sha256")
