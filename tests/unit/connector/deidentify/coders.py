"""A coder for tests: keyed like the real one, made of nothing but the standard library."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import date
from hashlib import sha256

from connector.deidentify import Deidentifier, load_profile

AS_OF = date(2026, 11, 22)


@dataclass(frozen=True)
class KeyedPerson:
    key: bytes
    days: int

    @property
    def code(self) -> str:
        return self._keyed("code")

    def id(self, resource_type: str, resource_id: str) -> str:
        return self._keyed(f"{resource_type}/{resource_id}")

    def _keyed(self, text: str) -> str:
        return hmac.digest(self.key, text.encode(), "sha256").hex()[:32]


@dataclass(frozen=True)
class Domain:
    """The pseudonyms of one agreement, by its key."""

    key: bytes = b"one agreement"
    days: int | None = None

    def person(self, person: str) -> KeyedPerson:
        key = hmac.digest(self.key, person.encode(), "sha256")
        drawn = int.from_bytes(sha256(key).digest()[:4]) % 360 - 180
        return KeyedPerson(key, self.days or (drawn if drawn < 0 else drawn + 1))


def research(days: int | None = None, key: bytes = b"one agreement") -> Deidentifier:
    return Deidentifier(load_profile("research-standard"), Domain(key, days), as_of=AS_OF)
