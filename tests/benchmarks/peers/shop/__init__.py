"""What happens in the peers' world."""
