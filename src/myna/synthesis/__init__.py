"""Clone a voice, and speak with it."""
