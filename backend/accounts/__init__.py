"""Who may come in: people, organisations, keys, sign-ins, and what they did."""
