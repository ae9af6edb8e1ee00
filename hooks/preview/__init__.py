"""What would be sent, and whether a token is valid, before anything is sent."""
