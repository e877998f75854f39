"""Training on sources: a window of chunks at a time is in memory while the next one is read.

What the core sees of it: a run on the rows of a window, which ends where they are used up, and goes on with
those of the next. So the steps are those of a run on all rows that are shuffled in the same blocks.
"""
