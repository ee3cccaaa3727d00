"""The consent exchange: study requests, links, consents, withdrawals, statements and uses between connectors."""
