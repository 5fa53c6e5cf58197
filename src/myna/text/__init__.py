"""Characters to phonemes; one folder per language."""
