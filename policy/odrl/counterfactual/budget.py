"""How much may be looked at: counted in tests of terms, never by the clock, so that one question has one answer."""


class SpentError(Exception):
    """All that may be looked at has been looked at."""


class Budget:
    """Counts what is looked at."""

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left

    def spend(self, count: int) -> None:
        """Take so much off. Raises :class:`SpentError` once nothing is left."""
        if self.left <= 0:
            raise SpentError
        self.left -= count
