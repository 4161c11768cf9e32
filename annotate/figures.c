/* At ten thousand items figures with intervals take longer than somebody who pressed a key should
 * wait for the thread that takes judgements. So no request makes them: the page gets what there is,
 * with its time. They are begun when nothing waits, or, where something always does, when they are
 * a minute old, and not before a multiple of how long they took has passed. Nobody who looks, no
 * work.
 *
 * Two steps. The rows are gathered here, SLICE_MS between two turns, from a reader of its own, which
 * sees the store as it was when they were begun; then a child computes over them (figures_child.c),
 * and is asked each turn whether it has ended. */

#include "annotate/figures.h"

#include "annotate/exchange/judgements_walk.h"
#include "base/clock.h"
#include "base/mem.h"
#include "prefs/prefs.h"

#include <stdlib.h>
#include <string.h>

enum { LOOKED_MS = 60000, OLD_MS = 60000, SLICE_MS = 2, SHARE = 20, PEOPLE_BY_PAIRS = 20 };

/* ---- rows */

struct figures_rows {
    struct prefs *reader;
    struct judgements_walk *walk;
    FILE *to;
    size_t n;
};

static enum err put_row(void *self, const struct judgements_said *said)
{
    struct figures_rows *rows = self;
    json_t *row = judgements_write_row(said);
    const int failed = json_dumpf(row, rows->to, JSON_COMPACT) || fputc('\n', rows->to) == EOF;

    json_decref(row);
    rows->n++;
    return failed ? err_set(ERR_IO, "a file in memory: no room") : OK;
}

static void rows_free(struct figures_rows *rows)
{
    if (!rows)
        return;
    judgements_walk_free(rows->walk);
    if (rows->reader)
        prefs_reader_end(rows->reader);
    prefs_close(rows->reader);
    if (rows->to)
        fclose(rows->to);
    free(rows);
}

static enum err rows_begin(struct figures_rows **out, struct prefs *prefs)
{
    struct figures_rows *rows = mem_new(1, sizeof *rows);
    enum err err = figures_child_file(&rows->to);

    *out = rows;
    if (!err)
        err = prefs_reader(&rows->reader, prefs);
    if (!err)
        err = prefs_reader_begin(rows->reader);
    if (!err)
        rows->walk = judgements_walk_new(rows->reader, put_row, rows);
    return err;
}

/* ---- what is told */

json_t *figures_look(struct figures *f, struct prefs *prefs, int64_t mono_ms)
{
    f->wanted_ms = mono_ms ? mono_ms : 1;
    return json_pack("{s:O?, s:I, s:b}", "agreement", f->told, "at", (json_int_t)f->at_ms,
                     "fresh", f->told && f->changes == prefs_changes(prefs));
}

/* Of each two people where that is still a table; what is on its way to twenty pages is not sent by
 * the megabyte. */
static void shorten(json_t *told)
{
    if (json_integer_value(json_object_get(told, "annotators")) > PEOPLE_BY_PAIRS)
        json_object_del(told, "cohen_kappa");
}

/* Takes `told`; NULL: why there is none are the words of the error. */
static void end(struct figures *f, json_t *told, int64_t mono_ms)
{
    rows_free(f->rows);
    f->rows = NULL;
    json_decref(f->told);
    f->told = told ? told : json_pack("{s:s}", "why", err_text());
    shorten(f->told);
    f->changes = f->begun_changes;
    f->at_ms = f->begun_wall_ms;
    f->next_ms = mono_ms + (mono_ms - f->begun_ms) * SHARE;
}

/* ---- on the way */

static enum err begin(struct figures *f, struct prefs *prefs, int64_t mono_ms, int64_t wall_ms)
{
    f->begun_ms = mono_ms;
    f->begun_wall_ms = wall_ms;
    f->begun_changes = prefs_changes(prefs);
    return rows_begin(&f->rows, prefs);
}

/* A slice; behind the last row the child begins, and the reader lets go of the store. */
static enum err gather(struct figures *f, const char *program, int overlap, int64_t mono_ms)
{
    bool more = true;
    enum err err = OK;

    while (!err && more && clock_mono_ms() - mono_ms < SLICE_MS)
        err = judgements_walk_on(f->rows->walk, &more);
    if (err || more)
        return err;
    if (!f->rows->n)
        return err_set(ERR_STATE, "nobody was asked about a pair yet");
    if (!program)
        return err_set(ERR_STATE, "no program computes agreement here");
    err = figures_child_start(&f->child, program, f->rows->to, overlap, mono_ms);
    rows_free(f->rows);
    f->rows = NULL;
    return err;
}

static bool due(const struct figures *f, struct prefs *prefs, bool idle, int64_t mono_ms,
                int64_t wall_ms)
{
    return f->wanted_ms && mono_ms - f->wanted_ms <= LOOKED_MS && mono_ms >= f->next_ms &&
           !(f->told && f->changes == prefs_changes(prefs)) &&
           (idle || !f->told || wall_ms - f->at_ms >= OLD_MS);
}

/* A child that has ended is a figure; an error at any step is one, too: what cannot be had has a
 * reason. */
void figures_tick(struct figures *f, struct prefs *prefs, const char *program, bool idle,
                  int64_t mono_ms, int64_t wall_ms)
{
    json_t *told = NULL;
    enum err err = OK;

    if (f->child.pid)
        err = figures_child_look(&f->child, &told, mono_ms);
    else if (f->rows)
        err = gather(f, program, prefs_settings(prefs)->overlap, mono_ms);
    else if (due(f, prefs, idle, mono_ms, wall_ms))
        err = begin(f, prefs, mono_ms, wall_ms);
    if (err || told)
        end(f, told, mono_ms);
}

bool figures_busy(const struct figures *figures)
{
    return figures->rows != NULL;
}

void figures_fini(struct figures *figures)
{
    figures_child_end(&figures->child);
    rows_free(figures->rows);
    json_decref(figures->told);
    memset(figures, 0, sizeof *figures);
}
