"""The audit log: who did what to an organisation, from where; kept for good, chained by hashes."""
