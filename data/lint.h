/* lint: what is wrong with a data set, and what it is like, before anyone trains on it.
 *
 * Errors: lines that are no JSON, columns of no kind, and the flaws of kind_check. Warnings:
 * records that occur more than once, a pair that also occurs the other way round, prompts that
 * are in more than one split. The report is one JSON object:
 *
 *   {"records", "errors", "warnings",
 *    "files": [{"path", "split", "records", "formats": {name: n}, "kinds": {name: n}}],
 *    "problems": [{"code", "severity", "count", "first": ["file:line: words", ...]}],
 *    "lengths": {field: {"count", "min", "median", "mean", "p95", "max"}},   characters
 *    "pairs": {"count", "chosen_longer", "chosen_shorter"},
 *    "labels": {"right", "wrong", "soft", "unknown"},                        of answers or
 * steps "prompts": {"count", "distinct"}, "leakage": [{"a", "b", "prompts"}]} */

#ifndef DATA_LINT_H
#define DATA_LINT_H

#include "data/format.h"

enum { LINT_FIRST = 5, LINT_RECORDS_MAX = 50000000 };

struct lint;

struct lint *lint_new(const struct format_rule *rule);
void lint_free(struct lint *lint); /* NULL is fine */

/* Reads a file as part of `split`. Bad records are counted, not errors. Errors: ERR_IO,
 * ERR_RANGE: the file cannot be read at all. */
enum err lint_file(struct lint *lint, const char *path, const char *split) MUST_CHECK;

/* The report, a new reference; call it once, at the end. */
json_t *lint_report(struct lint *lint);

#endif
