"""Writes a text file as the numbers of a C array, with a zero behind it.

    embed.py TEXT OUTPUT
"""

import pathlib
import sys

data = pathlib.Path(sys.argv[1]).read_bytes() + b"\0"
rows = [", ".join(str(byte) for byte in data[at : at + 32]) for at in range(0, len(data), 32)]
pathlib.Path(sys.argv[2]).write_text(",\n".join(rows) + "\n")
