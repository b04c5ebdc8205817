"""How the server is doing: health, readiness, metrics, and the description of its API."""
