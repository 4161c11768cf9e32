/* judge_row: a row of the history as the table holds it, and its checksum. */

#ifndef PREFS_JUDGE_ROW_H
#define PREFS_JUDGE_ROW_H

#include "base/hash.h"
#include "prefs/judge.h"

#include <sqlite3.h>

/* The texts of a row, in the order in which they are summed up. NULL where there is none. */
struct judge_row {
    int64_t seq; /* 0: the next one */
    const char *id;
    int64_t assignment, annotator;
    const char *verdict;
    int64_t choice, step;
    const char *ranking, *text;
    int64_t strength;
    const char *criteria, *reason, *flags;
    int64_t shown, at, undoes;
    const char *view; /* verdict_view's */
};

/* Of all that the client said: the same id with another content is another judgement. */
struct hash judge_row_content(const struct judge_row *row);
/* Of the content, and of what the store added. */
int64_t judge_row_sum(const struct judge_row *row, const struct hash *content);

/* Writes the next row. Errors: the store's. */
enum err judge_row_write(struct prefs *prefs, struct judge_row *row) MUST_CHECK;

/* Columns of table j, in the order of the struct, then content and sum. */
#define JUDGE_ROW_COLUMNS \
    "j.seq, j.id, j.assignment, j.annotator, j.verdict, j.choice, j.step, j.ranking, j.text," \
    " j.strength, j.criteria, j.reason, j.flags, j.shown, j.at, j.undoes, j.said, j.content," \
    " j.sum"
enum { JUDGE_ROW_WIDTH = 19 };
/* Borrows from the statement. Errors: ERR_PARSE: the checksum does not fit. */
enum err judge_row_read(struct judge_row *out, struct prefs *prefs,
                        sqlite3_stmt *made) MUST_CHECK;

#endif
