"""Where code runs: terminals that outlive the server, processes. Knows no HTTP, no database, no backend."""
