"""Tables in files: spectra, and wavelengths beside a cube."""
