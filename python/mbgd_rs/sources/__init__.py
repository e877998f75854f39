"""Sources: rows that may be more than memory holds, read in chunks.

A :class:`Source` knows how many rows and columns it has and of which chunks it is made, and reads one chunk
at a time. Ready-made are :class:`Arrays`, :class:`Npy`, :class:`Parquet`, :class:`Svmlight`, and
:class:`Chunks` for whatever a function gives; :func:`spool` writes the rows of any of them as files that
are read fast.
"""

from .arrays import Arrays
from .checking import check_source as check_source
from .checking import checked_chunk as checked_chunk
from .chunks import Chunks
from .npy import Npy
from .parquet import Parquet
from .predicting import by_chunk as by_chunk
from .predicting import check_columns as check_columns
from .predicting import refuse_entry as refuse_entry
from .predicting import targets_together as targets_together
from .source import Chunk, Source
from .spooling import spool
from .svmlight import Svmlight

__all__ = ["Arrays", "Chunk", "Chunks", "Npy", "Parquet", "Source", "Svmlight", "spool"]
