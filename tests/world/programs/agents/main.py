import importlib
import sys

import model

with model.serving() as url:
    print(importlib.import_module(sys.argv[1]).run(url))
