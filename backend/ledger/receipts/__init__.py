"""Receipts: a POST that creates may be sent twice and happens once (Idempotency-Key)."""
