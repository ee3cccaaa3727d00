"""How identity says no."""


class Unauthenticated(Exception):
    """We do not know who is asking (401). `code` is stable and says which check failed; nothing is quoted."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
