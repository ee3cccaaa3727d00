"""The file that names an object store: TOML, readable by its owner alone, since it holds the keys of the store."""

from __future__ import annotations

import os
import stat
import tomllib
from pathlib import Path

from connector.problems import Problem, invalid

_NEEDED = ("endpoint", "bucket", "access_key", "secret_key")
_KNOWN = (*_NEEDED, "prefix", "region", "session_token", "format")
_OTHERS = 0o077


def stated_store(path: Path) -> dict[str, str]:
    """What the file says, as the management interface takes it. Raises Problem 400, which repeats no value."""
    try:
        with path.open("rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & _OTHERS:
                raise invalid("Others can read this file, and it holds keys", "--push-s3", "mode 0600")
            said = tomllib.load(file)
    except (OSError, ValueError):
        raise Problem(400, "invalid", "The file cannot be read", "", "--push-s3", "a TOML file") from None
    wrong = [name for name in (*_NEEDED, *said) if name not in _KNOWN or not isinstance(said.get(name), str)]
    if wrong:
        accepted = f"texts under {', '.join(_NEEDED)}, and of {', '.join(_KNOWN[len(_NEEDED) :])} those that are wanted"
        raise invalid("The file does not name an object store", wrong[0][:40], accepted)
    return {name: str(value) for name, value in said.items()}
