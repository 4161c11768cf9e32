/* charsmap: SentencePiece's precompiled character map (normalizer "Precompiled").
 *
 * A double-array trie of texts and what stands for each; read as Hugging Face reads
 * it, which differs from SentencePiece: of the map's texts that a chunk begins with the
 * shortest counts, and all of the chunk is replaced. */

#ifndef LM_TEXT_CHARSMAP_H
#define LM_TEXT_CHARSMAP_H

#include "base/err.h"

#include <stddef.h>

struct charsmap;

enum { CHARSMAP_BYTES_MAX = 1 << 24 };

/* From the bytes of a file. Errors: ERR_PARSE, ERR_RANGE. */
enum err charsmap_new(struct charsmap **out, const char *bytes, size_t n) MUST_CHECK;
void charsmap_free(struct charsmap *map);

/* text[0..n), valid UTF-8, mapped: free *out. Errors: ERR_RANGE (longer than `most` bytes). */
enum err charsmap_run(const struct charsmap *map, const char *text, size_t n, size_t most,
                      char **out, size_t *m) MUST_CHECK;

#endif
