"""`python -m napari_dodn` is the command line."""

from napari_dodn.cli import main

main()
