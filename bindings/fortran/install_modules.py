"""Installs the compiled modules: install_modules.py FOLDER BUILD_FOLDER...

Meson does not know which .mod files a library has. FOLDER is below the prefix; DESTDIR is respected.
"""

import os
import pathlib
import shutil
import sys

to = pathlib.Path(os.environ["MESON_INSTALL_DESTDIR_PREFIX"]) / sys.argv[1]
modules = [file for folder in sys.argv[2:] for file in sorted(pathlib.Path(folder).glob("*.mod"))]
if not modules:
    sys.exit("install_modules.py: no modules were compiled: build first (ninja)")
to.mkdir(parents=True, exist_ok=True)
for module in modules:
    shutil.copy2(module, to / module.name)
