"""Answering other systems at the point of care: CDS Hooks about consents."""
