"""What napari and the command line call: readers, writers, samples, windows."""
