"""Learning from a sharper picture of a cube's scene, where no sharper cube is at hand.

The picture is placed on a grid as fine as the result (`places`, `registration`), a regression
learns what spectra its colours stand for (`regression`), and what it says is made consistent with
the cube (`pseudo_truth`). The student learns from the cube to this pseudo-truth.
"""
