"""From an event to the deliveries that it owes."""
