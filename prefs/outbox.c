/* The table holds numbers of rows alone: what is sent is made of the row as it is when it is read.
 * So a judgement that was dropped while it waited goes out as what takes it back, and nothing of it
 * is kept a second time.
 *
 * * A name outside is drawn (draw.h) from the row's number and the id that the page made: nobody
 * guesses one, and a store that was brought back from an older copy gives its new rows other names
 * than those that were lost, which the run may have heard. */

#include "prefs/outbox.h"

#include "prefs/draw.h"
#include "prefs/outbox_row.h"
#include "prefs/schema.h"
#include "prefs/sql.h"

#include <string.h>

/* Of an item of a fleet, and not the same person once more. */
#define FOR_A_RUN \
    " FROM judgement j JOIN assignment a ON a.id = j.assignment JOIN origin o ON o.item = " \
    "a.item" \
    " WHERE j.seq = ?1 AND a.why <> 'repeat' "
#define VERDICTS "('chosen', 'tie', 'both_bad')"

/* An undo of a skip takes nothing back that a run has heard of. */
enum err outbox_row_said(struct prefs *prefs, int64_t seq)
{
    return sql_do(prefs,
                  "INSERT INTO outbox SELECT j.seq" FOR_A_RUN "AND (j.verdict IN " VERDICTS
                  " OR (j.verdict = 'undo' AND EXISTS (SELECT 1"
                  " FROM judgement u WHERE u.seq = j.undoes AND u.verdict IN " VERDICTS ")))",
                  "i", seq);
}

/* What is in the outbox already stays there, and is another message from now on. */
enum err outbox_row_dropping(struct prefs *prefs, int64_t seq)
{
    return sql_do(prefs,
                  "INSERT OR IGNORE INTO outbox SELECT j.seq" FOR_A_RUN
                  "AND j.verdict IN " VERDICTS
                  " AND NOT EXISTS (SELECT 1 FROM judgement u WHERE u.undoes = j.seq)",
                  "i", seq);
}

enum err outbox_row_check(struct prefs *prefs)
{
    int64_t wrong = 0;
    enum err err = OK;

    if (prefs->version > SCHEMA_FIRST)
        err = sql_number(
            prefs, &wrong, 0,
            "SELECT count(*) FROM outbox x WHERE NOT EXISTS (SELECT 1"
            " FROM judgement j JOIN assignment a ON a.id = j.assignment JOIN origin o"
            " ON o.item = a.item WHERE j.seq = x.judgement AND a.why <> 'repeat'"
            " AND j.verdict IN ('chosen', 'tie', 'both_bad', 'undo', 'dropped'))",
            "");
    return err || !wrong ? err
                         : err_set(ERR_PARSE, "%s: damaged: %lld rows that are for no run",
                                   prefs->path, (long long)wrong);
}

/* ---- sending */

static void name(uint8_t out[PREFS_ID], const struct prefs *prefs, const char *use, int64_t seq,
                 const char *id)
{
    const struct hash of_id = hash_of(id, strlen(id));
    uint64_t bits = 0;
    struct hash hash;

    for (int i = 8; i--;)
        bits = bits << 8 | of_id.byte[i];
    hash = draw_hash(prefs, use, (uint64_t)seq, bits);
    memcpy(out, hash.byte, PREFS_ID);
}

/* Columns: seq, id, verdict, choice, annotator, item, then seq and id of what is undone. */
static enum err read_row(struct prefs_outgoing *out, int64_t *annotator, int64_t *item,
                         struct prefs *prefs, sqlite3_stmt *made)
{
    const char *const id = (const char *)sqlite3_column_text(made, 1);
    const char *const undone = (const char *)sqlite3_column_text(made, 7);
    int verdict;
    enum err err = sql_word(&verdict, made, 2, words_verdict);

    if (!err && (verdict == PREFS_RANKING || verdict == PREFS_STEP ||
                 verdict == PREFS_REWRITTEN || verdict == PREFS_SKIP))
        err = err_set(ERR_PARSE, "%s: damaged: a pair has no verdict '%s'", prefs->path,
                      words_verdict[verdict]);
    if (err)
        return err;
    *out = (struct prefs_outgoing){.seq = sqlite3_column_int64(made, 0),
                                   .verdict = (enum prefs_verdict)verdict,
                                   .choice = sqlite3_column_int(made, 3)};
    *annotator = sqlite3_column_int64(made, 4);
    *item = sqlite3_column_int64(made, 5);
    if (verdict == PREFS_DROPPED) {
        name(out->undoes, prefs, "judgement", out->seq, id);
        name(out->id, prefs, "dropped", out->seq, id);
        out->verdict = PREFS_UNDO;
        return OK;
    }
    name(out->id, prefs, "judgement", out->seq, id);
    if (verdict == PREFS_UNDO && !undone)
        return err_set(ERR_PARSE, "%s: damaged: an undo of nothing", prefs->path);
    if (verdict == PREFS_UNDO)
        name(out->undoes, prefs, "judgement", sqlite3_column_int64(made, 6), undone);
    if (verdict == PREFS_CHOSEN && out->choice != 0 && out->choice != 1)
        return err_set(ERR_PARSE, "%s: damaged: a pair has no candidate %d", prefs->path,
                       out->choice);
    return OK;
}

/* One row behind `after`; out->seq 0: there is none. */
static enum err read_next(struct prefs *prefs, const uint8_t *run, int64_t after,
                          struct prefs_outgoing *out)
{
    sqlite3_stmt *made;
    int64_t annotator = 0, item = 0;
    bool row = false;
    enum err err = sql_open(
        &made, prefs,
        "SELECT j.seq, j.id, j.verdict, j.choice, j.annotator, a.item, u.seq, u.id"
        " FROM outbox x JOIN judgement j ON j.seq = x.judgement"
        " JOIN assignment a ON a.id = j.assignment JOIN origin o ON o.item = a.item"
        " LEFT JOIN judgement u ON u.seq = j.undoes"
        " WHERE x.judgement > ?2 AND o.run = ?1"
        " AND NOT EXISTS (SELECT 1 FROM outbox y JOIN judgement k ON k.seq = y.judgement"
        " WHERE k.assignment = j.assignment AND y.judgement < x.judgement)"
        " ORDER BY x.judgement LIMIT 1",
        "bi", run, (size_t)PREFS_ID, after);

    out->seq = 0;
    if (!err)
        err = sql_step(prefs, made, &row);
    if (err || !row)
        return err;
    err = read_row(out, &annotator, &item, prefs, made);
    sql_end(made);
    if (!err)
        err = prefs_origin_read(prefs, item, &out->origin, &row);
    prefs_pseudonym(prefs, annotator, out->annotator);
    return err;
}

enum err prefs_outbox_read(struct prefs *prefs, const uint8_t *run, struct prefs_outgoing *out,
                           size_t room, size_t *n)
{
    int64_t after = 0;
    enum err err = OK;

    for (*n = 0; *n < room && !err; after = out[(*n)++].seq) {
        err = read_next(prefs, run, after, &out[*n]);
        if (err || !out[*n].seq)
            break;
    }
    return err;
}

enum err prefs_outbox_done(struct prefs *prefs, int64_t seq)
{
    enum err err = sql_begin(prefs);

    if (err)
        return err;
    err = sql_do(prefs, "DELETE FROM outbox WHERE judgement = ?1", "i", seq);
    return sql_finish(prefs, err);
}
