"""Wavelengths as files have them: in text, or as numbers under a name."""
