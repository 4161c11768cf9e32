/* normalize: what tokenizer.json's normalizer makes of a text before it is cut.
 *
 * Known: NFC, NFD, NFKC, NFKD, Lowercase, StripAccents, Strip, Prepend, Replace (String or
 * Regex), Precompiled and Sequence. */

#ifndef LM_TEXT_NORMALIZE_H
#define LM_TEXT_NORMALIZE_H

#include "lm/text/regex.h"

#include <jansson.h>

struct normalize;
enum { NORMALIZE_BYTES_MAX = 1 << 28 }; /* of what it makes */

/* NULL or null is one that changes nothing. Errors: ERR_PARSE, ERR_RANGE; the words name the
 * part. */
enum err normalize_new(struct normalize **out, const json_t *normalizer) MUST_CHECK;
void normalize_free(struct normalize *normalize);

/* False if every text stays as it is. */
bool normalize_any(const struct normalize *normalize);

/* text[0..n), valid UTF-8, normalized: free *out, which has a zero behind it. Errors: ERR_RANGE
 * (the result is longer than NORMALIZE_BYTES_MAX, a pattern takes too many steps), ERR_NOMEM. */
enum err normalize_run(const struct normalize *normalize, struct regex_work *work,
                       const char *text, size_t n, char **out, size_t *m) MUST_CHECK;

#endif
