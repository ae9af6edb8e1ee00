"""My notifications: the grid and what belongs to it."""
