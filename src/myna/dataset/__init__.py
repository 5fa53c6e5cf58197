"""Recordings become clips with words, and clips become features, in stages that can be resumed."""
