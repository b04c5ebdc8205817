#!/bin/sh
# Answers git's two questions from the environment, so that a token never stands in a command line or a URL.
case "$1" in
  Username*) printf '%s\n' "$CODEYARD_GIT_USERNAME" ;;
  *) printf '%s\n' "$CODEYARD_GIT_TOKEN" ;;
esac
