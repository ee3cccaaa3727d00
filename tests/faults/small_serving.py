"""`concord serve` with small segments, for a process that is told to stop as an operator would tell it."""

from __future__ import annotations

import os
import sys

from connector.cli import main
from connector.services.releasing import planning

if __name__ == "__main__":
    planning.TARGET = int(os.environ.get("SEGMENT", planning.TARGET))
    sys.argv[1:] = ["serve", "--directory", os.environ["CONCORD_DIRECTORY"]]
    main()
