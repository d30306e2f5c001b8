/**
 * One worker thread instead of four, so that file and compression work finishes in the order in which it was asked
 * for: `quiet` relies on it. The pool is made at its first use, so this has to be the first import of a test file.
 */
process.env.UV_THREADPOOL_SIZE = '1'
