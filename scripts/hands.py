"""Real mouse and keyboard for scripts that drive the window: events of the X server itself.

Nothing is called that a person could not reach: a hand moves to what is on the screen, and is
refused where something else lies over it. Linux with X11 (`xvfb-run`) only.
"""

from __future__ import annotations

import ctypes
import time
import traceback
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import TypeAlias

from qtpy.QtCore import QPoint, QTimer
from qtpy.QtGui import QAction, QGuiApplication
from qtpy.QtWidgets import QAbstractItemView, QApplication, QComboBox, QMenu, QMenuBar, QWidget

Walk: TypeAlias = "Generator[float | Callable[[], object], None, None]"
"""A walk yields seconds to wait, or what must come true before it continues."""

POLL_S, PATIENCE_S = 0.05, 300.0
"""How often a condition is looked at, and when it is given up."""

SETTLE_S = 0.25
"""Between one move of a hand and the next: as quick as a quick person."""

NAMES = {" ": "space", "/": "slash", ".": "period", "-": "minus", "_": "underscore", ":": "colon"}
NAMES |= {",": "comma", "\n": "Return", "~": "asciitilde", "(": "parenleft", ")": "parenright"}
"""Characters whose key has another name."""


class WalkError(Exception):
    """Something that a person would not have found, or waited for in vain."""


class Hands:
    """A mouse and a keyboard at an X server."""

    def __init__(self) -> None:
        self._x, self._test = ctypes.CDLL("libX11.so.6"), ctypes.CDLL("libXtst.so.6")
        self._x.XOpenDisplay.restype = ctypes.c_void_p
        self._x.XStringToKeysym.restype = ctypes.c_ulong
        self._x.XkbKeycodeToKeysym.restype = ctypes.c_ulong
        self._display = ctypes.c_void_p(self._x.XOpenDisplay(None))
        if not self._display:
            raise WalkError("There is no X display: start this under xvfb-run.")

    def move(self, place: QPoint) -> None:
        """Move the mouse to a pixel of the screen."""
        self._test.XTestFakeMotionEvent(self._display, -1, place.x(), place.y(), 0)
        self._x.XSync(self._display, 0)

    def press(self, button: int, down: bool) -> None:
        """Press or release a button of the mouse."""
        self._test.XTestFakeButtonEvent(self._display, button, int(down), 0)
        self._x.XSync(self._display, 0)

    def key(self, keys: str, down: bool | None = None) -> None:
        """Press keys such as "Shift+B" and release them; only one of both where `down` says so."""
        codes, shifted = [], False
        for name in keys.split("+"):
            symbol = self._x.XStringToKeysym(_key_name(name).encode())
            code = self._x.XKeysymToKeycode(self._display, ctypes.c_ulong(symbol))
            plain = self._x.XkbKeycodeToKeysym(self._display, code, 0, 0)
            shifted |= plain != symbol
            codes.append(code)
        if shifted and "Shift" not in keys:
            shift = self._x.XStringToKeysym(b"Shift_L")
            codes.insert(0, self._x.XKeysymToKeycode(self._display, ctypes.c_ulong(shift)))
        if down is not False:
            for code in codes:
                self._test.XTestFakeKeyEvent(self._display, code, 1, 0)
        if down is not True:
            for code in reversed(codes):
                self._test.XTestFakeKeyEvent(self._display, code, 0, 0)
        self._x.XSync(self._display, 0)

    # What takes several moves: a part of a walk

    def click(self, target: QWidget, at: QPoint | None = None, button: int = 1) -> Walk:
        """Click on a widget where it can be seen."""
        yield lambda: target.isVisible() and target.isEnabled()

        def place() -> QPoint:
            return target.mapToGlobal(target.rect().center() if at is None else at)

        seen = None
        while seen != place():  # it may be on its way to another place in the window
            seen = place()
            yield SETTLE_S
        yield from self.click_at(seen, target, button)

    def click_at(self, place: QPoint, target: QWidget | None = None, button: int = 1) -> Walk:
        """Click on a pixel of the screen, on which this widget must lie uncovered."""
        self.move(place)
        yield SETTLE_S
        there = QApplication.widgetAt(place)
        family = target is None or there is target
        if target is not None and there is not None:
            family = family or target.isAncestorOf(there) or there.isAncestorOf(target)
        if not family:
            raise WalkError(f"{_called(target)} cannot be clicked: {_called(there)} lies over it.")
        self.press(button, True)
        self.press(button, False)
        yield SETTLE_S

    def drag(self, start: QPoint, end: QPoint, steps: int = 12, hold: str = "") -> Walk:
        """Drag from one pixel of the screen to another, with a key held."""
        if hold:
            self.key(hold, True)
        self.move(start)
        yield SETTLE_S
        self.press(1, True)
        for step in range(1, steps + 1):
            self.move(start + (end - start) * (step / steps))
            yield 0.03
        self.press(1, False)
        if hold:
            self.key(hold, False)
        yield SETTLE_S

    def type(self, text: str) -> Walk:
        """Type a text where the focus is."""
        for letter in text:
            self.key(letter)
            yield 0.01
        yield SETTLE_S

    def choose(self, box: QComboBox, text: str) -> Walk:
        """Choose an entry of a list that begins so."""
        yield from self.click(box)
        view = box.view()
        yield lambda: view.isVisible()
        row = next((n for n in range(box.count()) if box.itemText(n).startswith(text)), None)
        if row is None:
            entries = [box.itemText(n) for n in range(box.count())]
            raise WalkError(f"{text!r} is not among {entries}.")
        yield from self.click_row(view, row)

    def click_row(self, view: QAbstractItemView, row: int, button: int = 1) -> Walk:
        """Click on a row of a list."""
        index = view.model().index(row, 0, view.rootIndex())
        view.scrollTo(index)
        rect = view.visualRect(index)
        yield from self.click(view.viewport(), rect.center(), button)

    def menu(self, bar: QMenuBar, *titles: str) -> Walk:
        """Go through menus to an entry."""
        holder: QMenuBar | QMenu = bar
        for title in titles:
            action = _action(holder.actions(), title)
            yield from self.click(holder, holder.actionGeometry(action).center())
            submenu = action.menu()
            if submenu is not None:
                yield submenu.isVisible
                holder = submenu


def _key_name(name: str) -> str:
    whole = {"Ctrl": "Control_L", "Shift": "Shift_L", "Alt": "Alt_L", "Enter": "Return"}
    return whole.get(name) or NAMES.get(name, name)


def _action(actions: Iterable[QAction], title: str) -> QAction:
    named = {action.text().replace("&", ""): action for action in actions}
    for text, action in named.items():
        if text.startswith(title):
            return action
    raise WalkError(f"{title!r} is not in the menu: {list(named)}.")


def _called(widget: QWidget | None) -> str:
    if widget is None:
        return "nothing"
    said = widget.accessibleName() or widget.objectName() or getattr(widget, "text", str)()
    return f"{type(widget).__name__} {said!r}"


class Walker:
    """Takes walks in the event loop of the application, and pictures on the way.

    Parameters
    ----------
    folder : Path
        Where the pictures go.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._count = folder, 0
        self.where = "start"
        self.failed = ""
        folder.mkdir(parents=True, exist_ok=True)

    def step(self, words: str) -> None:
        """Say what comes next."""
        self.where = words
        print(f"{time.strftime('%X')} {words}", flush=True)

    def picture(self, name: str) -> None:
        """Take a picture of the whole screen."""
        self._count += 1
        screen = QGuiApplication.primaryScreen()
        screen.grabWindow(0).save(str(self._folder / f"{self._count:02d}-{name}.png"))

    def take(self, walk: Walk, then: Callable[[], None]) -> None:
        """Take a walk; call a function at its end, whatever that is."""

        def go() -> None:
            try:
                wanted = next(walk)
            except StopIteration:
                then()
            except Exception:  # noqa: BLE001 - said with the place, whatever it is
                self._give_up(traceback.format_exc(), then)
            else:
                if callable(wanted):
                    wait(wanted, time.monotonic() + PATIENCE_S)
                else:
                    QTimer.singleShot(round(1000 * wanted), go)

        def wait(condition: Callable[[], object], until: float) -> None:
            if condition():
                go()
            elif time.monotonic() > until:
                self._give_up("nothing came of it", then)
            else:
                QTimer.singleShot(round(1000 * POLL_S), lambda: wait(condition, until))

        go()

    def _give_up(self, fault: str, then: Callable[[], None]) -> None:
        self.failed = f"{self.where}: {fault}"
        self.picture("failed")
        print(self.failed, flush=True)
        then()
