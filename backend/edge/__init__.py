"""Where the world touches us: streams, health, metrics, the page."""
