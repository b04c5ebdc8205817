"""What concerns a person: asked for a review, decided on, commented, mentioned, assigned; and what happened in a workspace."""
