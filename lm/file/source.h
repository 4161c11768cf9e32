/* source: bytes of a file by offset, so that a hostile or shrinking file is an error, not a
 * signal: pread with a small window instead of a mapping. Not for two threads at once. */

#ifndef LM_FILE_SOURCE_H
#define LM_FILE_SOURCE_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct source;

/* Errors: ERR_IO (the words name path and reason; folders and pipes are refused). */
enum err source_open(struct source **out, const char *path) MUST_CHECK;

/* The same over bytes in memory, which must outlive it. `name` stands in errors. */
void source_memory(struct source **out, const void *bytes, size_t n, const char *name);
void source_close(struct source *source);

const char *source_name(const struct source *source);
size_t source_size(const struct source *source);

/* Copies bytes [at, at+n) to `to`. Errors: ERR_PARSE with name and offset if the file ends
 * before, ERR_IO. */
enum err source_read(struct source *source, size_t at, void *to, size_t n) MUST_CHECK;

/* Little-endian numbers at *at, which moves behind them. */
enum err source_u32(struct source *source, size_t *at, uint32_t *out) MUST_CHECK;
enum err source_u64(struct source *source, size_t *at, uint64_t *out) MUST_CHECK;

/* A text as GGUF writes it: a u64 length, at most `most` and what is left, then bytes.
 * source_length reads the length; source_word then copies n bytes and a zero to `to`, and
 * refuses an empty one and control bytes. */
enum err source_length(struct source *source, size_t *at, size_t most, size_t *n) MUST_CHECK;
enum err source_word(struct source *source, size_t *at, char *to, size_t n) MUST_CHECK;

/* ERR_PARSE "name: byte 17: 'what': why". */
enum err source_bad(const struct source *source, size_t at, const char *what, const char *why);

/* Is n <= most? Errors: ERR_PARSE "name: byte 17: 99 tensors, at most 3 can be here". */
enum err source_bound(const struct source *source, size_t at, const char *what, uint64_t n,
                      uint64_t most) MUST_CHECK;

/* Text from outside, fit to stand in an error or on a terminal: control bytes become '?', what
 * is longer than 60 bytes is cut. Returns `out`. */
enum { SOURCE_SHOWN = 64 };
const char *source_shown(char out[SOURCE_SHOWN], const char *text, size_t n);

#endif
