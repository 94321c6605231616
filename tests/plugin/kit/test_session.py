"""What the window says where the library speaks of options and commands."""

import errno
import os

from napari_dodn.errors import UserError
from napari_dodn.plugin.kit.session import in_window_words, sentence


def test_an_option_of_reading_is_a_field_in_the_window():
    said = in_window_words("There; 'convert --white W.hdr --dark D.hdr' makes reflectance.")
    assert said == "There; 'White' and 'Dark' in 'Open a cube' make reflectance."
    said = in_window_words("read as 'yxb'; the option 'axes' (--axes) decides.")
    assert said == "read as 'yxb'; the field 'Axes' of 'Open a cube' decides."


def test_an_error_may_have_other_words_for_the_window():
    error = UserError("start over (--overwrite)")
    assert sentence(error, "Writing") == "start over (--overwrite)"
    error.in_window = "press Run again"
    assert sentence(error, "Writing") == "press Run again"


def test_an_error_of_the_system_is_told_with_what_to_do():
    error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "a.csv")
    said = "Writing a.csv failed: its disk is full; free some space and try again."
    assert sentence(error, "Writing a.csv") == said
