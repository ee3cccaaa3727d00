"""Countries in words: those of the European Economic Area and their neighbours; any other stays as it is written."""

from types import MappingProxyType

_COUNTRIES = MappingProxyType(
    {
        "AT": "Austria", "BE": "Belgium", "BG": "Bulgaria", "CH": "Switzerland", "CY": "Cyprus", "CZ": "Czechia",
        "DE": "Germany", "DK": "Denmark", "EE": "Estonia", "ES": "Spain", "FI": "Finland", "FR": "France",
        "GB": "the United Kingdom", "GR": "Greece", "HR": "Croatia", "HU": "Hungary", "IE": "Ireland",
        "IS": "Iceland", "IT": "Italy", "LI": "Liechtenstein", "LT": "Lithuania", "LU": "Luxembourg", "LV": "Latvia",
        "MT": "Malta", "NL": "the Netherlands", "NO": "Norway", "PL": "Poland", "PT": "Portugal", "RO": "Romania",
        "SE": "Sweden", "SI": "Slovenia", "SK": "Slovakia", "US": "the United States",
    }
)  # fmt: skip


def place(code: str) -> str:
    """Return the name of a country by its ISO 3166 code; anything else comes back as it is, at a readable length."""
    return _COUNTRIES.get(code, code[:300])
