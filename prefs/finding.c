/* What kind is due is drawn (offer.h); an item of that kind is looked for by an index, from the
 * place where the person stands in it (bookmark.h). Gold
 * questions and repeats come only while something planned is left, so that nobody is kept busy
 * with them. */

#include "prefs/finding.h"

#include "prefs/bookmark.h"
#include "prefs/offer.h"
#include "prefs/sql.h"

#include <math.h>

/* Of the row that the statement stands at, which ends. */
static enum err read_pick(struct prefs *prefs, sqlite3_stmt *made, struct finding *out)
{
    out->item = sqlite3_column_int64(made, 0);
    out->n = sqlite3_column_int(made, 1);
    sql_copy(out->active, sizeof out->active, made, 2);
    out->chance = sqlite3_column_double(made, 3);
    out->repeats = sqlite3_column_int64(made, 4);
    out->why = sqlite3_column_int(made, 5) ? PREFS_DISAGREEMENT
               : *out->active              ? PREFS_ACTIVE
                                           : PREFS_PLAN;
    sql_end(made);
    return out->n >= 1 && out->n <= PREFS_CANDIDATES_MAX
               ? OK
               : err_set(ERR_PARSE, "%s: damaged: %d candidates", prefs->path, out->n);
}

/* What is needed and was not given to this person, in the order of the index: what a strategy
 * wants first, then what is planned before what was asked for later, then what lacks fewest
 * (an item that is begun is finished before another is begun). */
#define NEEDED(where, order) \
    "SELECT id, n, active, chance, 0, late, priority, need FROM item WHERE need > 0 AND NOT" \
    " EXISTS (SELECT 1 FROM assignment a WHERE a.annotator = ?1 AND a.item = item.id AND" \
    " a.state IN ('open', 'done', 'skipped')) AND " where " ORDER BY " order " LIMIT 1"

static struct bookmark_key key_of(sqlite3_stmt *made)
{
    return (struct bookmark_key){.priority = sqlite3_column_double(made, 6),
                                 .late = sqlite3_column_int64(made, 5),
                                 .need = sqlite3_column_int64(made, 7),
                                 .id = sqlite3_column_int64(made, 0)};
}

/* The first at `from` or behind it: of its kind; of those that need more; of late ones; of lower
 * priority. Each is a stretch of the index, which one question for all of them would walk from
 * its beginning. */
static enum err find_behind(struct prefs *prefs, struct bookmark *bookmark, struct finding *out,
                            bool *found)
{
    static const char *const stretch[] = {
        NEEDED("priority = ?2 AND late = ?3 AND need = ?4 AND id >= ?5", "id"),
        NEEDED("priority = ?2 AND late = ?3 AND need > ?4", "need, id"),
        NEEDED("priority = ?2 AND late > ?3", "late, need, id"),
        NEEDED("priority < ?2", "priority DESC, late, need, id"),
    };
    static const char *const types[] = {"iriii", "irii", "iri", "ir"};
    const struct bookmark_key from = bookmark->from;
    const int first = isinf(from.priority) ? 3 : 0;
    sqlite3_stmt *made;
    enum err err = OK;

    *found = false;
    bookmark->from = bookmark_last;
    for (int i = first; !err && !*found && i < 4; i++) {
        err = sql_open(&made, prefs, stretch[i], types[i], bookmark->person, from.priority,
                       from.late, from.need, from.id);
        if (!err)
            err = sql_step(prefs, made, found);
        if (!err && *found) {
            bookmark->from = key_of(made);
            err = read_pick(prefs, made, out);
        }
    }
    return err;
}

/* Of those that came to stand before the person's place, the first; what nobody needs any more, what
 * he was given and what went behind his place is struck out. */
static enum err find_waiting(struct prefs *prefs, struct bookmark *bookmark,
                             struct finding *out, bool *found)
{
    struct bookmark_key best = bookmark_last;
    sqlite3_stmt *made;
    enum err err = OK;
    int kept = 0;

    *found = false;
    for (int i = 0; !err && i < bookmark->waiting_n; i++) {
        const int64_t id = bookmark->waiting[i];
        struct bookmark_key key;
        bool row;
        err = sql_open(&made, prefs, NEEDED("id = ?2", "id"), "ii", bookmark->person, id);
        if (!err)
            err = sql_step(prefs, made, &row);
        if (err || !row)
            continue;
        key = key_of(made);
        if (bookmark_before(&key, &bookmark->from))
            bookmark->waiting[kept++] = id;
        if (!bookmark_before(&key, &bookmark->from) || !bookmark_before(&key, &best)) {
            sql_end(made);
            continue;
        }
        best = key;
        *found = true;
        err = read_pick(prefs, made, out);
    }
    bookmark->waiting_n = kept;
    return err;
}

static enum err find_planned(struct prefs *prefs, int64_t annotator, struct finding *out,
                             bool *found)
{
    struct bookmark *const bookmark = bookmark_of(prefs->bookmarks, annotator);
    const enum err err = find_waiting(prefs, bookmark, out, found);

    return err || *found ? err : find_behind(prefs, bookmark, out, found);
}

/* Drawn evenly of those that this person has not seen: everybody meets other ones, in another
 * order, so that nobody can tell the others which they are. */
static enum err find_gold(struct prefs *prefs, const struct finding_person *person,
                          struct finding *out, bool *found)
{
    sqlite3_stmt *made;
    int64_t n;
    enum err err = sql_number(
        prefs, &n, 0,
        "SELECT count(*) FROM item WHERE gold IS NOT NULL AND NOT withdrawn AND NOT EXISTS"
        " (SELECT 1 FROM assignment a WHERE a.annotator = ?1 AND a.item = item.id"
        " AND a.state IN ('open', 'done', 'skipped'))",
        "i", person->id);
    const double u = prefs_draw(prefs, "gold", (uint64_t)person->id, (uint64_t)person->given);

    *found = false;
    if (err || !n)
        return err;
    err = sql_open(
        &made, prefs,
        "SELECT id, n, NULL, 1.0, 0, 0 FROM item WHERE gold IS NOT NULL AND NOT withdrawn"
        " AND NOT EXISTS (SELECT 1 FROM assignment a WHERE a.annotator = ?1"
        " AND a.item = item.id AND a.state IN ('open', 'done', 'skipped'))"
        " ORDER BY id LIMIT 1 OFFSET ?2",
        "ii", person->id, offer_pick(u, n));
    if (!err)
        err = sql_step(prefs, made, found);
    if (!err && *found)
        err = read_pick(prefs, made, out);
    out->why = PREFS_GOLD;
    out->chance = 1 / (double)n;
    return err;
}

/* Of what this person judged at least so many items or so long ago, and has not repeated. */
#define REPEATABLE \
    " FROM assignment a JOIN item i ON i.id = a.item WHERE a.annotator = ?1" \
    " AND a.state = 'done' AND a.why IN ('plan', 'active', 'disagreement') AND i.n > 1" \
    " AND NOT i.withdrawn AND (a.nth <= ?2 OR a.ended <= ?3) AND NOT EXISTS" \
    " (SELECT 1 FROM assignment r WHERE r.repeats = a.id" \
    " AND r.state IN ('open', 'done', 'skipped'))"

static enum err find_repeat(struct prefs *prefs, const struct finding_person *person,
                            int64_t now, struct finding *out, bool *found)
{
    const int64_t before = person->given + 1 - prefs->settings.repeat_gap,
                  ended = now - prefs->settings.repeat_after_ms;
    const double u = prefs_draw(prefs, "repeat", (uint64_t)person->id, (uint64_t)person->given);
    sqlite3_stmt *made;
    int64_t n;
    enum err err = sql_number(prefs, &n, 0, "SELECT count(*)" REPEATABLE, "iii", person->id,
                              before, ended);

    *found = false;
    if (err || !n)
        return err;
    err = sql_open(&made, prefs,
                   "SELECT i.id, i.n, NULL, 1.0, a.id, 0" REPEATABLE
                   " ORDER BY a.id LIMIT 1 OFFSET ?4",
                   "iiii", person->id, before, ended, offer_pick(u, n));
    if (!err)
        err = sql_step(prefs, made, found);
    if (!err && *found)
        err = read_pick(prefs, made, out);
    out->why = PREFS_REPEAT;
    out->chance = 1 / (double)n;
    return err;
}

/* *found false: nothing at all. */
enum err finding_choose(struct prefs *prefs, const struct finding_person *person, int64_t now,
                        struct finding *out, bool *found)
{
    const double u = prefs_draw(prefs, "offer", (uint64_t)person->id, (uint64_t)person->given);
    const enum prefs_why wish =
        offer_wish(u, prefs->settings.gold_rate, prefs->settings.repeat_rate);
    struct finding other = {.item = 0};
    bool is_other = false;
    enum err err = find_planned(prefs, person->id, out, found);

    if (err || !*found)
        return err;
    if (wish == PREFS_GOLD)
        err = find_gold(prefs, person, &other, &is_other);
    else if (wish == PREFS_REPEAT)
        err = find_repeat(prefs, person, now, &other, &is_other);
    if (!err && is_other)
        *out = other;
    return err;
}
