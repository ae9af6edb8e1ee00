"""The channels of one user."""
