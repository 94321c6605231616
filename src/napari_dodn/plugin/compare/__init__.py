"""The Compare and map panel."""
