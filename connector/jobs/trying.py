"""How one try of a push ends when it did not end well: to be tried again, or never."""

from __future__ import annotations

from connector.services.processes.moves import Terminate


class Again(Exception):
    """Not delivered, and worth another try. `counts`: not without end. `shut`: not before something has changed."""

    def __init__(self, why: str, *, counts: bool, shut: bool = False) -> None:
        super().__init__(why)
        self.counts = counts
        self.shut = shut


class Never(Exception):
    """It will not be delivered: code and sentence for the other side."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(code)
        self.move = Terminate(code, (reason,))
