"""How the documentation is built: `make docs`."""

from __future__ import annotations

import warnings

from napari_dodn import __version__

project = "napari-dodn"
author = "the napari-dodn developers"
release = __version__
html_title = project

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = [
    "_build",
    "_templates",
    "tutorials/*.ipynb",
    "tutorials/*.py",
    "tutorials/*.zip",
]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4
suppress_warnings = ["config.cache"]  # the order of the tutorials is a function

autodoc_typehints = "none"  # types stand in the docstrings
autodoc_member_order = "bysource"
autosummary_generate = True
napoleon_numpy_docstring = True
napoleon_use_ivar = True

html_theme = "pydata_sphinx_theme"
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": [],
}
copybutton_prompt_text = ">>> "

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "tutorials",
    "filename_pattern": r"\.py",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "remove_config_comments": True,
    "plot_gallery": "True",
}

# What the tutorials draw is saved by the gallery; nothing is shown on a screen.
warnings.filterwarnings("ignore", message="FigureCanvasAgg is non-interactive")
