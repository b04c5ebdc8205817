"""Databases: looking into a session's databases, and changing them where asked to."""
