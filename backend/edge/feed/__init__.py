"""The feed: one stream of facts to each browser tab or program."""
