"""Consent to mail: confirming, unsubscribing and suppressing addresses."""
