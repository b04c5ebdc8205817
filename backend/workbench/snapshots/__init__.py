"""Snapshots: the undo of everything destructive."""
