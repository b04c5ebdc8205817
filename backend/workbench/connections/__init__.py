"""Connections: a caller's own access to GitHub, GitLab or Bitbucket, to list repositories, clone, push and pull."""
