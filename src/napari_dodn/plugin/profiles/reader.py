"""Spectra of single pixels: at once where that is quick, else in a thread, latest wish first."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import psygnal
from napari.layers import Layer

from napari_dodn.jobs import Progress, Steps
from napari_dodn.plugin.kit.job import Cancelled, Failure, Job
from napari_dodn.plugin.profiles.cubes import Pixel
from napari_dodn.spectra.profiles import point_spectrum

QUICK_S = 0.016
"""What the window can spare for a spectrum: a frame."""

PATIENCE = 3
"""Slow spectra in a row after which a thread reads a layer: the first ones warm up the disk."""

LINGER_S = 0.3
"""How long the thread waits for another wish before it goes."""


Receiver = Callable[[np.ndarray], None]


@dataclass(frozen=True)
class _Read(Progress):
    """A spectrum that has come, on the way to others."""

    key: Hashable
    receive: Receiver
    spectrum: np.ndarray


class SpectrumReader:
    """Reads spectra for whoever asks.

    A wish has a key; one that is not yet being read is replaced by a newer one of its key.

    `failed` is emitted with the exception of a spectrum that could not be read.
    """

    failed = psygnal.Signal(Exception)

    def __init__(self) -> None:
        self._wishes: dict[Hashable, tuple[Pixel, Receiver]] = {}
        self._expected: set[Hashable] = set()
        self._wished = threading.Condition()
        self._delays: WeakKeyDictionary[Layer, int] = WeakKeyDictionary()
        self._job: Job[None] | None = None
        self._closed = False

    def read(self, key: Hashable, pixel: Pixel, receive: Receiver) -> np.ndarray | None:
        """Return the spectrum of a pixel, or None and hand it over later, in the same thread.

        Parameters
        ----------
        key : hashable
            What the spectrum is for.
        pixel : Pixel
            Where it is.
        receive : callable
            Given the spectrum where it could not be returned.

        Returns
        -------
        numpy.ndarray or None
            float64, shape (bands,), NaN where a value is invalid.
        """
        if self._is_quick(pixel):
            self.forget(key)
            return self._read_here(pixel)
        with self._wished:
            self._wishes.pop(key, None)
            self._wishes[key] = pixel, receive
            self._wished.notify()
        self._expected.add(key)
        self._work()
        return None

    def forget(self, key: Hashable) -> None:
        """Take a wish back; its spectrum is not handed over any more."""
        self._expected.discard(key)
        with self._wished:
            self._wishes.pop(key, None)

    def close(self) -> None:
        """Take all wishes back and let the thread go."""
        self._expected.clear()
        with self._wished:
            self._wishes.clear()
            self._closed = True
            self._wished.notify()
        if self._job is not None:
            self._job.abandon()
            self._job = None

    def _is_quick(self, pixel: Pixel) -> bool:
        return (
            isinstance(pixel.cube.data, np.ndarray) and self._delays.get(pixel.layer, 0) < PATIENCE
        )

    def _read_here(self, pixel: Pixel) -> np.ndarray | None:
        started = time.perf_counter()
        try:
            return point_spectrum(pixel.cube, pixel.y, pixel.x)
        except OSError as error:  # the disk went away
            self.failed.emit(error)
            return None
        finally:
            slow = time.perf_counter() - started > QUICK_S
            self._delays[pixel.layer] = self._delays.get(pixel.layer, 0) + 1 if slow else 0

    # The thread

    def _work(self) -> None:
        if self._job is None:
            self._job = Job(self._spectra, "Reading spectra")
            self._job.progressed.connect(self._on_spectrum)
            self._job.then(self._on_ended)

    def _spectra(self, cancelled: Callable[[], bool]) -> Steps[None]:
        while not cancelled():
            with self._wished:
                if not self._wishes and not self._wished.wait_for(self._called, LINGER_S):
                    return
                if not self._wishes:
                    return
                key = next(reversed(self._wishes))
                pixel, receive = self._wishes.pop(key)
            spectrum = point_spectrum(pixel.cube, pixel.y, pixel.x)
            yield _Read(0, 0, "", key, receive, spectrum)

    def _called(self) -> bool:
        return bool(self._wishes) or self._closed

    def _on_spectrum(self, read: _Read) -> None:
        if read.key in self._expected:
            read.receive(read.spectrum)

    def _on_ended(self, outcome: Failure | Cancelled | None) -> None:
        self._job = None
        if isinstance(outcome, Failure):
            self.failed.emit(outcome.error)
        if self._wishes:
            self._work()
