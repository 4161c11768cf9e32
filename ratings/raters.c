/* How: one pass over the rows sums what each did (count_rows), one over the planned units
 * compares him with the others of his items (compare_all), then tests and Holm. The consensus
 * is stats/dawid_skene.h over the planned judgements; of pairs each judgement counts under
 * both ways round, so that which answer is called "a" changes nothing. */

#include "ratings/raters.h"

#include "base/mem.h"
#include "ratings/units.h"
#include "stats/binomial.h"
#include "stats/bootstrap.h"
#include "stats/dawid_skene.h"
#include "stats/holm.h"
#include "stats/normal.h"
#include "stats/share.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void share_of(struct raters_share *share)
{
    share->value = share->low = share->high = NAN;
    if (!share->n)
        return;
    share->value = (double)share->right / (double)share->n;
    normal_wilson(share->value, (double)share->n, .95, &share->low, &share->high);
}

static void add(struct raters_share *share, bool right)
{
    share->n++;
    share->right += right;
}

/* ---- what each did */

/* His planned answer of the same item; rows of an item are neighbours. */
static uint32_t planned(const struct judgements *all, size_t at)
{
    const struct judgements_row *row = &all->row[at];
    size_t from = at;

    while (from && all->row[from - 1].item == row->item)
        from--;
    for (size_t i = from; i < all->n && all->row[i].item == row->item; i++)
        if (all->row[i].annotator == row->annotator && !all->row[i].undone &&
            (all->row[i].why == WHY_PLAN || all->row[i].why == WHY_ACTIVE))
            return all->row[i].value;
    return JUDGEMENTS_NONE;
}

/* Each row counts for one thing alone, by why it was asked for. */
static void count_row(struct raters_one *one, const struct judgements *all, size_t at)
{
    const struct judgements_row *row = &all->row[at];
    const bool chose = row->value == CHOICE_A || row->value == CHOICE_B;

    if (row->undone)
        return;
    if (row->value == JUDGEMENTS_NONE) {
        one->skipped += row->skipped;
        one->open += !row->skipped;
        return;
    }
    if (row->why == WHY_GOLD) {
        if (row->gold != JUDGEMENTS_NONE)
            add(&one->gold, row->value == row->gold);
        return;
    }
    if (row->why == WHY_REPEAT) {
        const uint32_t first = planned(all, at);
        if (first != JUDGEMENTS_NONE)
            add(&one->self, row->value == first);
        return;
    }
    one->judgements++;
    if (all->level != JUDGEMENTS_PAIRS || !chose)
        return;
    if (row->side != SIDE_NONE)
        add(&one->left.share, row->side == SIDE_LEFT);
    if (row->length < 0 || row->length > 0)
        add(&one->longer.share, (row->length > 0) == (row->value == CHOICE_A));
}

struct raters_time {
    uint32_t who;
    double seconds;
};

static int by_who(const void *a, const void *b)
{
    const struct raters_time *x = a, *y = b;

    return x->who < y->who ? -1 : x->who > y->who;
}

/* The median: a cup of coffee is no thought. */
static void medians(struct raters *out, const struct judgements *all)
{
    struct raters_time *time = mem_new(all->n + 1, sizeof *time);
    double *value = mem_new(all->n + 1, sizeof *value);
    size_t n = 0;

    for (size_t i = 0; i < all->n; i++)
        if (all->row[i].seconds >= 0 && !all->row[i].undone)
            time[n++] = (struct raters_time){all->row[i].annotator, all->row[i].seconds};
    qsort(time, n, sizeof *time, by_who);
    for (size_t from = 0, to; from < n; from = to) {
        for (to = from; to < n && time[to].who == time[from].who; to++)
            value[to - from] = time[to].seconds;
        out->one[time[from].who].seconds = bootstrap_quantile(value, to - from, .5);
    }
    free(time);
    free(value);
}

/* ---- beside the others */

struct raters_beside {
    uint32_t who, cluster;
    double same; /* share of the others who say the same */
};

static int by_cluster(const void *a, const void *b)
{
    const struct raters_beside *x = a, *y = b;

    if (x->who != y->who)
        return x->who < y->who ? -1 : 1;
    return x->cluster < y->cluster ? -1 : x->cluster > y->cluster;
}

/* He is among those who say his value: that one is taken off. */
static double others(const struct units *units, size_t u, size_t i)
{
    const size_t m = units->start[u + 1] - units->start[u];
    double same = -1; /* himself */

    for (size_t j = units->start[u]; j < units->start[u + 1]; j++)
        same += units->value[j] == units->value[i];
    return same / (double)(m - 1);
}

/* beside [n] are one annotator's; share and cluster are room for them. */
static enum err figure(struct agreement_figure *out, const struct raters_beside *beside,
                       size_t n, double *share, uint32_t *cluster, bool by_prompt)
{
    struct share got;
    enum err err;

    for (size_t i = 0; i < n; i++) {
        share[i] = beside[i].same;
        cluster[i] = !i ? 0 : cluster[i - 1] + (beside[i].cluster != beside[i - 1].cluster);
    }
    err = share_mean(&got, share, by_prompt ? cluster : NULL, n, 1, .95);
    *out = (struct agreement_figure){got.estimate, got.low, got.high, NAN, NAN, "Wilson", NULL};
    if (cluster[n - 1] == 0)
        *out = (struct agreement_figure){got.estimate, NAN, NAN, NAN, NAN, NULL, "n too small"};
    return err;
}

static enum err compare_all(struct raters *out, const struct units *units, bool by_prompt)
{
    struct raters_beside *beside = mem_new(units->judgements + 1, sizeof *beside);
    double *share = mem_new(units->judgements + 1, sizeof *share);
    uint32_t *cluster = mem_new(units->judgements + 1, sizeof *cluster);
    size_t n = 0;
    enum err err = OK;

    for (size_t u = 0; u < units->n; u++)
        for (size_t i = units->start[u]; i < units->start[u + 1]; i++)
            beside[n++] = (struct raters_beside){units->annotator[i], units->cluster[u],
                                                 others(units, u, i)};
    qsort(beside, n, sizeof *beside, by_cluster);
    for (size_t from = 0, to; from < n && !err; from = to) {
        for (to = from + 1; to < n && beside[to].who == beside[from].who;)
            to++;
        err = figure(&out->one[beside[from].who].others, beside + from, to - from, share,
                     cluster, by_prompt);
    }
    free(beside);
    free(share);
    free(cluster);
    return err;
}

/* ---- tests, consensus */

/* The p of each, then Holm's over all who have one. */
static void test(struct raters *out, size_t offset)
{
    double *p = mem_new(out->n + 1, sizeof *p);

    for (size_t i = 0; i < out->n; i++) {
        struct raters_test *one = (void *)((char *)&out->one[i] + offset);
        share_of(&one->share);
        p[i] = one->p = one->share.n ? binomial_fair(one->share.right, one->share.n) : NAN;
    }
    holm_adjust(p, out->n);
    for (size_t i = 0; i < out->n; i++)
        ((struct raters_test *)(void *)((char *)&out->one[i] + offset))->p_holm = p[i];
    free(p);
}

void raters_consensus(struct dawid_skene *out, char **why, const struct units *units,
                      const struct judgements *all)
{
    struct dawid_skene_row *row = mem_new(units->judgements + 1, sizeof *row);
    size_t n = 0;

    *why = NULL;
    for (size_t u = 0; u < units->n; u++)
        for (size_t i = units->start[u]; i < units->start[u + 1]; i++)
            row[n++] =
                (struct dawid_skene_row){(uint32_t)u, units->annotator[i], units->value[i]};
    if (all->level == JUDGEMENTS_INTERVAL || all->level == JUDGEMENTS_RATIO)
        *why = mem_text("Dawid-Skene: of words, ranks and pairs only");
    else if (dawid_skene_fit_mirrored(out, row, n, units->n, all->annotator.n, units->values,
                                      all->level == JUDGEMENTS_PAIRS ? units_mirror : NULL))
        *why = mem_text(err_text());
    if (*why)
        memset(out, 0, sizeof *out);
    free(row);
}

/* The posteriors of its item, whose way round may be the other one than the unit's. */
static void hand_over(struct raters *out, const struct units *units, size_t u,
                      const double *posterior)
{
    double *to = out->consensus + units->item[u] * out->values;

    for (uint32_t v = 0; v < out->values; v++)
        to[units->turned[u] ? units_mirror[v] : v] = posterior[v];
}

/* Who judged nothing that was planned has no reliability: not 0. */
static void take_consensus(struct raters *out, const struct judgements *all,
                           const struct agreement_conf *conf)
{
    struct dawid_skene fit;
    struct units units;

    units_take(&units, all, JUDGEMENTS_NONE, (size_t)conf->overlap, 1);
    raters_consensus(&fit, &out->no_consensus, &units, all);
    if (!out->no_consensus) {
        out->values = fit.values;
        out->converged = fit.converged;
        out->consensus = mem_new(all->item.n * fit.values + 1, sizeof *out->consensus);
        for (size_t i = 0; i < all->item.n * fit.values; i++)
            out->consensus[i] = NAN;
        for (size_t u = 0; u < units.n; u++)
            hand_over(out, &units, u, fit.posterior + u * fit.values);
        for (size_t i = 0; i < units.judgements; i++)
            out->one[units.annotator[i]].reliability = fit.reliability[units.annotator[i]];
        dawid_skene_fini(&fit);
    }
    units_fini(&units);
}

enum err raters_run(struct raters *out, const struct judgements *all,
                    const struct agreement_conf *conf)
{
    struct units units;
    enum err err;

    *out = (struct raters){.n = all->annotator.n};
    out->one = mem_new(out->n + 1, sizeof *out->one);
    for (size_t i = 0; i < out->n; i++) {
        out->one[i].seconds = out->one[i].reliability = NAN;
        out->one[i].others = (struct agreement_figure){
            NAN, NAN, NAN, NAN, NAN, NULL, "no item shared with others"};
    }
    for (size_t i = 0; i < all->n; i++)
        count_row(&out->one[all->row[i].annotator], all, i);
    for (size_t i = 0; i < out->n; i++) {
        share_of(&out->one[i].gold);
        share_of(&out->one[i].self);
    }
    medians(out, all);
    test(out, offsetof(struct raters_one, left));
    test(out, offsetof(struct raters_one, longer));
    units_take(&units, all, JUDGEMENTS_NONE, (size_t)conf->overlap, 2);
    err = compare_all(out, &units, all->prompts);
    units_fini(&units);
    take_consensus(out, all, conf);
    if (err)
        raters_fini(out);
    return err;
}

void raters_fini(struct raters *annotators)
{
    free(annotators->one);
    free(annotators->consensus);
    free(annotators->no_consensus);
    *annotators = (struct raters){.n = 0};
}
