"""Names of files, which may hold any bytes, as text in one line."""

import unicodedata

_WRITTEN_OUT = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_UNPRINTABLE = {"Cc", "Cs", "Zl", "Zp"}
"""Unicode categories: control characters, halves of surrogate pairs, line and paragraph separators."""


def printable(name: str) -> str:
    r"""A name as it can be printed and stored, whatever bytes it has on disk; different names stay different.

    A control character, a line separator, a byte that is no UTF-8 and the backslash itself are written out, as in
    ``two\nlines``, ``\xff``, ``\u001b`` and ``\\``. All other names stay as they are.
    """
    if name.isprintable() and "\\" not in name:
        return name
    return "".join(map(_written_out, name))


def _written_out(letter: str) -> str:
    if letter in _WRITTEN_OUT:
        return _WRITTEN_OUT[letter]
    if unicodedata.category(letter) not in _UNPRINTABLE:
        return letter
    undecodable = 0xDC80 <= ord(letter) <= 0xDCFF  # how Python carries a byte that is no UTF-8 (PEP 383)
    return f"\\x{ord(letter) - 0xDC00:02x}" if undecodable else f"\\u{ord(letter):04x}"
