/* Who stands where is kept as one short word. Read, it must name each candidate once: what it
 * says becomes an index elsewhere. */

#include "prefs/assign_row.h"

#include "prefs/sql.h"

#include <string.h>

static const char digits[] = "0123456789abcdef";

void assign_row_places(char out[PREFS_CANDIDATES_MAX + 1], const int *order, int n)
{
    for (int i = 0; i < n; i++)
        out[i] = digits[order[i] & 15];
    out[n] = 0;
}

static enum err read_places(struct prefs_assignment *out, const char *places)
{
    unsigned seen = 0;

    out->n = 0;
    for (; places && *places && out->n < PREFS_CANDIDATES_MAX; places++) {
        const char *const at = strchr(digits, *places);
        if (!at)
            break;
        out->order[out->n++] = (int)(at - digits);
        seen |= 1u << (at - digits);
    }
    if (!places || *places || !out->n || seen != (1u << out->n) - 1)
        return err_set(ERR_PARSE, "the store is damaged: an order of candidates");
    return OK;
}

enum err assign_row_read(struct prefs_assignment *out, sqlite3_stmt *made, int column)
{
    int why = 0, state = 0;
    enum err err;

    *out = (struct prefs_assignment){.id = 0}; /* places that it has not are 0 */
    err = sql_word(&why, made, column + 3, words_why);

    if (!err)
        err = sql_word(&state, made, column + 7, words_state);
    out->id = sqlite3_column_int64(made, column);
    out->item = sqlite3_column_int64(made, column + 1);
    out->annotator = sqlite3_column_int64(made, column + 2);
    out->why = (enum prefs_why)why;
    sql_copy(out->active, sizeof out->active, made, column + 4);
    out->chance = sqlite3_column_double(made, column + 5);
    out->state = (enum prefs_state)state;
    out->guideline = sqlite3_column_int(made, column + 8);
    out->repeat = sqlite3_column_int64(made, column + 9);
    out->given = sqlite3_column_int64(made, column + 10);
    out->expires = sqlite3_column_int64(made, column + 11);
    out->ended = sqlite3_column_int64(made, column + 12);
    return err ? err : read_places(out, (const char *)sqlite3_column_text(made, column + 6));
}

/* Whether it is not there or not theirs is told in the same words: numbers can be guessed. */
enum err prefs_assignment_read(struct prefs *prefs, int64_t id, int64_t annotator,
                               struct prefs_assignment *out)
{
    sqlite3_stmt *made;
    enum err err =
        sql_row(&made, prefs,
                "SELECT " ASSIGN_ROW_COLUMNS
                " FROM assignment a WHERE a.id = ?1 AND (a.annotator = ?2 OR ?2 = 0)",
                "ii", id, annotator);

    if (err == ERR_RANGE)
        return err_set(err, "there is no such assignment");
    if (err)
        return err;
    err = assign_row_read(out, made, 0);
    sql_end(made);
    return err;
}

/* A text for each way in, so that each uses its index; they are few. */
static enum err next_open(struct prefs *prefs, int64_t item, int64_t *id)
{
    if (item)
        return sql_number(prefs, id, 0,
                          "SELECT min(id) FROM assignment WHERE item = ?1 AND state = 'open'"
                          " AND id > ?2",
                          "ii", item, *id);
    return sql_number(prefs, id, 0,
                      "SELECT min(id) FROM assignment INDEXED BY assignment_open WHERE state ="
                      " 'open' AND id > ?1",
                      "i", *id);
}

/* By number, so that no statement stays open while the visitor works. */
enum err prefs_open_visit(struct prefs *prefs, int64_t item,
                          enum err (*visit)(void *self, const struct prefs_assignment *it),
                          void *self)
{
    struct prefs_assignment it;
    int64_t id = 0;
    enum err err = OK;

    while (!err) {
        err = next_open(prefs, item, &id);
        if (err || !id)
            return err;
        err = prefs_assignment_read(prefs, id, 0, &it);
        if (!err)
            err = visit(self, &it);
    }
    return err;
}
