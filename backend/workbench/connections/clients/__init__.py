"""One thin client for each provider, behind one contract (contract.py)."""
