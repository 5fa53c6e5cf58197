"""Myna on Ray Serve: one ingress that speaks all dialects, and replicas that compute."""
