"""Webhooks out: facts sent to the endpoints that an organisation named, signed, retried, and told of."""
