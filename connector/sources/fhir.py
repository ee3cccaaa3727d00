"""Reading FHIR: files in (`read_bundles`), records out (`prepare`): what the rest of the house uses, in one place.

What a record is worth and who may have it is decided elsewhere.
"""

from connector.sources.fhir_changes import Gone
from connector.sources.fhir_error import SourceError
from connector.sources.fhir_files import Limits, read_bundles
from connector.sources.fhir_people import PersonFacts, identifiers_of
from connector.sources.fhir_pieces import Part, SourceFile
from connector.sources.fhir_reading import Prepared, SourceRecord, prepare

__all__ = [
    "Gone",
    "Limits",
    "Part",
    "PersonFacts",
    "Prepared",
    "SourceError",
    "SourceFile",
    "SourceRecord",
    "identifiers_of",
    "prepare",
    "read_bundles",
]
