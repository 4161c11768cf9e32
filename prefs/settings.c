/* Settings are one JSON text in `meta`, so that a later program can add some; notes are the
 * study's own, beside it. A changed overlap changes what every item still needs. */

#include "prefs/settings.h"

#include "base/mem.h"
#include "prefs/item_count.h"
#include "prefs/sql.h"

#include <stdlib.h>
#include <string.h>

struct prefs_settings prefs_settings_usual(void)
{
    return (struct prefs_settings){.overlap = 1,
                                   .overlap_max = 1,
                                   .gold_rate = 0.05,
                                   .repeat_rate = 0.05,
                                   .repeat_gap = 20,
                                   .repeat_after_ms = 86400000,
                                   .lease_ms = 900000};
}

/* Comparisons are written so that a NaN fails them. */
enum err settings_check(const struct prefs_settings *s)
{
    if (s->overlap < 1 || s->overlap > PREFS_OVERLAP_MAX)
        return err_set(ERR_RANGE, "overlap %d: not in 1..%d", s->overlap, PREFS_OVERLAP_MAX);
    if (s->overlap_max < s->overlap || s->overlap_max > PREFS_OVERLAP_MAX)
        return err_set(ERR_RANGE, "overlap_max %d: not in overlap (%d)..%d", s->overlap_max,
                       s->overlap, PREFS_OVERLAP_MAX);
    if (!(s->gold_rate >= 0 && s->gold_rate <= 0.5))
        return err_set(ERR_RANGE, "gold_rate %g: not in [0, 0.5]", s->gold_rate);
    if (!(s->repeat_rate >= 0 && s->repeat_rate <= 0.5))
        return err_set(ERR_RANGE, "repeat_rate %g: not in [0, 0.5]", s->repeat_rate);
    if (s->repeat_gap < 1 || s->repeat_gap > 1000000)
        return err_set(ERR_RANGE, "repeat_gap %d: not in 1..1000000", s->repeat_gap);
    if (s->repeat_after_ms < 0)
        return err_set(ERR_RANGE, "repeat_after %lld ms: below 0",
                       (long long)s->repeat_after_ms);
    if (s->lease_ms < 1000 || s->lease_ms > 30LL * 86400000)
        return err_set(ERR_RANGE, "lease %lld ms: not in 1 s .. 30 days",
                       (long long)s->lease_ms);
    return OK;
}

/* Checked again: a file from elsewhere may ask for a lease of no time, and then nothing would
 * ever be judged in time. */
enum err settings_read(struct prefs *prefs)
{
    struct prefs_settings s = {0};
    sqlite3_stmt *made;
    json_t *tree = NULL;
    json_int_t after = 0, lease = 0;
    bool row = false;
    enum err err = sql_open(&made, prefs, "SELECT value FROM meta WHERE key = 'settings'", "");

    if (!err)
        err = sql_step(prefs, made, &row);
    if (!err && row)
        err = sql_json(&tree, made, 0);
    if (row)
        sql_end(made);
    if (err)
        return err;
    if (json_unpack(tree, "{s:i, s:i, s:F, s:F, s:i, s:I, s:I}", "overlap", &s.overlap,
                    "overlap_max", &s.overlap_max, "gold_rate", &s.gold_rate, "repeat_rate",
                    &s.repeat_rate, "repeat_gap", &s.repeat_gap, "repeat_after_ms", &after,
                    "lease_ms", &lease))
        err = err_set(ERR_PARSE, "%s: damaged: it has no settings", prefs->path);
    json_decref(tree);
    s.repeat_after_ms = after;
    s.lease_ms = lease;
    if (!err && settings_check(&s))
        err = err_set(ERR_PARSE, "%s: damaged: %s", prefs->path, err_text());
    if (!err)
        prefs->settings = s;
    return err;
}

/* In the file and in memory at once; who calls puts the old ones back on an error. */
enum err settings_write(struct prefs *prefs, const struct prefs_settings *s)
{
    json_t *const tree =
        json_pack("{s:i, s:i, s:f, s:f, s:i, s:I, s:I}", "overlap", s->overlap, "overlap_max",
                  s->overlap_max, "gold_rate", s->gold_rate, "repeat_rate", s->repeat_rate,
                  "repeat_gap", s->repeat_gap, "repeat_after_ms",
                  (json_int_t)s->repeat_after_ms, "lease_ms", (json_int_t)s->lease_ms);
    const enum err err = sql_do(prefs, "INSERT OR REPLACE INTO meta VALUES ('settings', ?1)",
                                "j", (const json_t *)tree);

    json_decref(tree);
    if (!err)
        prefs->settings = *s;
    return err;
}

const struct prefs_settings *prefs_settings(const struct prefs *prefs)
{
    return &prefs->settings;
}

/* The old ones stand again if the group takes it back: what is in memory follows the file. */
enum err prefs_settings_write(struct prefs *prefs, const struct prefs_settings *settings)
{
    const struct prefs_settings old = prefs->settings;
    enum err err = settings_check(settings);

    if (!err)
        err = sql_begin(prefs);
    if (err)
        return err;
    err = settings_write(prefs, settings);
    if (!err)
        err = item_count_all(prefs);
    err = sql_finish(prefs, err);
    if (err)
        prefs->settings = old;
    return err;
}

/* ---- notes */

/* A prefix keeps what others call their notes apart from what the store calls its own. */
static enum err note_key(char out[PREFS_NAME_MAX + 8], const char *key)
{
    const size_t n = strlen(key);

    if (!n || n > PREFS_NAME_MAX)
        return err_set(ERR_RANGE, "a note's key: 1..%d bytes", PREFS_NAME_MAX);
    memcpy(out, "note:", 5);
    memcpy(out + 5, key, n + 1);
    return OK;
}

/* Part of the group like everything else: a note and what it is about change together. */
enum err prefs_note_write(struct prefs *prefs, const char *key, const json_t *value)
{
    char name[PREFS_NAME_MAX + 8];
    enum err err = note_key(name, key);

    if (!err)
        err = sql_begin(prefs);
    if (err)
        return err;
    if (value)
        err = sql_do(prefs, "INSERT OR REPLACE INTO meta VALUES (?1, ?2)", "tj", name, value);
    else
        err = sql_do(prefs, "DELETE FROM meta WHERE key = ?1", "t", name);
    return sql_finish(prefs, err);
}

enum err prefs_note_read(struct prefs *prefs, const char *key, json_t **out)
{
    char name[PREFS_NAME_MAX + 8];
    sqlite3_stmt *made;
    bool row = false;
    enum err err = note_key(name, key);

    *out = NULL;
    if (!err)
        err = sql_open(&made, prefs, "SELECT value FROM meta WHERE key = ?1", "t", name);
    if (!err)
        err = sql_step(prefs, made, &row);
    if (!err && row)
        err = sql_json(out, made, 0);
    if (row)
        sql_end(made);
    return err;
}

/* ---- guidelines */

/* Never changed: a judgement refers to the version that was shown. */
enum err prefs_guideline_add(struct prefs *prefs, int *version, const char *text, int64_t now)
{
    int64_t newest;
    enum err err = strlen(text) <= PREFS_TEXT_MAX
                       ? sql_begin(prefs)
                       : err_set(ERR_RANGE, "a guideline: at most %d bytes", PREFS_TEXT_MAX);

    if (err)
        return err;
    err = sql_number(prefs, &newest, 0, "SELECT max(version) FROM guideline", "");
    if (!err)
        err = sql_do(prefs, "INSERT INTO guideline VALUES (?1, ?2, ?3)", "iti", newest + 1,
                     text, now);
    *version = (int)newest + 1;
    return sql_finish(prefs, err);
}

enum err prefs_guideline_read(struct prefs *prefs, char **text, int *version, int64_t *at)
{
    sqlite3_stmt *made;
    bool row = false;
    enum err err = sql_open(&made, prefs,
                            "SELECT version, text, at FROM guideline"
                            " WHERE version = ?1 OR ?1 = 0 ORDER BY version DESC LIMIT 1",
                            "i", (int64_t)*version);

    *text = NULL;
    *version = 0;
    *at = 0;
    if (!err)
        err = sql_step(prefs, made, &row);
    if (err || !row)
        return err;
    *version = sqlite3_column_int(made, 0);
    *text = sql_text(made, 1);
    *at = sqlite3_column_int64(made, 2);
    sql_end(made);
    return OK;
}
