"""Making and removing workspaces: rows, repositories and sessions together."""
