"""What the libraries of the field send: payloads after their shapes, and real libraries."""
