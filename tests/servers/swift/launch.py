"""One server of OpenStack Swift in the foreground, with its swift.conf beside its own configuration instead of in /etc.

    launch.py object|container|account|proxy CONFIGURATION
"""

import importlib
import os
import sys

from swift.common import utils
from swift.common.wsgi import run_wsgi

kind, conf = sys.argv[1], os.path.abspath(sys.argv[2])
utils.SWIFT_CONF_FILE = os.path.join(os.path.dirname(conf), "swift.conf")
more = {}
if kind in ("object", "proxy"):
    server = importlib.import_module("swift.obj.server" if kind == "object" else "swift.proxy.server")
    if hasattr(server, "global_conf_callback"):
        more["global_conf_callback"] = server.global_conf_callback
sys.exit(run_wsgi(conf, kind + "-server", verbose=True, **more))
