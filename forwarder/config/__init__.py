"""The configuration: read from a file and the environment, checked as a whole, each mistake named at once."""
