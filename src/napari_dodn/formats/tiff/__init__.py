"""TIFF, GeoTIFF, BigTIFF and OME-TIFF, with what GDAL and products say beside the pixels."""
