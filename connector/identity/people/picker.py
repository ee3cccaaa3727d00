"""The two pages of the development provider: whom to sign in as, and what went wrong. No script, no outside file."""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from html import escape

from connector.identity.people.accounts import Account
from connector.identity.people.answers import NO_STORE, Page

_STYLE = """
:root{--paper:#FBFAF6;--card:#FFFFFF;--ink:#17221F;--muted:#4E5D58;--edge:#6F7D78;--accent:#0A6660;--wait:#7A4B00;
--waitsoft:#FFF1D2}
@media (prefers-color-scheme:dark){:root{--paper:#0F1614;--card:#17201D;--ink:#E9F0ED;--muted:#A9B8B2;--edge:#7F918A;
--accent:#78D3C6;--wait:#F3C66B;--waitsoft:#33270C}}
body{margin:0;background:var(--paper);color:var(--ink);font:17px/1.5 system-ui,sans-serif}
main{max-width:42rem;margin:0 auto;padding:2rem 1rem}
h1{font-size:32px;line-height:1.2;margin:1.5rem 0 .5rem}h2{font-size:19px;margin:2rem 0 .5rem}
.banner{background:var(--waitsoft);color:var(--wait);border-left:6px solid;padding:.75rem 1rem}
ul{list-style:none;margin:0;padding:0}li{margin:.5rem 0}
button{width:100%;box-sizing:border-box;text-align:left;font:inherit;color:inherit;background:var(--card);
border:1px solid var(--edge);border-radius:6px;padding:.75rem 1rem;cursor:pointer}
button strong{color:var(--accent)}button span{display:block;color:var(--muted);font-size:15px}
button:focus-visible{outline:3px solid #FFD447;box-shadow:0 0 0 5px #17221F}
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_BANNER = "This is a development sign-in. There are no passwords: choosing a person signs you in as that person."


def picker_page(accounts: Iterable[Account], fields: Mapping[str, str], hint: str, action: str, back_to: str) -> Page:
    """Ask whom to sign in as; the hinted account stands first. `back_to` is the origin the sign-in returns to."""
    everyone = list(accounts)
    hinted = [account for account in everyone if account.subject == hint]
    groups = ([("Suggested", hinted)] if hinted else []) + _by_role(a for a in everyone if a not in hinted)
    hidden = "".join(f'<input type="hidden" name="{escape(n)}" value="{escape(v)}">' for n, v in fields.items())
    lists = "".join(_group(title, members) for title, members in groups)
    body = f'<h1>Who is signing in?</h1><form method="post" action="{escape(action)}">{hidden}{lists}</form>'
    return _page("Who is signing in?", body, 200, back_to)


def problem_page(text: str, status: int = 400) -> Page:
    """Say what went wrong, to the person in front of the screen."""
    body = f"<h1>This sign-in cannot go on</h1><p>{escape(text)} Nothing was changed. Go back and begin again.</p>"
    return _page("This sign-in cannot go on", body, status, "")


def signed_out_page() -> Page:
    """Say that nobody is signed in any more."""
    body = "<h1>You are signed out</h1><p>You can close this page.</p>"
    return _page("You are signed out", body, 200, "")


def _by_role(accounts: Iterable[Account]) -> list[tuple[str, list[Account]]]:
    groups: dict[str, list[Account]] = {}
    for account in accounts:
        groups.setdefault(account.roles[0] if account.roles else "other", []).append(account)
    return [(role.capitalize(), sorted(members, key=lambda a: a.name)) for role, members in groups.items()]


def _group(title: str, accounts: list[Account]) -> str:
    rows = "".join(
        f'<li><button type="submit" name="account" value="{escape(a.subject)}"><strong>{escape(a.name)}</strong> '
        f"<span>{escape(a.about or ', '.join(a.roles))}</span></button></li>"
        for a in accounts
    )
    return f"<h2>{escape(title)}</h2><ul>{rows}</ul>"


def _page(title: str, body: str, status: int, back_to: str) -> Page:
    html = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{_STYLE}</style></head>'
        f'<body><main><p class="banner">{_BANNER}</p>{body}</main></body></html>'
    )
    # Browsers apply form-action to the redirect that follows a form as well, so the client's origin stands in it.
    policy = (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self' {back_to}; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    return Page(html, status, {**NO_STORE, "content-security-policy": policy})
