"""JavaScript's own rules, and npm packages of the reference run in an engine: what makes answers equal."""
