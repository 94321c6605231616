"""Cubes in a viewer: layers and what their metadata say, pictures, places, axes."""
