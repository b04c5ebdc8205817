"""Secrets: values that no file may hold and no answer shows, encrypted with the installation's keys."""
