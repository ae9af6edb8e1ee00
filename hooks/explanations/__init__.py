"""Why somebody was told about an event, or not."""
