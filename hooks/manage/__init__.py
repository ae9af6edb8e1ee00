"""Writing the hooks of an organization."""
