"""People sign in by OIDC: `relying_party` is our side of it, `provider` a development provider to have the other side.

Both are framework-free: `connector.api` mounts them and turns their answers into responses.
"""
