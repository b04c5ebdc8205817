"""Imports: a repository of GitHub, GitLab or Bitbucket as a service of a session, with its own history and remote."""
