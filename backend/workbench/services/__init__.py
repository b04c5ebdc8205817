"""Services: what a session's compose.yaml declares, running."""
