"""Signing in by others: GitHub, GitLab, Bitbucket, Google, and any OpenID Connect issuer."""
