"""Webhooks in: events of GitHub, GitLab, Bitbucket, Linear and Sentry, verified, kept once, and turned into tasks by rules."""
