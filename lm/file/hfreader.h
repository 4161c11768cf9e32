/* hfreader: one JSON object read key by key; what is wrong is set once, at the first key that is,
 * so that its callers read on without a check after each. */

#ifndef LM_FILE_HFREADER_H
#define LM_FILE_HFREADER_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>

struct hfreader {
    const json_t *config;
    const char *name; /* the file, for words */
    enum err err;
};

/* Neither absent nor null. */
bool hfreader_given(const json_t *value);
/* Says "file: key: why" (ERR_RANGE) unless something was wrong before. */
void hfreader_wrong(struct hfreader *reader, const char *key, const char *why);

/* A whole number in 0..2^30; `otherwise` where it is not given, and an error where that is
 * negative. */
int hfreader_int(struct hfreader *reader, const char *key, int otherwise);
/* A finite number of the object `from`; an error where it is not given and `otherwise` is NAN. */
double hfreader_real(struct hfreader *reader, const json_t *from, const char *key,
                     double otherwise);
bool hfreader_bool(struct hfreader *reader, const char *key, bool otherwise);
/* NULL where it is not given. */
const char *hfreader_text(struct hfreader *reader, const json_t *from, const char *key);
/* A token id: -1 when absent or, as old files write it, negative. */
int hfreader_id(struct hfreader *reader, const char *key);

#endif
