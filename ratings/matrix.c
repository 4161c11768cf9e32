/* How: every two judgements of a unit are one observation of their two annotators (struct
 * seen); sorted by annotators, those of one cell are neighbours. A cell's table is kappa's;
 * its interval is of those values that a test does not refuse (stats/kappa.h), by Student's
 * quantile with one degree of freedom less than there are clusters; how alike a cluster's items
 * are is seen by their influence. */

#include "ratings/matrix.h"

#include "base/mem.h"
#include "base/say.h"
#include "ratings/units.h"
#include "stats/kappa.h"
#include "stats/share.h"
#include "stats/student.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct matrix_seen {
    uint32_t a, b; /* annotators, a < b */
    uint32_t x, y; /* what they said */
    uint32_t cluster;
};

static int by_people(const void *a, const void *b)
{
    const struct matrix_seen *x = a, *y = b;

    if (x->a != y->a)
        return x->a < y->a ? -1 : 1;
    if (x->b != y->b)
        return x->b < y->b ? -1 : 1;
    return x->cluster < y->cluster ? -1 : x->cluster > y->cluster;
}

/* Room for all of them, or *n 0 where there are too many to hold. */
static struct matrix_seen *observe(const struct units *units, size_t *n)
{
    struct matrix_seen *seen;
    size_t all = 0;

    for (size_t u = 0; u < units->n; u++) {
        const size_t m = units->start[u + 1] - units->start[u];
        all += m * (m - 1) / 2;
        if (all > MATRIX_SEEN_MAX)
            break;
    }
    *n = 0;
    if (all > MATRIX_SEEN_MAX)
        return NULL;
    seen = mem_new(all + 1, sizeof *seen);
    for (size_t u = 0; u < units->n; u++)
        for (size_t i = units->start[u]; i < units->start[u + 1]; i++)
            for (size_t j = i + 1; j < units->start[u + 1]; j++) {
                const uint32_t p = units->annotator[i], q = units->annotator[j];
                const bool order = p < q;
                seen[(*n)++] = (struct matrix_seen){
                    order ? p : q, order ? q : p, units->value[order ? i : j],
                    units->value[order ? j : i], units->cluster[u]};
            }
    qsort(seen, *n, sizeof *seen, by_people);
    return seen;
}

/* Each cell costs its table, however few items it has. */
static bool too_many(const struct matrix_seen *seen, size_t n, size_t k)
{
    size_t cells = 0;

    for (size_t i = 0; i < n; i++)
        cells += !i || seen[i].a != seen[i - 1].a || seen[i].b != seen[i - 1].b;
    return (double)cells * (double)k * (double)k > MATRIX_WORK;
}

/* What a cell is computed in. */
struct matrix_room {
    size_t k;
    bool pairs, ordered;
    double *table, *influence; /* [k,k] */
    double *share;             /* [observations of the largest cell] */
    uint32_t *cluster;
};

/* Halves are exact in binary, so the two ways round sum to the same table whichever came. */
static void tabulate(struct matrix_room *room, const struct matrix_seen *seen, size_t n)
{
    memset(room->table, 0, room->k * room->k * sizeof *room->table);
    for (size_t i = 0; i < n; i++) {
        if (!room->pairs) {
            room->table[seen[i].x * room->k + seen[i].y]++;
            continue;
        }
        room->table[seen[i].x * room->k + seen[i].y] += .5;
        room->table[units_mirror[seen[i].x] * room->k + units_mirror[seen[i].y]] += .5;
    }
}

/* By cluster (they are neighbours), or each observation by itself. */
static double deviation(const struct matrix_room *room, const struct matrix_seen *seen,
                        size_t n, bool by_cluster, size_t *clusters)
{
    double square = 0, sum = 0;

    *clusters = 0;
    for (size_t i = 0; i < n; i++) {
        sum += room->influence[seen[i].x * room->k + seen[i].y];
        if (by_cluster && i + 1 < n && seen[i + 1].cluster == seen[i].cluster)
            continue;
        square += sum * sum;
        sum = 0;
        ++*clusters;
    }
    return *clusters > 1
               ? sqrt(square * (double)*clusters / ((double)*clusters - 1)) / (double)n
               : NAN;
}

/* Where the table shows no variance, how alike items are cannot be seen: a cluster counts once. */
static enum err kappa_interval(const struct kappa *kappa, const struct matrix_room *room,
                               double se, size_t clusters, double *low, double *high)
{
    const double alike = se > 1e-12 && kappa->se > 1e-12 ? se * se / (kappa->se * kappa->se)
                                                         : kappa->n / (double)clusters;

    return kappa_score(low, high, room->table, room->k, alike,
                       student_quantile(.975, (double)clusters - 1));
}

static enum err kappa_figure(struct matrix_cell *cell, const struct matrix_room *room,
                             const struct matrix_seen *seen, size_t n, bool by_prompt)
{
    struct agreement_figure *out = &cell->kappa;
    struct kappa kappa;
    size_t clusters;
    double se;
    enum err err = kappa_cohen(&kappa, room->table, room->k, KAPPA_EQUAL);

    *out = (struct agreement_figure){kappa.value, NAN, NAN, NAN, NAN, NULL, NULL};
    if (err)
        return err;
    if (isnan(kappa.value)) {
        out->why = "all judgements are the same: 0 / 0";
        return OK;
    }
    err = kappa_influence(room->influence, room->table, room->k, KAPPA_EQUAL);
    if (err)
        return err;
    se = deviation(room, seen, n, by_prompt, &clusters);
    out->why = clusters > 1 ? NULL : "n too small";
    if (clusters > 1) {
        out->method = "test inversion";
        err = kappa_interval(&kappa, room, se, clusters, &out->low, &out->high);
    }
    if (!err && by_prompt && n > 1) {
        se = deviation(room, seen, n, false, &clusters);
        err = kappa_interval(&kappa, room, se, clusters, &out->low_by_item, &out->high_by_item);
    }
    return err;
}

static enum err percent_figure(struct matrix_cell *cell, struct matrix_room *room,
                               const struct matrix_seen *seen, size_t n, bool by_prompt)
{
    struct agreement_figure *out = &cell->percent;
    struct share got;
    enum err err;

    /* Clusters get numbers below n: they are neighbours. */
    for (size_t i = 0; i < n; i++) {
        room->share[i] = seen[i].x == seen[i].y;
        room->cluster[i] =
            !i ? 0 : room->cluster[i - 1] + (seen[i].cluster != seen[i - 1].cluster);
    }
    cell->prompts = by_prompt ? room->cluster[n - 1] + 1 : 0;
    *out = (struct agreement_figure){NAN, NAN, NAN, NAN, NAN, NULL, NULL};
    err = share_mean(&got, room->share, by_prompt ? room->cluster : NULL, n, 1, .95);
    out->value = got.estimate;
    if (room->cluster[n - 1] == 0) {
        out->why = "n too small";
    } else {
        out->method = "Wilson";
        out->low = got.low;
        out->high = got.high;
    }
    if (!err && by_prompt) {
        err = share_mean(&got, room->share, NULL, n, 1, .95);
        out->low_by_item = got.low;
        out->high_by_item = got.high;
    }
    return err;
}

/* Only where a distance between values means something. */
static enum err weighted(struct matrix_cell *cell, const struct matrix_room *room)
{
    struct kappa kappa;
    enum err err = kappa_cohen(&kappa, room->table, room->k, KAPPA_LINEAR);

    cell->linear = kappa.value;
    if (!err)
        err = kappa_cohen(&kappa, room->table, room->k, KAPPA_QUADRATIC);
    cell->quadratic = kappa.value;
    return err;
}

/* Cells in the order of names; the mean weighs by items, so that a cell of three does not
 * count as one of three hundred. */
static enum err fill(struct matrix *out, struct matrix_room *room,
                     const struct matrix_seen *seen, size_t n, bool by_prompt)
{
    double sum = 0, items = 0;
    enum err err = OK;

    for (size_t from = 0, to; from < n && !err; from = to) {
        struct matrix_cell *cell = &out->cell[out->n++];
        for (to = from + 1; to < n && seen[to].a == seen[from].a && seen[to].b == seen[from].b;)
            to++;
        *cell = (struct matrix_cell){.a = seen[from].a,
                                     .b = seen[from].b,
                                     .items = to - from,
                                     .linear = NAN,
                                     .quadratic = NAN};
        tabulate(room, seen + from, to - from);
        err = percent_figure(cell, room, seen + from, to - from, by_prompt);
        if (!err)
            err = kappa_figure(cell, room, seen + from, to - from, by_prompt);
        if (!err && room->ordered)
            err = weighted(cell, room);
        if (!isnan(cell->kappa.value)) {
            sum += cell->kappa.value * (double)cell->items;
            items += (double)cell->items;
        }
    }
    out->mean = items > 0 ? sum / items : NAN;
    return err;
}

enum err matrix_run(struct matrix *out, const struct judgements *all,
                    const struct agreement_conf *conf)
{
    struct matrix_room room = {.pairs = all->level == JUDGEMENTS_PAIRS,
                               .ordered = all->level != JUDGEMENTS_PAIRS &&
                                          all->level != JUDGEMENTS_NOMINAL};
    struct matrix_seen *seen = NULL;
    struct units units;
    size_t n = 0;
    enum err err = OK;

    *out = (struct matrix){.mean = NAN};
    units_take(&units, all, JUDGEMENTS_NONE, (size_t)conf->overlap, 2);
    room.k = units.values;
    if (!units.n)
        out->why = "no item has two judgements";
    else if (room.k > KAPPA_CATEGORIES_MAX)
        out->why = "too many different values";
    else if (!(seen = observe(&units, &n)))
        out->why = "too many pairs of judgements";
    else if (too_many(seen, n, room.k))
        out->why = "too many pairs of annotators for so many values";
    if (!out->why) {
        room.table = mem_new(2 * room.k * room.k, sizeof *room.table);
        room.influence = room.table + room.k * room.k;
        room.share = mem_new(n + 1, sizeof *room.share);
        room.cluster = mem_new(n + 1, sizeof *room.cluster);
        out->cell = mem_new(n + 1, sizeof *out->cell);
        err = fill(out, &room, seen, n, all->prompts);
        out->cell = mem_grow(out->cell, out->n + 1, sizeof *out->cell);
    }
    free(room.table);
    free(room.share);
    free(room.cluster);
    free(seen);
    units_fini(&units);
    return err;
}

void matrix_fini(struct matrix *matrix)
{
    free(matrix->cell);
    *matrix = (struct matrix){.n = 0};
}

json_t *matrix_json(const struct matrix *matrix, const struct judgements *all)
{
    json_t *list = json_array(), *out;

    for (size_t i = 0; i < matrix->n; i++) {
        const struct matrix_cell *cell = &matrix->cell[i];
        json_t *one = json_pack("{s:s,s:s,s:I,s:o,s:o}", "a", all->annotator.text[cell->a], "b",
                                all->annotator.text[cell->b], "items", (json_int_t)cell->items,
                                "percent", agreement_tell_figure(&cell->percent), "kappa",
                                agreement_tell_figure(&cell->kappa));
        if (cell->prompts)
            json_object_set_new(one, "prompts", json_integer((json_int_t)cell->prompts));
        if (all->level != JUDGEMENTS_PAIRS && all->level != JUDGEMENTS_NOMINAL) {
            json_object_set_new(one, "kappa_linear", agreement_tell_number(cell->linear));
            json_object_set_new(one, "kappa_quadratic", agreement_tell_number(cell->quadratic));
        }
        json_array_append_new(list, one);
    }
    out = json_pack("{s:o,s:o}", "mean", agreement_tell_number(matrix->mean), "pairs", list);
    if (matrix->why)
        json_object_set_new(out, "why", json_string(matrix->why));
    return out;
}

static void say_figure(FILE *to, const struct agreement_figure *f)
{
    if (isnan(f->value))
        say(to, "  %-18s", "-");
    else if (isnan(f->low))
        say(to, "  %.3f %12s", f->value, "");
    else
        say(to, "  %.3f %.3f..%.3f", f->value, f->low, f->high);
}

/* Many people make a long table: the rest is in the JSON. */
void matrix_say(FILE *to, const struct matrix *matrix, const struct judgements *all)
{
    enum { SHOWN = 50 };

    if (matrix->why) {
        say(to, "pairs of annotators    none: %s\n", matrix->why);
        return;
    }
    say(to, "%-34s %6s  %-18s  %s\n", "pairs of annotators", "items", "percent",
        "Cohen's kappa");
    for (size_t i = 0; i < matrix->n && i < SHOWN; i++) {
        const struct matrix_cell *cell = &matrix->cell[i];
        say(to, "%-16.16s %-17.17s %6zu", all->annotator.text[cell->a],
            all->annotator.text[cell->b], cell->items);
        say_figure(to, &cell->percent);
        say_figure(to, &cell->kappa);
        say(to, "\n");
    }
    if (matrix->n > SHOWN)
        say(to, "... and %zu more pairs: json= has them\n", matrix->n - SHOWN);
}
