"""The actions: what each makes of an event, with its fields, defaults and presets."""
