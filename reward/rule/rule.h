/* rule: scores that need no model: a completion against a pattern, a length or a column.
 *
 *   regex    1 if `pattern` (PCRE2, UTF-8) matches somewhere in the completion, else 0
 *   length   `unit` tokens (the default), words or characters; with `target` t: -|n - t| / t;
 *            else 1 if `min` <= n <= `max`, else 0
 *   exact    1 if completion and `column` of the record are the same but for white space at the
 *            ends, else 0
 *   number   1 if the completion's number (number.h) is that of `column`, a number or a text
 *            that is read the same way, else 0. Whole numbers must be equal, others within
 *            `tolerance` (1e-6) times the column's
 *   calls    the tool calls in the completion against the list of gold calls in `column`
 *            (actions.h): in [0, 1]; `order: false`: in any order; `credit: exact`: 1 or 0, and
 *            not the share that is right (`share`)
 *   repetition   -(the share of its runs of `ngram` words (3) that it said before): in [-1, 0]
 *
 * All are pure and bounded. One more is a file rule_NAME.c and its row in rule.c. */

#ifndef REWARD_RULE_RULE_H
#define REWARD_RULE_RULE_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct rule;

/* `spec` is {"rule": "regex", "pattern": ...}; "name" in it is nobody's. Everything that can be
 * wrong about a rule itself is found here. Errors: ERR_PARSE, ERR_RANGE name the key. */
enum err rule_new(struct rule **out, const json_t *spec) MUST_CHECK;
/* The same from a scorer's JSON text. Errors: ERR_PARSE (no JSON object), and rule_new's. */
enum err rule_parse(struct rule **out, const char *spec) MUST_CHECK;
void rule_free(struct rule *rule); /* NULL is fine */

bool rule_knows(const char *key);                 /* some rule reads it */
bool rule_binary(const struct rule *rule);        /* its scores are 0 and 1 */
const char *rule_column(const struct rule *rule); /* of the record, that it reads; or NULL */

/* `meta` is the record's other columns as JSON, `tokens` the completion's. Errors: ERR_RANGE
 * when the column is missing or nothing that the rule can read. */
enum err rule_score(const struct rule *rule, const char *text, size_t tokens, const char *meta,
                    float *score) MUST_CHECK;

/* Of the record's column, `value` (NULL: the record has none), for who reads data before
 * anything is scored. Why the rule cannot read it, and scoring will fail: "neither text nor a
 * number"; NULL: it can. And what it lacks so that no answer can be right: "no number"; NULL:
 * nothing. */
const char *rule_column_wrong(const struct rule *rule, const json_t *value);
const char *rule_column_lacks(const struct rule *rule, const json_t *value);

#endif
