/** The process that a recorder is, before its recording says otherwise. */

/** RLIMIT_MEMLOCK: what init starts with, and every process after it (include/asm-generic/resource.h). */
export const MEMLOCK_BYTES_DEFAULT = 8n * 1024n * 1024n;
