/* meta: the metadata of a GGUF file: values by key.
 *
 * Parsing checks every length and count against the bytes that are left; values are read from
 * the file when asked for. */

#ifndef LM_FILE_META_H
#define LM_FILE_META_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct meta;
struct source;

/* n keys from byte *at, which moves behind them. Borrows `source`. Errors: ERR_PARSE names
 * file, offset and reason; ERR_IO. */
enum err meta_parse(struct meta **out, struct source *source, size_t *at,
                    uint64_t n) MUST_CHECK;
void meta_free(struct meta *meta);

bool meta_has(const struct meta *meta, const char *key);

/* A value. An absent key leaves *out as it is. Errors: ERR_PARSE if the value is of another
 * kind; the words name the key. */
enum err meta_int(const struct meta *meta, const char *key, int64_t *out) MUST_CHECK;
enum err meta_real(const struct meta *meta, const char *key, double *out) MUST_CHECK;
enum err meta_bool(const struct meta *meta, const char *key, bool *out) MUST_CHECK;
/* A heap text; one with a zero byte in it is refused, here and in lists. */
enum err meta_text(const struct meta *meta, const char *key, char **out) MUST_CHECK;
/* Lists: absent gives NULL and 0. One block each, freed with free(). */
enum err meta_texts(const struct meta *meta, const char *key, char ***out,
                    size_t *n) MUST_CHECK;
enum err meta_ints(const struct meta *meta, const char *key, int32_t **out,
                   size_t *n) MUST_CHECK;
enum err meta_floats(const struct meta *meta, const char *key, float **out,
                     size_t *n) MUST_CHECK;
enum err meta_bytes(const struct meta *meta, const char *key, char **out, size_t *n) MUST_CHECK;

#endif
