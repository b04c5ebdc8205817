"""Language servers of a session, shared by all who have it open."""
