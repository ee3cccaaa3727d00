"""What is said of a resource that cannot be read as a consent at all."""


class DirectiveError(ValueError):
    """A resource cannot be read as a consent, or a consent cannot be written; `code` says why, `pointer` where.

    The pointer is a JSON pointer; the error never holds a value.
    """

    def __init__(self, code: str, pointer: str = "") -> None:
        super().__init__(f"{code} at {pointer or '/'}")
        self.code = code
        self.pointer = pointer
