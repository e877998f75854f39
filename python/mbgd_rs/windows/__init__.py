"""Training on sources: a window of chunks at a time is in memory while the next one is read.

What the core sees of it: a run on the rows of a window, which ends where they are used up, and goes on with
those of the next. So the steps are those of a run on all rows that are shuffled in the same blocks.
"""

from .memory import available_memory as available_memory
from .mixing import chunks_to_mix as chunks_to_mix
from .plan import Plan as Plan
from .plan import plan_of as plan_of
from .reading import Window as Window
from .reading import read_windows as read_windows
from .survey import Survey as Survey
from .survey import survey as survey
