"""The panel that super-resolves every cube of a folder."""
