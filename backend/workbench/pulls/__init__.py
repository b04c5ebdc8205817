"""Pull requests between sessions: opened, reviewed line by line, merged."""
