"""Installs the compiled modules: install_modules.py FOLDER BUILD_FOLDER...

Meson does not know which .mod files a library has. FOLDER is below the prefix, unless it is absolute; DESTDIR is respected.
"""

import os
import pathlib
import shutil
import sys

folder = pathlib.Path(sys.argv[1])
if folder.is_absolute():
    to = pathlib.Path(os.environ.get("DESTDIR", "") + str(folder))
else:
    to = pathlib.Path(os.environ["MESON_INSTALL_DESTDIR_PREFIX"]) / folder
modules = [file for folder in sys.argv[2:] for file in sorted(pathlib.Path(folder).glob("*.mod"))]
if not modules:
    sys.exit("install_modules.py: no modules were compiled: build first (ninja)")
to.mkdir(parents=True, exist_ok=True)
for module in modules:
    shutil.copy2(module, to / module.name)
