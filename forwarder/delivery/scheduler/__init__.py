"""The scheduler of one destination: what is sent when. Pure: no clock, network or file."""
