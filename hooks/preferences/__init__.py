"""Preferences of a user: notification settings and their effects."""
