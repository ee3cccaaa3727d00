"""A process that serves collects garbage seldom, and its threads take short turns."""

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]
SCRIPT = """
import gc, sys
from connector.pace import steady
steady()
print(gc.get_freeze_count() > 1000, gc.get_threshold()[0] >= 10_000, sys.getswitchinterval() <= 0.001, gc.isenabled())
"""


def test_what_is_loaded_is_left_alone_and_turns_are_short():
    answer = subprocess.run([sys.executable, "-c", SCRIPT], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["True"] * 4
