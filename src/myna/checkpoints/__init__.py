"""Weights: files to and from (spec, tensors)."""
