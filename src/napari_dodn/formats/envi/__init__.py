"""ENVI: a text header beside a raw data file; spectral libraries in the same layout."""
