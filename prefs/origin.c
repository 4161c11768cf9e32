/* Numbers of a fleet have no sign; the tables' have one: what does not fit is no number of any
 * fleet, and is refused. Tasks and iterations likewise. */

#include "prefs/origin.h"

#include "prefs/origin_row.h"
#include "prefs/schema.h"
#include "prefs/sql.h"

#include <string.h>

/* Older stores, read as they are, have no such table. */
static bool has_table(const struct prefs *prefs)
{
    return prefs->version > SCHEMA_FIRST;
}

/* ---- the row */

enum err origin_row_write(struct prefs *prefs, int64_t item, const struct prefs_origin *o)
{
    struct prefs_origin old;
    bool found = false;
    enum err err = prefs_origin_read(prefs, item, &old, &found);

    if (err)
        return err;
    if (found)
        return memcmp(old.pair, o->pair, PREFS_ID)
                   ? err_set(ERR_STATE, "item %lld is another pair's", (long long)item)
                   : OK;
    if (o->task > INT64_MAX || o->version > INT64_MAX || o->iteration > INT64_MAX)
        return err_set(ERR_RANGE, "a task, version or iteration of 2^63 or more");
    err = sql_do(prefs,
                 "INSERT INTO origin VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                 "ibbiiihhihi", item, o->pair, (size_t)PREFS_ID, o->run, (size_t)PREFS_ID,
                 (int64_t)o->task, (int64_t)o->sample[0], (int64_t)o->sample[1], &o->rollout[0],
                 &o->rollout[1], (int64_t)o->version, &o->image, (int64_t)o->iteration);
    return err == ERR_STATE ? err_set(ERR_STATE, "this pair is another item") : err;
}

/* Bytes of a fixed length; the table's rules have seen to it, of a file that was checked. */
static enum err take(void *to, size_t n, struct prefs *prefs, sqlite3_stmt *made, int column)
{
    const void *const bytes = sqlite3_column_blob(made, column);

    if (!bytes || (size_t)sqlite3_column_bytes(made, column) != n)
        return err_set(ERR_PARSE, "%s: damaged: an origin", prefs->path);
    memcpy(to, bytes, n);
    return OK;
}

static enum err read_row(struct prefs_origin *out, struct prefs *prefs, sqlite3_stmt *made)
{
    enum err err = take(out->pair, PREFS_ID, prefs, made, 0);

    if (!err)
        err = take(out->run, PREFS_ID, prefs, made, 1);
    if (!err)
        err = take(&out->rollout[0], HASH_BYTES, prefs, made, 5);
    if (!err)
        err = take(&out->rollout[1], HASH_BYTES, prefs, made, 6);
    if (!err)
        err = take(&out->image, HASH_BYTES, prefs, made, 8);
    out->task = (uint64_t)sqlite3_column_int64(made, 2);
    out->sample[0] = (uint32_t)sqlite3_column_int64(made, 3);
    out->sample[1] = (uint32_t)sqlite3_column_int64(made, 4);
    out->version = (uint64_t)sqlite3_column_int64(made, 7);
    out->iteration = (uint64_t)sqlite3_column_int64(made, 9);
    return err;
}

enum err prefs_origin_read(struct prefs *prefs, int64_t item, struct prefs_origin *out,
                           bool *found)
{
    sqlite3_stmt *made;
    enum err err;

    *found = false;
    if (!has_table(prefs))
        return OK;
    err = sql_open(&made, prefs,
                   "SELECT pair, run, task, sample_a, sample_b, rollout_a, rollout_b, version,"
                   " version_hash, iteration FROM origin WHERE item = ?1",
                   "i", item);
    if (!err)
        err = sql_step(prefs, made, found);
    if (err || !*found)
        return err;
    err = read_row(out, prefs, made);
    sql_end(made);
    return err;
}

/* ---- figures */

enum err prefs_origin_count(struct prefs *prefs, const uint8_t *run,
                            struct prefs_origin_count *out)
{
    sqlite3_stmt *made;
    bool row = false;
    enum err err;

    *out = (struct prefs_origin_count){0};
    if (!has_table(prefs))
        return OK;
    err = sql_open(&made, prefs,
                   "SELECT count(*), coalesce(sum(i.need > 0), 0),"
                   " coalesce(sum(i.need > 0 AND i.priority < 0), 0)"
                   " FROM origin o JOIN item i ON i.id = o.item WHERE o.run = ?1",
                   "b", run, (size_t)PREFS_ID);
    if (!err)
        err = sql_step(prefs, made, &row);
    if (!err && row) {
        out->pairs = sqlite3_column_int64(made, 0);
        out->waiting = sqlite3_column_int64(made, 1);
        out->late = sqlite3_column_int64(made, 2);
        sql_end(made);
    }
    if (!err)
        err =
            sql_open(&made, prefs,
                     "SELECT coalesce(sum(o.run = ?1), 0), coalesce(sum(o.run <> ?1), 0)"
                     " FROM outbox x JOIN judgement j ON j.seq = x.judgement JOIN assignment a"
                     " ON a.id = j.assignment JOIN origin o ON o.item = a.item",
                     "b", run, (size_t)PREFS_ID);
    if (!err)
        err = sql_step(prefs, made, &row);
    if (!err && row) {
        out->outbox = sqlite3_column_int64(made, 0);
        out->others = sqlite3_column_int64(made, 1);
        sql_end(made);
    }
    return err;
}
