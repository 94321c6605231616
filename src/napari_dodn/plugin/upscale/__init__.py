"""The Super-resolution panel."""
