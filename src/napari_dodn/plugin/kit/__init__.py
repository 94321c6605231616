"""What every panel is built from; nothing here knows layers."""
