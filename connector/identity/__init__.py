"""Who is who: participants, who sign what they say with their own key, and people, who sign in by OIDC.

Participants know each other from a members register (`members`, `trust`), filled from signed participant documents
(`document`). `tokens` proves who sent a message, `statements` what somebody declared, `access` who may pull data.
`people` signs people in. Private keys stay in the vault; here only the `Signer` port is used.
"""
