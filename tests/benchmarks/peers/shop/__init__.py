"""The Django app whose events the peers deliver."""
