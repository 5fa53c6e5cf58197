"""Many lines at once: a script becomes a folder of recordings, resumable and told line by line."""
