/* lint: what is wrong with a data set, and what it is like, before anyone trains on it.
 *
 * Errors: lines that are no JSON, columns of no kind, the flaws of record_kind_check, and what a
 * trainer's own reader refuses (data/example.h): that of the method, or of the method that the
 * kind is for. Warnings: records that occur more than once, a pair that also occurs the other
 * way round, prompts that are in more than one split, pairs without a prompt (a reward model
 * can learn them), records longer than max_length. The report is one JSON object:
 *
 *   {"records", "errors", "warnings",
 *    "files": [{"path", "split", "records", "formats": {name: n}, "kinds": {name: n}}],
 *    "problems": [{"code", "severity", "count", "first": ["file:line: words", ...]}],
 *    "lengths": {field: {"count", "min", "median", "mean", "p95", "max"}},   characters
 *    "pairs": {"count", "chosen_longer", "chosen_shorter"},
 *    "labels": {"right", "wrong", "soft", "unknown"},                        of answers or steps
 *    "prompts": {"count", "distinct"},
 *    "unused": {column: n}, "leakage": [{"a", "b", "prompts"}]} */

#ifndef DATA_LINT_H
#define DATA_LINT_H

#include "data/lint_rule.h"

struct lint;

struct lint *lint_new(const struct lint_rule *rule);
void lint_free(struct lint *lint); /* NULL is fine */

/* Reads a file as part of `split`. Bad records are counted, not errors. Errors: ERR_IO,
 * ERR_RANGE: the file cannot be read at all. */
enum err lint_file(struct lint *lint, const char *path, const char *split) MUST_CHECK;

/* The report, a new reference; call it once, at the end. */
json_t *lint_report(struct lint *lint);

#endif
