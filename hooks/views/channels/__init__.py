"""Pages about a user's own channels."""
