"""The Spectral profiles dock: spectra of pixels, points, regions and libraries in one plot.

Sources (`live`, `pins`, `regions`, `files`) put curves into the store; plot, table and export read
them from there and from nowhere else.
"""
