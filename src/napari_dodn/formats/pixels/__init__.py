"""Pixels on the disk: read where they are looked at, written block by block."""
