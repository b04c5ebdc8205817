"""Templates: projects to start from, each a compose.yaml with what it runs."""
