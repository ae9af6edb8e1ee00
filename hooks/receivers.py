"""What hooks do when others tell something."""
