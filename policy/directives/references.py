"""References as FHIR writes them, made comparable: a version, a closing stroke and a server are not the name."""


def plain(reference: str) -> str:
    """Return a reference without the version it may point at; an identifier (``system|value``) stays as it is."""
    return reference if "|" in reference else reference.partition("/_history/")[0].rstrip("/")


def is_local(reference: str) -> bool:
    """Whether a plain reference is of the form ``Type/id``, which means the same wherever it stands."""
    kind, stroke, name = reference.partition("/")
    return bool(stroke and kind and name) and not ("/" in name or "|" in reference or ":" in kind or "#" in kind)


def tail(reference: str) -> str:
    """Return what a plain reference is called on its own server (``Type/id``)."""
    return "/".join(reference.rsplit("/", 2)[-2:])


def may_be(reference: str, names: frozenset[str]) -> bool:
    """Whether a reference that is none of these names may mean the same all the same: nobody can compare them.

    One into a bundle or a resource (``urn:uuid:...``, ``#p``) may be anybody, one to a server whoever is called so.
    """
    one = plain(reference)
    if "|" in one:
        return False
    if one.startswith(("#", "urn:")):
        return True
    return any("|" not in name and tail(name) == tail(one) and ("://" in name) != ("://" in one) for name in names)
