"""Version control of a session: status, history, differences, commits, merges, remotes."""
