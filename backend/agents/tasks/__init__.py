"""Tasks: what is to be done in a workspace, by whom, and what it hangs together with."""
