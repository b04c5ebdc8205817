"""Previews: every exposed port of a service at a URL on its own origin, for those who may see it."""
