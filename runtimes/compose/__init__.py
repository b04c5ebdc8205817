"""The compose specification, as far as one session's stack goes: read, checked, edited. Pure: no engine, no network."""
