"""Explanations: why somebody was told about an event, or not."""
