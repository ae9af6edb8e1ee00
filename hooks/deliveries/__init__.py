"""The life of one delivery apart from sending: digests, sending again, tests, privacy."""
