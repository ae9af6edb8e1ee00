"""Pages about the hooks of an organization."""
