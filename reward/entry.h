/* entry: the values of one entry of a configuration, which are strings, whatever they look
 * like; in a scorer's spec, which is JSON, numbers, true and false are read as well. */

#ifndef REWARD_ENTRY_H
#define REWARD_ENTRY_H

#include "base/err.h"

#include <jansson.h>

/* NULL when it is not there or no string. */
const char *entry_text(const json_t *entry, const char *key);

/* *out stays when the key is not there. Errors: ERR_PARSE (no finite number) names the key. */
enum err entry_number(double *out, const json_t *entry, const char *key) MUST_CHECK;
/* Errors: entry_number's, and ERR_RANGE when it is less than `low`. */
enum err entry_least(double *out, const json_t *entry, const char *key, double low) MUST_CHECK;

/* The index of the word at `key` among word [n]; the first when the key is not there.
 * Errors: ERR_RANGE names the key and lists the words. */
enum err entry_word(int *out, const json_t *entry, const char *key, const char *const *word,
                    int n) MUST_CHECK;
/* The index of `text` itself. Errors: as entry_word's. */
enum err entry_find(int *out, const char *text, const char *key, const char *const *word,
                    int n) MUST_CHECK;

#endif
