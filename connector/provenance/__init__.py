"""Evidence: the append-only Merkle log (RFC 6962), its checkpoints and verification, and the provenance of releases.

Pure parts only: rows come from and go to `connector.storage`, keys stay in `connector.vault`.
"""
