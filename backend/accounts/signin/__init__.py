"""Signing in: the first account, sign-up, login, sign-ins and who holds a credential."""
