"""Organisations end: into the bin with all of their workspaces, out of it, and purged so that nothing is left."""
