"""Previews of what would be sent, and checks of tokens, before anything is sent."""
