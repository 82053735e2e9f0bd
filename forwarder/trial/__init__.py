"""What would become of events: accepted, mapped and explained, with nothing kept or sent."""
