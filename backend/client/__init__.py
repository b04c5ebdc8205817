"""The command line's other half: what talks to a server over its API, from any machine. Knows nothing of the server's inside."""
