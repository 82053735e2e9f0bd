"""The Amplitude destination: presets, actions, endpoints, user agents, reading answers."""
