"""What is on disk of a run: its folder, its events and its saved state."""
