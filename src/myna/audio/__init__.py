"""Recordings, levels and spectrograms, in numpy."""
