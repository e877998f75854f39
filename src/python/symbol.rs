//! The symbol by which this library is told from others that are loaded: several packages have a `_core`.

/// Does nothing. Its name alone says whose library this is; `threadpool.py` looks for it.
#[unsafe(no_mangle)]
extern "C" fn mbgd_rs_core() {}
