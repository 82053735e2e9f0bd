"""The runtime of compiled mappings: directives, templates and Liquid."""
