"""File > IO Utilities > Open a cube: any file or folder, and what is doubtful about it settled."""
