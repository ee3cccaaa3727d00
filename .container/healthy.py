"""Exit 0 when the participant in the directory named on the command line is ready to serve, 1 otherwise.

Standard library only. Asks over loopback, so the certificate of the public name is not checked.
"""

import os
import ssl
import sys
import tomllib
import urllib.request
from pathlib import Path


def address(directory: Path) -> str:
    """Where the participant answers, by the same two sources as its settings: the environment, then concord.toml."""
    written = tomllib.loads((directory / "concord.toml").read_text(encoding="utf-8"))

    def setting(name: str, otherwise: object) -> object:
        return os.environ.get(f"CONCORD_{name.upper()}") or written.get(name, otherwise)

    scheme = "https" if setting("tls_certificate", "") else "http"
    return f"{scheme}://127.0.0.1:{setting('port', 8080)}/health/ready"


def ready(directory: Path) -> bool:
    """Whether the participant says so itself; every failure to hear it means no."""
    unchecked = ssl._create_unverified_context()  # noqa: S323  loopback, no secret is sent
    try:
        with urllib.request.urlopen(address(directory), timeout=4, context=unchecked) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (OSError, ValueError):
        return False


if __name__ == "__main__":
    sys.exit(0 if ready(Path(sys.argv[1])) else 1)
