"""Refuses to run when one of Concord's root names is somebody else's package.

The five packages have plain names (`policy`, `contracts`, ...), and another distribution may install a package of the
same name. Python would then import the stranger without a word, and the stranger would decide who may see what. So the
first thing an entry point does is look where each name comes from: all five must lie side by side.
"""

import importlib.util
from collections.abc import Iterable
from pathlib import Path

ROOT_NAMES = ("policy", "catalog", "contracts", "connector", "consent_ui")
"""The import packages of Concord, lowest floor first."""


class ForeignPackageError(RuntimeError):
    """A root name resolves to nothing, or to a package that is not part of this installation.

    `name` is the root name, `found` the folder it resolved to (None when it resolved to nothing).
    """

    def __init__(self, name: str, found: Path | None, expected: Path) -> None:
        """Say what was found, where it should have been, and what to do about it."""
        self.name, self.found = name, found
        what = f"is taken by another package, in `{found}`" if found else "cannot be imported"
        super().__init__(
            f"the package name `{name}` {what}; Concord's own lies in `{expected}`: "
            "install Concord in an environment of its own (pipx or the container does) and start it from there"
        )


def require_own_packages(names: Iterable[str] = ROOT_NAMES, home: Path | None = None) -> None:
    """Raise `ForeignPackageError` unless every name in `names` is a package directly inside `home`.

    `home` is the folder that holds this package, unless a test says otherwise. Nothing is imported by the check.
    """
    home = (home or Path(__file__).parent.parent).resolve()
    for name in names:
        found = _folder_of(name)
        if found != home / name:
            raise ForeignPackageError(name, found, home / name)


def _folder_of(name: str) -> Path | None:
    """The folder the import system would take `name` from."""
    try:
        found = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    if found is None:
        return None
    if found.origin:
        origin = Path(found.origin).resolve()
        return origin.parent if origin.name == "__init__.py" else origin
    return next((Path(place).resolve() for place in found.submodule_search_locations or ()), None)
