"""The OpenAPI document of the public routes."""
