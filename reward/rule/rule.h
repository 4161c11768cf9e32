/* rule: scores that need no model: a completion against a pattern, a length or a column.
 *
 *   regex    1 if `pattern` (PCRE2, UTF-8) matches somewhere in the completion, else 0
 *   length   `unit` tokens (the default), words or characters; with `target` t: -|n - t| / t;
 *            else 1 if `min` <= n <= `max`, else 0
 *   exact    1 if completion and `column` of the record are the same but for white space at the
 *            ends
 *   number   1 if the completion's number (number.h) is that of `column`, a number or a text
 *            that is read the same way, else 0. Whole numbers must be equal, others within
 *            `tolerance` (1e-6) times the column's
 *   calls    the tool calls in the completion against the list of gold calls in `column`
 *            (actions.h): in [0, 1]; `order: false`: in any order; `credit: exact`: 1 or 0, and
 *            not the share that is right (`share`)
 * All are pure and bounded. */

#ifndef REWARD_RULE_RULE_H
#define REWARD_RULE_RULE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct rule;

enum { RULE_KEYS = 10 };
extern const char *const rule_keys[RULE_KEYS]; /* what rule_new knows */

/* `spec` is the scorer's JSON: {"rule": "regex", "pattern": ...}. Everything that can be wrong
 * about a rule itself is found here. Errors: ERR_PARSE, ERR_RANGE name the key. */
enum err rule_new(struct rule **out, const char *spec) MUST_CHECK;
void rule_free(struct rule *rule);
bool rule_binary(const struct rule *rule); /* its scores are 0 and 1 */

/* `meta` is the record's other columns as JSON. Errors: ERR_RANGE when a column is missing. */
enum err rule_score(const struct rule *rule, const char *text, size_t tokens, const char *meta,
                    float *score) MUST_CHECK;

#endif
