"""Where work happens: workspaces, sessions, files, history, terminals."""
