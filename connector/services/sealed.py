"""The vault's sealed secrets as records, inside the transaction of whoever needs them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from connector.ports import Transaction
from connector.records import Sealed


class SealedInTransaction:
    """Implements `connector.vault.stores.SealedStore` on one open transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def get(self, names: Iterable[str]) -> dict[str, bytes]:
        """See the port. Asked in portions, since an engine limits the values of one statement."""
        wanted, found = list(names), {}
        for start in range(0, len(wanted), 500):
            for row in self._tx.find(Sealed, name=wanted[start : start + 500]):
                found[row.name] = row.value
        return found

    def put(self, sealed: Mapping[str, bytes]) -> dict[str, bytes]:
        """See the port."""
        standing = self.get(sealed)
        for name, value in sealed.items():
            if name not in standing:
                self._tx.add(Sealed(name=name, value=value))
                standing[name] = value
        return standing

    def delete(self, names: Iterable[str]) -> int:
        """See the port."""
        return sum(self._tx.remove(Sealed, name=name) for name in names)
