"""A small shop with real Analytics.js: an origin of its own, nothing of ours on it but the snippet."""
