"""The demo: a small shop with real Analytics.js, and a faithful fake Amplitude."""
