/* What is added is checked whole first: what a mode needs of its candidates, texts within
 * their limits, a gold answer that the mode has. A hash of the content is kept with it, so
 * that adding a file twice adds nothing, and a key that suddenly means something else is
 * refused. */

#include "prefs/item.h"

#include "base/hash.h"
#include "base/mem.h"
#include "prefs/item_count.h"
#include "prefs/judge.h"
#include "prefs/origin_row.h"
#include "prefs/sql.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void prefs_item_free(struct prefs_item *item)
{
    for (int i = 0; i < item->n; i++) {
        json_decref(item->candidate[i].content);
        json_decref(item->candidate[i].meta);
        free(item->candidate[i].model);
    }
    json_decref(item->prompt);
    json_decref(item->meta);
    json_decref(item->gold);
    free(item->key);
    free(item->active);
    free(item->origin);
    *item = (struct prefs_item){0};
}

/* ---- what an item may be */

/* What is stored is the dumped text, so that is what is measured; what cannot be dumped (a
 * number that is none) is not stored. */
static enum err check_size(const json_t *value, const char *what)
{
    char *const text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    const size_t n = text ? strlen(text) : 0;
    json_t *const again = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
    const bool readable = again != NULL;

    free(text);
    json_decref(again);
    if (!readable)
        return err_set(ERR_RANGE, "%s: holds U+0000, or no text", what);
    return n <= PREFS_TEXT_MAX
               ? OK
               : err_set(ERR_RANGE, "%s: more than %d bytes", what, PREFS_TEXT_MAX);
}

static bool is_list_of(const json_t *value, bool (*of)(const json_t *))
{
    size_t i;
    const json_t *part;

    if (!json_is_array(value) || !json_array_size(value))
        return false;
    json_array_foreach((json_t *)(uintptr_t)value, i, part) if (!of(part)) return false;
    return true;
}

static bool is_object(const json_t *value)
{
    return json_is_object(value);
}

static bool is_string(const json_t *value)
{
    return json_is_string(value);
}

/* A page shows a text or a dialogue; steps are texts, because a judgement points at one of
 * them. */
static enum err check_content(const json_t *value, enum prefs_mode mode, const char *what)
{
    const bool said = json_is_string(value) || is_list_of(value, is_object);

    if (mode == PREFS_STEPS ? !is_list_of(value, is_string) : !said)
        return err_set(ERR_RANGE, "%s: %s is wanted", what,
                       mode == PREFS_STEPS ? "a list of steps (texts)"
                                           : "a text or a list of messages");
    if (mode == PREFS_STEPS && json_array_size(value) > PREFS_STEPS_MAX)
        return err_set(ERR_RANGE, "%s: more than %d steps", what, PREFS_STEPS_MAX);
    return check_size(value, what);
}

static enum err check_name(const char *name, const char *what)
{
    const size_t n = name ? strlen(name) : 1;

    return n && n <= PREFS_NAME_MAX
               ? OK
               : err_set(ERR_RANGE, "%s: 1..%d bytes", what, PREFS_NAME_MAX);
}

/* Two and no more where the question is which of two; a page for three would be another
 * question. */
static enum err check_count(const struct prefs_item *item)
{
    static const struct {
        int least, most;
    } wanted[PREFS_MODES] = {[PREFS_PAIR] = {2, 2},
                             [PREFS_RANK] = {2, PREFS_CANDIDATES_MAX},
                             [PREFS_STEPS] = {1, 1},
                             [PREFS_TRAJECTORY] = {2, 2},
                             [PREFS_REWRITE] = {1, 1}};

    if (item->n < wanted[item->mode].least || item->n > wanted[item->mode].most)
        return err_set(ERR_RANGE, "%d candidates: mode %s takes %d..%d", item->n,
                       words_mode[item->mode], wanted[item->mode].least,
                       wanted[item->mode].most);
    return OK;
}

static enum err check_candidates(const struct prefs_item *item)
{
    enum err err = check_count(item);

    for (int i = 0; !err && i < item->n; i++) {
        const struct prefs_candidate *const one = &item->candidate[i];
        err = check_content(one->content, item->mode, "a candidate");
        if (!err)
            err = check_name(one->model, "a candidate's model");
        if (!err && one->meta)
            err = check_size(one->meta, "a candidate's meta");
    }
    return err;
}

static enum err check_prompt(const json_t *prompt)
{
    if (!prompt)
        return OK;
    if (!json_is_string(prompt) && !is_list_of(prompt, is_object))
        return err_set(ERR_RANGE, "prompt: a text or a list of messages is wanted");
    return check_size(prompt, "prompt");
}

/* How it is planned: what a file or a strategy says of it beside the content. */
static enum err check_plan(const struct prefs_item *item)
{
    struct prefs_judgement gold;
    enum err err = item->gold ? prefs_verdict_read(item->gold, item->mode, item->n, &gold) : OK;

    if (!err && (item->overlap < 0 || item->overlap > PREFS_OVERLAP_MAX))
        err = err_set(ERR_RANGE, "overlap %d: not in 0..%d", item->overlap, PREFS_OVERLAP_MAX);
    if (!err && item->active)
        err = check_name(item->active, "a strategy");
    if (!err && item->origin && (item->mode != PREFS_PAIR || item->gold))
        err = err_set(ERR_RANGE, "a fleet's pair is a pair, and no gold question");
    if (!err && !(isfinite(item->priority) && item->chance > 0 && item->chance <= 1))
        err = err_set(ERR_RANGE, "priority %g, chance %g: a number, and one in (0, 1]",
                      item->priority, item->chance);
    return err;
}

static enum err check_item(const struct prefs_item *item)
{
    enum err err = check_name(item->key, "an item's key");

    if (!err)
        err = check_prompt(item->prompt);
    if (!err && item->meta)
        err = check_size(item->meta, "meta");
    if (!err)
        err = check_candidates(item);
    return err ? err : check_plan(item);
}

/* Mode, prompt and candidates: what the people are shown. */
static struct hash content_hash(const struct prefs_item *item)
{
    json_t *const all = json_array();
    char *text;
    struct hash hash;

    json_array_append_new(all, json_string(words_mode[item->mode]));
    json_array_append_new(all, item->prompt ? json_incref(item->prompt) : json_null());
    for (int i = 0; i < item->n; i++)
        json_array_append(all, item->candidate[i].content);
    text = json_dumps(all, JSON_COMPACT | JSON_SORT_KEYS);
    hash = hash_of(text ? text : "", text ? strlen(text) : 0);
    free(text);
    json_decref(all);
    return hash;
}

/* ---- adding */

/* The counters begin as nothing and are counted at once: what an item needs follows from the
 * settings as they are now. */
static enum err insert(struct prefs *prefs, int64_t id, const char *key,
                       const struct prefs_item *item, const struct hash *content, int64_t now)
{
    enum err err = sql_do(
        prefs,
        "INSERT INTO item VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, ?9, ?10, ?11, ?12, ?13,"
        " 0, 0, 0, 0, 0, 0, 0, 0, 0)",
        "ittjjjiitrrih", id, key, words_mode[item->mode], (const json_t *)item->prompt,
        (const json_t *)item->meta, (const json_t *)item->gold, (int64_t)item->n,
        (int64_t)item->overlap, item->active, item->priority, item->chance, now, content);

    for (int i = 0; !err && i < item->n; i++)
        err = sql_do(prefs, "INSERT INTO candidate VALUES (?1, ?2, ?3, ?4, ?5)", "iijtj", id,
                     (int64_t)i, (const json_t *)item->candidate[i].content,
                     item->candidate[i].model, (const json_t *)item->candidate[i].meta);
    return err ? err : item_count(prefs, id, false, NULL);
}

/* *id: the item that has this key; 0: none. */
static enum err key_taken(struct prefs *prefs, const char *key, const struct hash *content,
                          int64_t *id)
{
    sqlite3_stmt *made;
    bool row = false;
    enum err err =
        sql_open(&made, prefs, "SELECT id, content FROM item WHERE key = ?1", "t", key);

    *id = 0;
    if (!err)
        err = sql_step(prefs, made, &row);
    if (err || !row)
        return err;
    *id = sqlite3_column_int64(made, 0);
    if (sqlite3_column_bytes(made, 1) != HASH_BYTES ||
        memcmp(sqlite3_column_blob(made, 1), content->byte, HASH_BYTES) != 0)
        err = err_set(ERR_STATE, "item '%s' is there already, with other content", key);
    sql_end(made);
    return err;
}

/* max + 1, not what SQLite would choose: the same calls give the same numbers on any build, and
 * items are never deleted. */
enum err prefs_item_add(struct prefs *prefs, int64_t *id, const struct prefs_item *item,
                        int64_t now)
{
    struct prefs_item whole = *item;
    struct hash content;
    int64_t last = 0;
    char *made = NULL;
    enum err err;

    whole.chance = item->chance == 0 ? 1 : item->chance;
    err = check_item(&whole);
    if (!err)
        err = sql_begin(prefs);
    if (err)
        return err;
    content = content_hash(item);
    err = sql_number(prefs, &last, 0, "SELECT max(id) FROM item", "");
    if (!err && !item->key)
        made = mem_print("%lld", (long long)last + 1);
    if (!err)
        err = key_taken(prefs, made ? made : item->key, &content, id);
    if (!err && !*id) {
        *id = last + 1;
        err = insert(prefs, *id, made ? made : item->key, &whole, &content, now);
    }
    if (!err && item->origin)
        err = origin_row_write(prefs, *id, item->origin);
    free(made);
    return sql_finish(prefs, err);
}

/* ---- reading */

/* As many as the item says, neither more nor fewer: an order of candidates is checked against
 * it. */
static enum err read_candidates(struct prefs *prefs, struct prefs_item *out, int n)
{
    sqlite3_stmt *made;
    bool row = false;
    enum err err = sql_open(&made, prefs,
                            "SELECT content, model, meta FROM candidate WHERE item = ?1"
                            " ORDER BY number",
                            "i", out->id);

    while (!err) {
        struct prefs_candidate *const to = &out->candidate[out->n];
        err = sql_step(prefs, made, &row);
        if (err || !row)
            break;
        if (out->n == n) {
            err = err_set(ERR_PARSE, "%s: damaged: candidates of item %lld", prefs->path,
                          (long long)out->id);
            break;
        }
        out->n++;
        err = sql_json(&to->content, made, 0);
        to->model = sql_text(made, 1);
        if (!err)
            err = sql_json(&to->meta, made, 2);
    }
    if (row)
        sql_end(made);
    if (!err && out->n != n)
        err = err_set(ERR_PARSE, "%s: damaged: candidates of item %lld", prefs->path,
                      (long long)out->id);
    return err;
}

static enum err read_row(sqlite3_stmt *made, struct prefs_item *out, int *n)
{
    int mode = 0;
    enum err err = sql_word(&mode, made, 1, words_mode);

    out->key = sql_text(made, 0);
    out->mode = (enum prefs_mode)mode;
    if (!err)
        err = sql_json(&out->prompt, made, 2);
    if (!err)
        err = sql_json(&out->meta, made, 3);
    if (!err)
        err = sql_json(&out->gold, made, 4);
    *n = sqlite3_column_int(made, 5);
    out->overlap = sqlite3_column_int(made, 6);
    out->withdrawn = sqlite3_column_int(made, 7);
    out->active = sql_text(made, 8);
    out->priority = sqlite3_column_double(made, 9);
    out->chance = sqlite3_column_double(made, 10);
    out->at = sqlite3_column_int64(made, 11);
    out->planned = sqlite3_column_int(made, 12);
    out->extra = sqlite3_column_int(made, 13);
    out->differ = sqlite3_column_int(made, 14) > 0;
    out->adjudicated = sqlite3_column_int(made, 15);
    if (!err && (*n < 1 || *n > PREFS_CANDIDATES_MAX))
        err = err_set(ERR_PARSE, "the store is damaged: %d candidates", *n);
    return err;
}

static enum err read_origin(struct prefs *prefs, struct prefs_item *out)
{
    struct prefs_origin origin;
    bool found;
    const enum err err = prefs_origin_read(prefs, out->id, &origin, &found);

    if (err || !found)
        return err;
    out->origin = mem_new(1, sizeof origin);
    *out->origin = origin;
    return OK;
}

enum err prefs_item_read(struct prefs *prefs, int64_t id, struct prefs_item *out)
{
    sqlite3_stmt *made;
    int n = 0;
    enum err err =
        sql_row(&made, prefs,
                "SELECT key, mode, prompt, meta, gold, n, overlap, withdrawn, active,"
                " priority, chance, at, judged, extra_judged, split, adjudicated"
                " FROM item WHERE id = ?1",
                "i", id);

    *out = (struct prefs_item){.id = id};
    if (err == ERR_RANGE)
        return err_set(err, "there is no item %lld", (long long)id);
    if (err)
        return err;
    err = read_row(made, out, &n);
    sql_end(made);
    if (!err)
        err = read_candidates(prefs, out, n);
    if (!err)
        err = read_origin(prefs, out);
    if (err)
        prefs_item_free(out);
    return err;
}

enum err prefs_item_find(struct prefs *prefs, const char *key, int64_t *id)
{
    const enum err err =
        sql_number(prefs, id, 0, "SELECT id FROM item WHERE key = ?1", "t", key);

    return err || *id ? err : err_set(ERR_RANGE, "there is no item '%s'", key);
}

enum err prefs_item_after(struct prefs *prefs, int64_t after, struct prefs_item *out)
{
    int64_t id = 0;
    const enum err err =
        sql_number(prefs, &id, 0, "SELECT min(id) FROM item WHERE id > ?1", "i", after);

    *out = (struct prefs_item){.id = 0};
    return err || !id ? err : prefs_item_read(prefs, id, out);
}

/* By number, one at a time: no statement stays open while the visitor works, who may write. */
enum err prefs_item_visit(struct prefs *prefs,
                          enum err (*visit)(void *self, const struct prefs_item *item),
                          void *self)
{
    struct prefs_item item = {.id = 0};
    enum err err = prefs_item_after(prefs, 0, &item);

    while (!err && item.id) {
        const int64_t id = item.id;
        err = visit(self, &item);
        prefs_item_free(&item);
        if (!err)
            err = prefs_item_after(prefs, id, &item);
    }
    return err;
}

/* ---- changing */

/* What people have open ends at once: their next request tells them so. */
enum err prefs_item_withdraw(struct prefs *prefs, int64_t id, bool withdrawn)
{
    enum err err = sql_begin(prefs);

    if (err)
        return err;
    err = sql_do(prefs, "UPDATE item SET withdrawn = ?2 WHERE id = ?1", "ii", id,
                 (int64_t)withdrawn);
    if (!err && withdrawn)
        err = sql_do(
            prefs,
            "UPDATE assignment SET state = 'withdrawn' WHERE item = ?1 AND state = 'open'", "i",
            id);
    if (!err)
        err = item_count(prefs, id, false, NULL);
    return sql_finish(prefs, err);
}

enum err prefs_item_prioritise(struct prefs *prefs, int64_t id, const char *strategy,
                               double priority, double chance)
{
    enum err err = strategy ? check_name(strategy, "a strategy") : OK;

    if (!err && !(isfinite(priority) && chance > 0 && chance <= 1))
        err = err_set(ERR_RANGE, "priority %g, chance %g: a number, and one in (0, 1]",
                      priority, chance);
    if (!err)
        err = sql_begin(prefs);
    if (err)
        return err;
    err = sql_do(prefs, "UPDATE item SET active = ?2, priority = ?3, chance = ?4 WHERE id = ?1",
                 "itrr", id, strategy, priority, chance);
    if (!err)
        err = item_count(prefs, id, false, NULL);
    return sql_finish(prefs, err);
}

/* One pass over the items, by their counters, and one over what was given. */
enum err prefs_progress(struct prefs *prefs, struct prefs_progress *out)
{
    sqlite3_stmt *made;
    bool row = false;
    int64_t *const to[] = {&out->items,  &out->gold,   &out->withdrawn, &out->finished,
                           &out->wanted, &out->judged, &out->extra,     &out->adjudicated,
                           &out->differ, &out->open,   &out->skips,     &out->repeats,
                           &out->golds};
    enum err err = sql_open(
        &made, prefs,
        "SELECT i.*, a.* FROM (SELECT total(plan), total(gold IS NOT NULL AND NOT withdrawn),"
        " total(withdrawn), total(plan AND judged >= k AND extra_judged >= asked),"
        " total(plan * k), total(plan * min(judged, k)), total(extra_judged),"
        " total(adjudicated), total(plan AND split > 0 AND NOT adjudicated)"
        " FROM (SELECT *, CASE WHEN overlap THEN overlap ELSE ?1 END AS k,"
        " (gold IS NULL AND NOT withdrawn) AS plan FROM item)) i CROSS JOIN"
        " (SELECT total(state = 'open'), total(state = 'skipped'), total(state = 'done' AND"
        " why = 'repeat'), total(state = 'done' AND why = 'gold') FROM assignment) a",
        "i", (int64_t)prefs->settings.overlap);

    *out = (struct prefs_progress){0};
    if (!err)
        err = sql_step(prefs, made, &row);
    if (err || !row)
        return err;
    for (int i = 0; i < (int)(sizeof to / sizeof *to); i++)
        *to[i] = sqlite3_column_int64(made, i);
    sql_end(made);
    return OK;
}
