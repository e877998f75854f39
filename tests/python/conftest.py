"""What all tests need before they begin."""

import signal
import sys
from pathlib import Path

# A process begun in the background may be born deaf to Ctrl-C, and so would be the tests of it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Tables of cases that several files of tests share.
sys.path.insert(0, str(Path(__file__).parent))
