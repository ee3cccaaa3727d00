"""What a recipient holds: the manifests of its files, what was made of them, and how it answers a withdrawal."""
