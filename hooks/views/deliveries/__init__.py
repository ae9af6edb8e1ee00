"""Pages about deliveries, and why somebody was told."""
