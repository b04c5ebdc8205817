"""What must add up: receipts of what was asked once."""
