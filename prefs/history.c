/* The history, row by row in the order in which it was written, joined with what was judged.
 * Each row's checksum is looked at as it passes. */

#include "prefs/assign_row.h"
#include "prefs/judge.h"
#include "prefs/judge_row.h"
#include "prefs/sql.h"

#include <jansson.h>
#include <string.h>

struct parts {
    json_t *ranking, *text, *criteria, *flags;
};

static enum err parse(json_t **out, const char *text)
{
    json_error_t why;

    *out = text ? json_loads(text, JSON_DECODE_ANY, &why) : NULL;
    return *out || !text ? OK : err_set(ERR_PARSE, "the store is damaged: %s", why.text);
}

static enum err parse_all(struct parts *parts, const struct judge_row *raw)
{
    enum err err = parse(&parts->ranking, raw->ranking);

    if (!err)
        err = parse(&parts->text, raw->text);
    if (!err)
        err = parse(&parts->criteria, raw->criteria);
    return err ? err : parse(&parts->flags, raw->flags);
}

/* Where the chosen one stood follows from the order: it is kept once, not twice. */
static int side_of(const struct prefs_row *row)
{
    for (int i = 0; row->verdict == PREFS_CHOSEN && i < row->assignment.n; i++)
        if (row->assignment.order[i] == row->choice)
            return i;
    return -1;
}

/* Columns: the row, the assignment, then key, mode, whether another row takes it back. */
static enum err fill(struct prefs_row *out, struct parts *parts, struct prefs *prefs,
                     sqlite3_stmt *made)
{
    enum { ITEM = JUDGE_ROW_WIDTH + ASSIGN_ROW_WIDTH };
    struct judge_row raw;
    int verdict = 0, mode = 0;
    enum err err = judge_row_read(&raw, prefs, made);

    if (!err)
        err = sql_word(&verdict, made, 4, words_verdict);
    if (!err)
        err = sql_word(&mode, made, ITEM + 1, words_mode);
    if (!err)
        err = parse_all(parts, &raw);
    *out = (struct prefs_row){.seq = raw.seq,
                              .id = raw.id,
                              .item = (const char *)sqlite3_column_text(made, ITEM),
                              .mode = (enum prefs_mode)mode,
                              .verdict = (enum prefs_verdict)verdict,
                              .choice = (int)raw.choice,
                              .step = (int)raw.step,
                              .strength = (int)raw.strength,
                              .ranking = parts->ranking,
                              .text = parts->text,
                              .criteria = parts->criteria,
                              .flags = parts->flags,
                              .reason = raw.reason,
                              .shown_ms = raw.shown,
                              .at = raw.at,
                              .undoes = raw.undoes};
    if (!err)
        err = assign_row_read(&out->assignment, made, JUDGE_ROW_WIDTH);
    out->guideline = out->assignment.guideline;
    out->side = side_of(out);
    out->taken_back = sqlite3_column_int(made, ITEM + 2);
    out->stands = verdict < PREFS_SKIP && !out->taken_back;
    if (!err && verdict == PREFS_CHOSEN && out->side < 0)
        err = err_set(ERR_PARSE, "the store is damaged: a choice of what is no candidate");
    return err;
}

/* A text for each way in, so that each uses its index. */
#define HISTORY(where) \
    "SELECT " JUDGE_ROW_COLUMNS ", " ASSIGN_ROW_COLUMNS \
    ", i.key, i.mode, EXISTS (SELECT 1 FROM judgement u WHERE u.undoes = j.seq)" \
    " FROM judgement j JOIN assignment a ON a.id = j.assignment JOIN item i ON i.id = a.item" \
    " WHERE " where " ORDER BY j.seq"

/* An item's few rows for a reviewer, a person's own, or all of them for an export. */
static enum err open_history(sqlite3_stmt **made, struct prefs *prefs,
                             const struct prefs_which *which)
{
    if (which->item)
        return sql_open(made, prefs,
                        HISTORY("a.item = ?1 AND j.seq > ?2 AND (?3 = 0 OR j.annotator = ?3)"),
                        "iii", which->item, which->after, which->annotator);
    if (which->annotator)
        return sql_open(made, prefs, HISTORY("j.annotator = ?1 AND j.seq > ?2"), "ii",
                        which->annotator, which->after);
    return sql_open(made, prefs, HISTORY("j.seq > ?1"), "i", which->after);
}

enum err prefs_visit(struct prefs *prefs, const struct prefs_which *which,
                     enum err (*visit)(void *self, const struct prefs_row *row), void *self)
{
    sqlite3_stmt *made;
    bool more = false;
    enum err err = open_history(&made, prefs, which);

    while (!err) {
        struct prefs_row row;
        struct parts parts = {0};
        err = sql_step(prefs, made, &more);
        if (err || !more)
            return err;
        err = fill(&row, &parts, prefs, made);
        if (!err && (row.stands || !which->standing))
            err = visit(self, &row);
        json_decref(parts.ranking);
        json_decref(parts.text);
        json_decref(parts.criteria);
        json_decref(parts.flags);
    }
    if (more)
        sql_end(made);
    return err;
}
