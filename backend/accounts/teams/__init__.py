"""Teams: groups of an organisation's members that access is given to together."""
