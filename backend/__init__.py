"""Codeyard: the server. Its table of contents is features.py."""
