/* An item at a time: its candidates, then its few rows by their index. Memory does not grow
 * with the store. */

#include "annotate/exchange/gather.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct gathering {
    struct prefs *prefs;
    enum err (*visit)(void *self, const struct gather *gather);
    void *self;
    struct gather gather;
    size_t room;
};

/* A copy: the row is the store's only while it is visited. */
static enum err keep(void *self, const struct prefs_row *row)
{
    struct gathering *const g = self;
    struct gather_said *said;

    if (g->gather.n == g->room) {
        g->room = g->room ? 2 * g->room : 16;
        g->gather.said = mem_grow(g->gather.said, g->room, sizeof *g->gather.said);
    }
    said = &g->gather.said[g->gather.n++];
    *said = (struct gather_said){.seq = row->seq,
                                 .annotator = row->assignment.annotator,
                                 .at = row->at,
                                 .shown_ms = row->shown_ms,
                                 .why = row->assignment.why,
                                 .verdict = row->verdict,
                                 .choice = row->choice,
                                 .step = row->step,
                                 .strength = row->strength,
                                 .side = row->side,
                                 .guideline = row->guideline,
                                 .n = row->assignment.n,
                                 .ranking = json_incref((json_t *)(uintptr_t)row->ranking),
                                 .text = json_incref((json_t *)(uintptr_t)row->text),
                                 .criteria = json_incref((json_t *)(uintptr_t)row->criteria),
                                 .flags = json_incref((json_t *)(uintptr_t)row->flags),
                                 .reason = row->reason ? mem_text(row->reason) : NULL,
                                 .id = mem_text(row->id)};
    memcpy(said->order, row->assignment.order, sizeof said->order);
    memcpy(said->active, row->assignment.active, sizeof said->active);
    return OK;
}

/* The room stays for the next item. */
static void clear(struct gathering *g)
{
    for (size_t i = 0; i < g->gather.n; i++) {
        struct gather_said *const said = &g->gather.said[i];
        json_decref(said->ranking);
        json_decref(said->text);
        json_decref(said->criteria);
        json_decref(said->flags);
        free(said->reason);
        free(said->id);
    }
    g->gather.n = 0;
}

/* Only rows that stand: what was taken back is history, and no format shows it. */
static enum err each(void *self, const struct prefs_item *item)
{
    struct gathering *const g = self;
    const struct prefs_which which = {.item = item->id, .standing = true};
    enum err err;

    g->gather.item = item;
    err = prefs_visit(g->prefs, &which, keep, g);
    if (!err)
        err = g->visit(g->self, &g->gather);
    clear(g);
    return err;
}

enum err gather_visit(struct prefs *prefs,
                      enum err (*visit)(void *self, const struct gather *gather), void *self)
{
    struct gathering g = {.prefs = prefs, .visit = visit, .self = self};
    const enum err err = prefs_item_visit(prefs, each, &g);

    free(g.gather.said);
    return err;
}

/* A repeat says how steady a person is, gold whether he is right; neither is a view more. */
bool gather_counts(const struct gather_said *said)
{
    return said->why == PREFS_PLAN || said->why == PREFS_ACTIVE ||
           said->why == PREFS_DISAGREEMENT;
}

/* The latest: a decision that was taken back and made anew has one row that stands. */
const struct gather_said *gather_decision(const struct gather *gather)
{
    for (size_t i = gather->n; i--;)
        if (gather->said[i].why == PREFS_ADJUDICATION)
            return &gather->said[i];
    return NULL;
}
