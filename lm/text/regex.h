/* regex: the regular expressions of tokenizer.json, over PCRE2.
 *
 * Hugging Face runs them with Oniguruma in Ruby's syntax. The patterns are untrusted and the
 * dialects differ, so a pattern is translated part by part: \s is White_Space, \d is Nd, $ ends
 * a line; what the two read differently or we do not know (\w, \b, \h, nested classes,
 * possessive braces, verbs, back references) is refused by name. */

#ifndef LM_TEXT_REGEX_H
#define LM_TEXT_REGEX_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct regex;
enum { REGEX_BYTES_MAX = 8192 };

/* pattern must be UTF-8. Errors: ERR_PARSE, ERR_RANGE. */
enum err regex_new(struct regex **out, const char *pattern, size_t n) MUST_CHECK;

/* Matches the text itself. */
enum err regex_literal(struct regex **out, const char *text, size_t n) MUST_CHECK;

/* A pattern of ours in PCRE2's own syntax. */
enum err regex_own(struct regex **out, const char *pattern) MUST_CHECK;

void regex_free(struct regex *regex);

/* Memory of a match; one a thread. */
struct regex_work;
enum err regex_work_new(struct regex_work **out) MUST_CHECK;
void regex_work_free(struct regex_work *work);

/* The first match in text[0..n), valid UTF-8, at or after `from`; *found false if there is
 * none. Errors: ERR_RANGE if it needs more steps or memory than allowed. */
enum err regex_find(const struct regex *regex, struct regex_work *work, const char *text,
                    size_t n, size_t from, size_t *start, size_t *end, bool *found) MUST_CHECK;

#endif
