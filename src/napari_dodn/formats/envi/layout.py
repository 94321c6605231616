"""How an ENVI data file is laid out: sizes, number type, byte order and interleave."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Literal

import numpy as np

from napari_dodn.formats.envi.header import Fields
from napari_dodn.formats.errors import FormatError

DTYPES = {1: "u1", 2: "i2", 3: "i4", 4: "f4", 5: "f8", 12: "u2", 13: "u4", 14: "i8", 15: "u8"}
CODES = {dtype: code for code, dtype in DTYPES.items()}

DTYPES_IN_WORDS = {
    **{np.dtype(dtype).name: code for code, dtype in DTYPES.items()},
    "byte": 1,
    "integer": 2,
    "long integer": 3,
    "floating point": 4,
    "double precision": 5,
    "unsigned integer": 12,
    "unsigned long": 13,
}
"""Number types as numpy and ENVI's own windows call them."""

STORED_AXES = {"bsq": "byx", "bil": "ybx", "bip": "yxb"}
INTERLEAVES_IN_WORDS = {
    "band sequential": "bsq",
    "band interleaved by line": "bil",
    "band interleaved by pixel": "bip",
}
BYTE_ORDERS: dict[str, Literal["<", ">"]] = {
    **dict.fromkeys(("0", "little endian", "little", "host", "intel", "lsf"), "<"),
    **dict.fromkeys(("1", "big endian", "big", "network", "ieee", "msf"), ">"),
}
"""What stands for a byte order; ENVI's windows call them "Host (Intel)" and "Network (IEEE)"."""


class Layout:
    """How a data file is laid out, as its header says.

    Attributes
    ----------
    shape : dict
        Length of the axes b, y and x.
    dtype : numpy.dtype
        With the byte order of the file.
    interleave : str
        "bsq", "bil" or "bip".
    offset : int
        Bytes before the pixels.
    compressed : bool
        Whether the data file is compressed by gzip.
    whole_bands : int
        How many bands the data file holds in full; see `fit`.
    notes : list of str
        What the header left open.

    Raises
    ------
    FormatError
        If the header says nothing, or nothing possible, or describes something else than a cube.
    """

    def __init__(self, header: Path, fields: Fields) -> None:
        self._header = header
        self._fields = {name.casefold().replace("_", " "): fields[name] for name in fields}
        self.notes: list[str] = []
        self.compressed = self._text("file compression") not in ("", "0")
        self._refuse_other_kinds()
        self.shape = {
            "b": self._whole_number("bands", least=1),
            "y": self._lines(),
            "x": self._whole_number("samples", least=1),
        }
        self.bands = self.whole_bands = self.shape["b"]
        self.offset = self._whole_number("header offset", least=0, default=0)
        self.interleave = self._interleave()
        self.dtype = self._dtype()

    @property
    def size(self) -> int:
        """Bytes of the data file, as far as the header describes it."""
        return self.offset + math.prod(self.shape.values()) * self.dtype.itemsize

    def fit(self, size: int) -> bool:
        """Take the number of lines that a data file has in all, where the header says another.

        In a band sequential file, another number of lines would move all bands but the first. So
        the header counts there: the last bands are missing, or the last bytes belong to no pixel.

        Parameters
        ----------
        size : int
            Bytes of the data file.

        Returns
        -------
        bool
            False where neither the header nor whole lines explain the size.
        """
        line = self.shape["b"] * self.shape["x"] * self.dtype.itemsize
        lines, rest = divmod(size - self.offset, line)
        said = self.shape["y"]
        if lines < 1:
            return False
        if lines == said:
            return True  # what is left belongs to no pixel
        if self.interleave == "bsq" and said:
            return lines > said or self._fit_missing_bands(size)
        if self.interleave == "bsq" and rest:
            return False
        if lines > said > 0 and rest:
            return True  # no whole lines follow, but something else
        self.shape["y"] = lines
        of_header = f"not the {said:,} of its header" if said else "and its header says no number"
        self.notes.append(f"The data file has {lines:,} whole lines, {of_header}.")
        return True

    def _fit_missing_bands(self, size: int) -> bool:
        """Take the bands that a band sequential file holds in full; False where there is none."""
        band = self.shape["y"] * self.shape["x"] * self.dtype.itemsize
        self.whole_bands = (size - self.offset) // band
        missing = self.bands - self.whole_bands
        which = "band is" if missing == 1 else f"{missing:,} bands are"
        self.notes.append(
            f"The data file is cut off or its header wrong: its last {which} incomplete and"
            f" count{'s' * (missing == 1)} as bad."
        )
        return self.whole_bands > 0

    def _refuse_other_kinds(self) -> None:
        kind = self._text("file type").casefold()
        for word, what in (
            ("library", "a spectral library"),
            ("classification", "a classification map"),
            ("meta", "a list of other files"),
            ("virtual", "a list of other files"),
            ("tiff", "a TIFF file"),
        ):
            if word in kind:
                raise FormatError(f"{self._header} describes {what}, not a cube.")
        for name in ("major frame offsets", "minor frame offsets"):
            value = self._fields.get(name, [])
            if any(
                item not in ("0", "") for item in ([value] if isinstance(value, str) else value)
            ):
                raise FormatError(f"{self._header} has '{name}', which cannot be read.")

    def _text(self, name: str) -> str:
        """Return a field's value in one line, without quotation marks or a comment behind it."""
        value = self._fields.get(name, "")
        text = " ".join((value if isinstance(value, str) else ", ".join(value)).split())
        text = re.split("[;#]", text)[0].strip().strip("\"',").strip()
        return re.sub(r"(?<=\S)\s*\(.*\)$", "", text)

    def _lines(self) -> int:
        """Return the number of lines; 0, all that the file has, where the header says none."""
        if not re.match(r"\+?\d", self._text("lines")):
            return 0
        return self._whole_number("lines", least=0)

    def _whole_number(self, name: str, *, least: int, default: int | None = None) -> int:
        text = self._text(name)
        if not text:
            if default is None:
                raise FormatError(f"{self._header} does not say '{name}'.")
            return default
        number = re.fullmatch(r"([-+]?\d+)(?:\.0*)?(?:e\+?0+)?(?:\s+[a-z]+)?", text, re.IGNORECASE)
        if number is None:  # 6.0 and "6 bands" are whole numbers, too
            raise FormatError(
                f"{self._header} has '{text}' as {name}, which is not a whole number."
            )
        value = int(number[1])
        if value < least:
            raise FormatError(f"{self._header} has {value} as {name}; it must be at least {least}.")
        return value

    def _interleave(self) -> str:
        text = " ".join(self._text("interleave").lower().split())
        text = INTERLEAVES_IN_WORDS.get(text, text)
        if not text:
            self.notes.append("The header does not say its interleave; it is read as BSQ.")
            return "bsq"
        if text not in STORED_AXES:
            raise FormatError(
                f"{self._header} has '{text}' as interleave; it must be BSQ, BIL or BIP."
            )
        return text

    def _byte_order(self) -> Literal["<", ">"] | None:
        """Return the byte order, None where the header does not say it."""
        text = re.sub(r"\.0*$", "", self._text("byte order")).casefold()
        text = re.sub(r"[\s_-]+", " ", text)
        if text and text not in BYTE_ORDERS:
            raise FormatError(f"{self._header} has '{text}' as byte order; it must be 0 or 1.")
        return BYTE_ORDERS.get(text)

    def _dtype(self) -> np.dtype:
        text = " ".join(self._text("data type").lower().split())
        code = DTYPES_IN_WORDS.get(text) or self._whole_number("data type", least=0)
        if code in (6, 9):
            raise FormatError(
                f"{self._header} describes complex numbers; a cube holds real numbers."
            )
        if code not in DTYPES:
            raise FormatError(f"{self._header} has {code} as data type, which ENVI does not know.")
        dtype = np.dtype(DTYPES[code])
        order = self._byte_order()
        if not order and dtype.itemsize > 1:
            self.notes.append(
                "The header does not say its byte order; it is read as little-endian."
            )
        return dtype.newbyteorder(order or "<")
