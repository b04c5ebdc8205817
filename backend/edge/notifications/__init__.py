"""What concerns a person – reviews, decisions, comments, mentions, tasks, invitations – and what happened in a workspace."""
