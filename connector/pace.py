"""How the interpreter runs a process that serves: set once, when everything it needs is loaded."""

from __future__ import annotations

import gc
import sys

_TURN = 0.0005
"""Seconds a thread may hold the interpreter while another waits. The store's writer lets go at every statement; at
Python's own 5 ms it would stand still behind a busy event loop."""
_YOUNG, _MIDDLE, _OLD = 20_000, 20, 50
"""After how many new objects, young and middle collections the collector looks. By itself it looks every 700, for a
tenth of all the time a message takes."""


def loading() -> None:
    """Collect nothing while a process is being loaded: nearly all of it stays. Ends with `steady`."""
    gc.disable()


def steady() -> None:
    """Take what is loaded out of every later collection, and share the interpreter in short turns."""
    gc.enable()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
    sys.setswitchinterval(_TURN)
