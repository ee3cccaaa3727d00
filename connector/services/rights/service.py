"""Rights as the portal and the API call them: exports, opened files, the register."""

from __future__ import annotations

from connector.services.context import Context
from connector.services.rights.exports import Exports
from connector.services.rights.holder_files import HolderFiles
from connector.services.rights.registers import Registers


class Rights:
    """One door to what people and officers may take away."""

    def __init__(self, context: Context) -> None:
        self.exports = Exports(context)
        self.files = HolderFiles(context)
        self.registers = Registers(context)
