"""What belongs to spectra and to no file format: units of wavelength, colour."""
