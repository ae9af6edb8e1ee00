"""The delivery table as a queue: lanes, wake-ups, outcomes, and what waits."""
