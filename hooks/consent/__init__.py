"""Whether an address may be mailed: confirming, unsubscribing, suppressing."""
