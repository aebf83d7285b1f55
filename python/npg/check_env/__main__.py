"""`python -m npg.check_env`."""

import sys

from npg.check_env.command import main

sys.exit(main(sys.argv[1:]))
