"""Organisations: they own everything, and have members with roles."""
