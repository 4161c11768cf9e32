/* An item's assignments are few (its overlap, some extras, repeats): they are read and counted
 * anew whenever one of them changes, so that no counter can drift from what it counts.
 *
 * * One more judgement is asked for where people differ: the first as soon as the planned ones
 * do, a further one only while no view is shared by most: k = 2 and 1:1 asks for a third,
 * which ends it. Rewrites are never the same and ask for nothing. */

#include "prefs/item_count.h"

#include "base/mem.h"
#include "prefs/sql.h"

#include <stdlib.h>
#include <string.h>

enum { VIEWS_MAX = 256 };

struct views {
    char *said[VIEWS_MAX];
    int n[VIEWS_MAX], kinds, all;
};

/* Rewrites and skips have no view and never come here: nothing would be shared between them. */
static void views_add(struct views *views, const char *said)
{
    int i = 0;

    while (i < views->kinds && strcmp(views->said[i], said) != 0)
        i++;
    if (i == VIEWS_MAX)
        return; /* far beyond any overlap: it is split anyway */
    if (i == views->kinds)
        views->said[views->kinds++] = mem_text(said);
    views->n[i]++;
    views->all++;
}

/* More than half, not the most: 2:2:1 decides nothing. */
static int views_split(const struct views *views)
{
    int most = 0;

    for (int i = 0; i < views->kinds; i++)
        most = views->n[i] > most ? views->n[i] : most;
    if (views->kinds < 2)
        return ITEM_COUNT_ONE_VIEW;
    return 2 * most > views->all ? ITEM_COUNT_MOST : ITEM_COUNT_EVEN;
}

/* What the rows say beside the counters: where the item stands in the order of what is needed,
 * and who has had it (finding.c's rule). Whoever is beyond the room is asked about again. */
struct spot {
    double priority;
    int64_t had[VIEWS_MAX];
    size_t n;
};

static void spot_add(struct spot *spot, int state, int64_t annotator)
{
    if ((state == PREFS_OPEN || state == PREFS_DONE || state == PREFS_SKIPPED) &&
        spot->n < VIEWS_MAX)
        spot->had[spot->n++] = annotator;
}

/* Gold and repeats say something about a person, not about the item: they count for nothing
 * here, so that no estimate and no plan rests on them. */
static enum err count_row(struct item_count *count, struct views *views, struct spot *spot,
                          sqlite3_stmt *made)
{
    const char *const said = (const char *)sqlite3_column_text(made, 2);
    int why, state;
    bool live, done;
    enum err err = sql_word(&why, made, 0, words_why);

    if (!err)
        err = sql_word(&state, made, 1, words_state);
    if (err)
        return err;
    spot_add(spot, state, sqlite3_column_int64(made, 3));
    done = state == PREFS_DONE;
    live = done || state == PREFS_OPEN;
    if (why == PREFS_PLAN || why == PREFS_ACTIVE) {
        count->planned += live;
        count->judged += done;
    } else if (why == PREFS_DISAGREEMENT) {
        count->extra += live;
        count->extra_judged += done;
    } else {
        count->adjudicated |= why == PREFS_ADJUDICATION && done;
        return OK;
    }
    if (done && said && *said)
        views_add(views, said);
    return OK;
}

static enum err count_rows(struct prefs *prefs, int64_t item, struct item_count *count,
                           struct views *views, struct spot *spot)
{
    sqlite3_stmt *made;
    bool row = false;
    enum err err = sql_open(
        &made, prefs, "SELECT why, state, said, annotator FROM assignment WHERE item = ?1", "i",
        item);

    while (!err) {
        err = sql_step(prefs, made, &row);
        if (err || !row)
            return err;
        err = count_row(count, views, spot, made);
    }
    if (row)
        sql_end(made);
    return err;
}

/* What the row itself says: how many are planned of it, whether it is in the plan at all. */
static enum err read_plan(struct prefs *prefs, int64_t item, int64_t *overlap,
                          struct item_count *count, struct spot *spot)
{
    sqlite3_stmt *made;
    enum err err = sql_row(&made, prefs,
                           "SELECT CASE WHEN withdrawn OR gold IS NOT NULL THEN 0 WHEN overlap"
                           " THEN overlap ELSE ?2 END, asked, priority FROM item WHERE id = ?1",
                           "ii", item, (int64_t)prefs->settings.overlap);

    if (err == ERR_RANGE)
        return err_set(err, "there is no item %lld", (long long)item);
    if (err)
        return err;
    *overlap = sqlite3_column_int64(made, 0);
    count->asked = sqlite3_column_int64(made, 1);
    spot->priority = sqlite3_column_double(made, 2);
    sql_end(made);
    return OK;
}

/* Planned ones first: while any is missing, nothing is known about disagreement. What is asked
 * for beyond them never sinks again, not even when somebody takes a judgement back: it was
 * promised by what people had said. */
static void settle(struct item_count *count, int64_t overlap, int64_t most,
                   const struct views *views, bool ask)
{
    const int split = views_split(views);
    const bool asked_out = count->judged >= overlap && count->extra_judged >= count->asked;

    if (ask && asked_out && overlap && overlap + count->asked < most &&
        (split == ITEM_COUNT_EVEN || (split == ITEM_COUNT_MOST && !count->asked)))
        count->asked++;
    count->split = overlap && count->judged >= overlap ? split : ITEM_COUNT_ONE_VIEW;
    count->need = overlap - count->planned;
    count->late = count->need <= 0;
    if (count->late)
        count->need = overlap && count->asked > count->extra ? count->asked - count->extra : 0;
}

static enum err count_whole(struct prefs *prefs, int64_t item, bool ask,
                            struct item_count *count, struct spot *spot)
{
    struct views views = {.kinds = 0};
    int64_t overlap = 0;
    enum err err = read_plan(prefs, item, &overlap, count, spot);

    if (!err)
        err = count_rows(prefs, item, count, &views, spot);
    if (!err)
        settle(count, overlap, prefs->settings.overlap_max, &views, ask);
    for (int i = 0; i < views.kinds; i++)
        free(views.said[i]);
    return err;
}

/* Within the call that changed an assignment: no page ever sees one without the other. */
enum err item_count(struct prefs *prefs, int64_t item, bool ask, struct item_count *out)
{
    struct item_count count = {0};
    struct spot spot = {.n = 0};
    enum err err = count_whole(prefs, item, ask, &count, &spot);
    const struct bookmark_key key = {spot.priority, count.late, count.need, item};

    if (!err)
        err = sql_do(prefs,
                     "UPDATE item SET planned = ?2, judged = ?3, extra = ?4, extra_judged = ?5,"
                     " asked = ?6, need = ?7, split = ?8, adjudicated = ?9, late = ?10"
                     " WHERE id = ?1",
                     "iiiiiiiiii", item, count.planned, count.judged, count.extra,
                     count.extra_judged, count.asked, count.need, (int64_t)count.split,
                     (int64_t)count.adjudicated, (int64_t)count.late);
    if (!err && count.need > 0)
        bookmark_moved(prefs->bookmarks, &key, spot.had, spot.n);
    if (out)
        *out = count;
    return err;
}

/* The same counting without a write: a check must not mend what it is to find. */
enum err item_count_look(struct prefs *prefs, int64_t item, struct item_count *out)
{
    struct spot spot = {.n = 0};

    *out = (struct item_count){0};
    return count_whole(prefs, item, false, out, &spot);
}

enum err item_count_all(struct prefs *prefs)
{
    int64_t item = 0;
    enum err err = OK;

    while (!err) {
        err = sql_number(prefs, &item, 0, "SELECT min(id) FROM item WHERE id > ?1", "i", item);
        if (err || !item)
            return err;
        err = item_count(prefs, item, false, NULL);
    }
    return err;
}
