"""One server for every client: many dialects, one request type, one scheduler per model."""
