"""Sessions: branch-like lines of work, each with its own working copy."""
