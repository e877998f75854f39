"""Sources: rows that may be more than memory holds, read in chunks.

A :class:`Source` knows how many rows and columns it has and of which chunks it is made, and reads one chunk
at a time. Whatever can do so is one; those below are ready-made.
"""

from .arrays import Arrays
from .checking import check_source as check_source
from .checking import checked_chunk as checked_chunk
from .npy import Npy
from .parquet import Parquet
from .source import Chunk, Source

__all__ = ["Arrays", "Chunk", "Npy", "Parquet", "Source"]
