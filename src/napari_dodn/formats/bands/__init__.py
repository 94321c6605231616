"""Folders with an image for each band."""
