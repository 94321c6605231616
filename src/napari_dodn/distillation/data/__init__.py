"""From files to patches: cubes, the privileged images of the teacher, and what is held out."""
