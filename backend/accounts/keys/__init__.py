"""API keys: how programs call on behalf of an organisation."""
