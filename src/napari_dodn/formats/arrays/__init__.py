"""Files of named arrays: HDF5, NetCDF-4, Zarr, NumPy and MATLAB."""
