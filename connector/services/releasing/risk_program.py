"""The program of the process that measures (`python -m connector.services.releasing.risk_program`).

On stdin, one JSON value to a line: the names of the quasi-identifiers, then rows a portion at a time, at last
{"sensitive"}. On stdout: the figures as JSON, {} where they could not be computed; nothing, if stdin ends before that.
It opens no file, and ends with the serving process, whose end closes stdin.
"""

from __future__ import annotations

import os
import resource
import sys
from typing import Any

import orjson

from connector.services.releasing.risk_figures import Measuring, NotMeasured


def main() -> None:
    """Take rows and answer once."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    lines = (orjson.loads(line) for line in sys.stdin.buffer)
    measuring = Measuring(next(lines))
    said: dict[str, Any] | None = None
    try:
        measuring.open()
        for value in lines:
            if isinstance(value, dict):
                said = measuring.figures(sensitive=value["sensitive"]).wire()
                break
            measuring.add(map(tuple, value))
    except NotMeasured:
        said = {}
    if said is not None:
        os.write(sys.stdout.fileno(), orjson.dumps(said))
    # Nothing is left to tidy up, and the engine complains about an orderly end.
    os._exit(0)


if __name__ == "__main__":
    main()
