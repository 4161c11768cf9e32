/* votes_read: rows of people's files as votes: which kinds there are, and what is asked of each.
 *
 *   {"model_a", "model_b", "winner": "model_a" | "model_b" | "tie" | "both_bad" | "tie (bothbad)"}
 *   {"ranking": ["m1", ["m2", "m3"], "m4"]}
 *
 * with "prompt", "judge", "weight", "first" ("a" | "b": who was shown first), "x" ({name: number};
 * of CSV columns x.NAME), "answer_a" and "answer_b" where they are wanted; what `drover judge`
 * ("verdict"; models a and b unless named), `eval win` (models `model` and `baseline`) and
 * `eval bias` write or read. Rows whose verdict is null or "none" are counted in `unheard`. */

#ifndef RATINGS_VOTES_READ_H
#define RATINGS_VOTES_READ_H

#include "ratings/votes.h"

struct votes_reading;

/* `covariates` (borrowed): words between commas: position, length, lists, headers, bold, names of
 * the rows' "x"; NULL or "": all of the "x" of the first row; "none". */
struct votes_reading *votes_read_open(struct votes *votes, const char *covariates)
    __attribute__((returns_nonnull));
void votes_read_close(struct votes_reading *reading); /* NULL is fine */

/* One row. Errors: ERR_PARSE, ERR_RANGE: those of votes_add, and a row that is no vote; it is then
 * not in, and others may follow. */
enum err votes_read_row(struct votes_reading *reading, const json_t *row) MUST_CHECK;

/* All rows of a file (data/rows.h), and votes_end. Errors: those above and of rows_next, with
 * "path:line: ". */
enum err votes_read(struct votes *votes, const char *path, const char *covariates) MUST_CHECK;

#endif
