"""Terminals: shells in a session that outlive their viewers and the server."""
