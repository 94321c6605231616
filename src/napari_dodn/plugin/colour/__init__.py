"""The Colour rendering panel."""
