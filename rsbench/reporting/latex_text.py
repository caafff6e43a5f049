"""Any text so that LaTeX prints it, whatever is in it and whatever the encoding of the fonts."""

from __future__ import annotations

import re
import unicodedata

_MARKS = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': "''", "`": r"\textasciigrave{}", "'": "'", "±": r"$\pm$", "·": r"$\cdot$",
    "×": r"$\times$", "≈": r"$\approx$", "−": r"\ensuremath{-}", "→": r"$\to$", "≤": r"$\leq$", "≥": r"$\geq$",
    "µ": r"$\mu$", "°": r"$^\circ$", "†": r"$\dagger$", "…": r"\dots{}", "–": r"\textendash{}",
    "—": r"\textemdash{}", "’": "'", "‘": "`",
    "“": "``", "”": "''", "ß": r"\ss{}", "æ": r"\ae{}", "Æ": r"\AE{}", "ø": r"\o{}", "Ø": r"\O{}", "œ": r"\oe{}",
    "ł": r"\l{}", "Ł": r"\L{}",
}  # fmt: skip
_CODE = {'"': r"\char34{}", "'": r"\textquotesingle{}", "-": "-{}"}
_ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u ", "\u0307": ".",
    "\u0308": '"', "\u030a": "r ", "\u030b": "H ", "\u030c": "v ", "\u0327": "c ",
}  # fmt: skip
_BREAKS = "/=,._:"


def escape(text: str) -> str:
    r"""Returns ``text`` so that LaTeX prints it as it is; a character that its fonts lack becomes ``[U+4E2D]``.

    A hyphen before a number is a minus sign.

    >>> print(escape("swept* 50 %, a_b, -1.5"))
    swept* 50 \%, a\_b, \ensuremath{-}1.5
    """
    text = re.sub(r"(?<![\w.)\]-])-(?=[0-9])", "−", " ".join(text.split()))
    return "".join(map(_character, unicodedata.normalize("NFC", text))).replace("--", "-{}-").replace("--", "-{}-")


def code(text: str) -> str:
    r"""Returns a command in typewriter letters, which may break at its spaces and after some marks.

    >>> print(code("--data a/b"))
    \texttt{-{}-{}data a/\allowbreak{}b}
    """
    found = []
    for mark in unicodedata.normalize("NFC", " ".join(text.split())):
        found.append(_CODE.get(mark) or _character(mark))
        if mark in _BREAKS:
            found.append(r"\allowbreak{}")
    return f"\\texttt{{{''.join(found)}}}"


def _character(mark: str) -> str:
    if mark in _MARKS:
        return _MARKS[mark]
    if " " <= mark <= "~":
        return mark
    parts = unicodedata.normalize("NFD", mark)
    base, accents = parts[0], parts[1:]
    if accents and base.isascii() and base.isalpha() and all(accent in _ACCENTS for accent in accents):
        for accent in accents:
            base = f"\\{_ACCENTS[accent]}{{{base}}}".replace(" ", "")
        return base
    return f"[U+{ord(mark):04X}]"
