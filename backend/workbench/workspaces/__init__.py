"""Workspaces: projects, each with its repositories and sessions."""
