"""Where sealed secrets are kept: a port with three acts, and an in-memory twin of the real stores.

Names say nothing about people: the vault makes them (`DomainCoder.secret_name`), or they name a key of the house.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol


class SealedStore(Protocol):
    """Sealed secrets by name. Each act takes many names, so that a release of ten thousand people is one query."""

    def get(self, names: Iterable[str]) -> dict[str, bytes]:
        """The sealed secrets under those of the names that exist."""

    def put(self, sealed: Mapping[str, bytes]) -> dict[str, bytes]:
        """Keep each under its name unless the name is taken; return what then stands under every name.

        Two writers at once get the same answer: the first one's secret.
        """

    def delete(self, names: Iterable[str]) -> int:
        """Destroy the secrets under these names; return how many there were."""


class MemorySealedStore:
    """A `SealedStore` that forgets when the process ends."""

    def __init__(self) -> None:
        self._sealed: dict[str, bytes] = {}

    def get(self, names: Iterable[str]) -> dict[str, bytes]:
        """See the port."""
        return {name: self._sealed[name] for name in names if name in self._sealed}

    def put(self, sealed: Mapping[str, bytes]) -> dict[str, bytes]:
        """See the port."""
        return {name: self._sealed.setdefault(name, value) for name, value in sealed.items()}

    def delete(self, names: Iterable[str]) -> int:
        """See the port."""
        return sum(self._sealed.pop(name, None) is not None for name in names)
