"""Mirrors: a pull request kept in step with its twin at GitHub, GitLab or Bitbucket."""
