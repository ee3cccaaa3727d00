"""What a participant can do: the one place where state is decided; doors (api, portal, cli) only call in here."""
