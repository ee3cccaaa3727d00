"""Sealed secrets in files, one each: for the few keys of the participant itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from connector.vault.errors import VaultFileError
from connector.vault.private_files import private_directory, read_private, remove_private, write_once
from connector.vault.secret import Secret

_FILE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")


class FileSealedStore:
    """A `SealedStore` of files `<name>.key` (mode 0600) in one directory.

    Names are lower-case letters, digits and hyphens. Raises VaultFileError for others and for files others can read.
    """

    def __init__(self, directory: Path) -> None:
        private_directory(directory)
        self._directory = directory

    def get(self, names: Iterable[str]) -> dict[str, bytes]:
        """See the port."""
        found = {name: read_private(self._path(name)) for name in names}
        return {name: sealed.reveal() for name, sealed in found.items() if sealed is not None}

    def put(self, sealed: Mapping[str, bytes]) -> dict[str, bytes]:
        """See the port."""
        for name, value in sealed.items():
            write_once(self._path(name), Secret(value))
        return self.get(sealed)

    def delete(self, names: Iterable[str]) -> int:
        """See the port."""
        return sum([remove_private(self._path(name)) for name in names])

    def names(self) -> list[str]:
        """The names there are, sorted."""
        return sorted(file.stem for file in self._directory.glob("*.key") if _FILE_NAME.fullmatch(file.stem))

    def _path(self, name: str) -> Path:
        if not _FILE_NAME.fullmatch(name):
            raise VaultFileError("the name of a key is lower-case letters, digits and hyphens")
        return self._directory / f"{name}.key"
