"""What all tests need before they begin."""

import os
import signal
import sys
from pathlib import Path

# A process begun in the background may be born deaf to Ctrl-C, and so would be the tests of it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Steps on the columns of a batch alone pay where there are tens of thousands; tests have hundreds.
os.environ.setdefault("MBGD_RS_COLUMNS_FOR_ENTRY", "2")

# Tables of cases that several files of tests share.
sys.path.insert(0, str(Path(__file__).parent))
