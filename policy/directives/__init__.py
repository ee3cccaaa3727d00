"""Consents that came from elsewhere: FHIR provision trees of R4 and R5, read, judged, explained."""
