/* How: units_take says which judgements a block is about; each figure is one call into stats/
 * with the units' clusters and, where clusters are prompts, one more as if each item were its
 * own. Fleiss' kappa comes with alpha. */

#include "ratings/agreement.h"

#include "base/mem.h"
#include "ratings/units.h"
#include "stats/alpha.h"
#include "stats/share.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const methods[] = {"bootstrap", "test inversion", "first order"};

static const struct agreement_figure none = {NAN, NAN, NAN, NAN, NAN, NULL, NULL};

static struct agreement_figure without(const char *why)
{
    struct agreement_figure figure = none;

    figure.why = why;
    return figure;
}

/* Of the values of a unit, the share of pairs that are the same. */
static double same_pairs(const struct units *units, size_t u)
{
    const uint32_t *value = units->value + units->start[u];
    const size_t m = units->start[u + 1] - units->start[u];
    double same = 0;

    for (size_t i = 0; i + 1 < m; i++)
        for (size_t j = i + 1; j < m; j++)
            same += value[i] == value[j];
    return same / ((double)m * ((double)m - 1) / 2);
}

/* An item's share is the mean of its pairs: it is worth at most as many rows as it has
 * judgements; two give one pair. */
static enum err percent(struct agreement_figure *out, const struct units *units, bool by_prompt)
{
    double *share = mem_new(units->n + 1, sizeof *share), worth = 0;
    struct share got;
    enum err err;

    for (size_t u = 0; u < units->n; u++) {
        const size_t m = units->start[u + 1] - units->start[u];
        share[u] = same_pairs(units, u);
        worth += m > 2 ? (double)m : 1;
    }
    /* Last: six sixths, added one by one, are less than 1. */
    worth /= (double)(units->n ? units->n : 1);
    *out = none;
    err = share_mean(&got, share, by_prompt ? units->cluster : NULL, units->n, fmax(worth, 1),
                     .95);
    if (!err) {
        *out = (struct agreement_figure){got.estimate, got.low,  got.high, NAN,
                                         NAN,          "Wilson", NULL};
        if (units->clusters < 2)
            *out = (struct agreement_figure){got.estimate, NAN,  NAN,          NAN,
                                             NAN,          NULL, "n too small"};
    }
    if (!err && by_prompt) {
        err = share_mean(&got, share, NULL, units->n, fmax(worth, 1), .95);
        out->low_by_item = got.low;
        out->high_by_item = got.high;
    }
    free(share);
    return err;
}

/* Choices of pairs are words whose two first ones are exchangeable (units_mirror). */
static enum alpha_metric metric_of(enum judgements_level level)
{
    switch (level) {
    case JUDGEMENTS_ORDINAL:
        return ALPHA_ORDINAL;
    case JUDGEMENTS_INTERVAL:
        return ALPHA_INTERVAL;
    case JUDGEMENTS_RATIO:
        return ALPHA_RATIO;
    case JUDGEMENTS_NOMINAL:
    case JUDGEMENTS_PAIRS:
        break;
    }
    return ALPHA_NOMINAL;
}

/* Low and high are as they come: NAN where two clusters are lacking. */
static struct agreement_figure figure_of(double value, double low, double high,
                                         const struct alpha *alpha)
{
    struct agreement_figure figure = none;

    figure.value = value;
    figure.low = low;
    figure.high = high;
    if (isnan(value))
        figure.why = "all judgements are the same: 0 / 0";
    else if (isnan(low))
        figure.why = "n too small";
    else
        figure.method = methods[alpha->how];
    return figure;
}

/* Both, and their intervals by item where the first ones are by prompt. */
static enum err beyond_chance(struct agreement_block *block, const struct judgements *all,
                              const struct units *units, bool by_prompt,
                              const struct bootstrap_conf *how)
{
    struct alpha_units in = {.start = units->start,
                             .value = units->value,
                             .number = all->level == JUDGEMENTS_PAIRS ? NULL : all->number,
                             .mirror = all->level == JUDGEMENTS_PAIRS ? units_mirror : NULL,
                             .cluster = by_prompt ? units->cluster : NULL,
                             .units = units->n,
                             .values = units->values,
                             .clusters = units->clusters,
                             .metric = metric_of(all->level)};
    struct alpha got;
    enum err err = alpha_run(&got, &in, how);

    if (err)
        return err;
    block->alpha = figure_of(got.alpha, got.low, got.high, &got);
    if (in.metric != ALPHA_NOMINAL)
        block->fleiss = without("of words and pairs only");
    else if (isnan(got.kappa) && !isnan(got.alpha))
        block->fleiss = without("items have different numbers of judgements");
    else
        block->fleiss = figure_of(got.kappa, got.kappa_low, got.kappa_high, &got);
    if (!by_prompt)
        return OK;
    in.cluster = NULL;
    err = alpha_run(&got, &in, how);
    block->alpha.low_by_item = got.low;
    block->alpha.high_by_item = got.high;
    block->fleiss.low_by_item = got.kappa_low;
    block->fleiss.high_by_item = got.kappa_high;
    return err;
}

/* Who judged an item of the block: a name that only answered gold questions is none of them. */
static size_t people(const struct units *units, size_t annotators)
{
    uint8_t *seen = mem_new(annotators + 1, 1);
    size_t n = 0;

    for (size_t i = 0; i < units->judgements; i++) {
        n += !seen[units->annotator[i]];
        seen[units->annotator[i]] = 1;
    }
    free(seen);
    return n;
}

/* An item with one judgement agrees with nobody: it is told, and in no figure. */
static enum err run_block(struct agreement_block *block, const struct judgements *all,
                          bool by_prompt, const struct agreement_conf *conf)
{
    const struct bootstrap_conf how = {
        .kind = BOOTSTRAP_BCA, .resamples = (uint32_t)conf->resamples, .seed = conf->seed};
    struct units units;
    enum err err = OK;

    units_take(&units, all, block->strategy, (size_t)conf->overlap, 2);
    block->asked = units.asked;
    block->items = units.n;
    block->judgements = units.judgements;
    block->annotators = people(&units, all->annotator.n);
    block->prompts = by_prompt ? units.clusters : 0;
    block->overlap = units.overlap;
    block->unfinished = units.unfinished;
    block->open = units.open;
    block->extra = units.extra;
    block->percent = block->alpha = block->fleiss = without("no item has two judgements");
    if (units.n)
        err = percent(&block->percent, &units, by_prompt);
    if (!err && units.n)
        err = beyond_chance(block, all, &units, by_prompt, &how);
    units_fini(&units);
    return err;
}

/* Rows that are in no block. Undone ones are counted apart by those who read them. */
static void count_rest(struct agreement *out, const struct judgements *all)
{
    for (size_t i = 0; i < all->n; i++) {
        const struct judgements_row *row = &all->row[i];
        out->left_out[row->why] +=
            !row->undone && row->why != WHY_PLAN && row->why != WHY_ACTIVE;
    }
}

enum err agreement_run(struct agreement *out, const struct judgements *all,
                       const struct agreement_conf *conf)
{
    enum err err = OK;

    *out = (struct agreement){.by_prompt = all->prompts};
    if (conf->overlap < 0 || conf->resamples < 0 || conf->resamples > BOOTSTRAP_RESAMPLES_MAX)
        return err_set(ERR_RANGE, "agreement: overlap %d, %d draws", conf->overlap,
                       conf->resamples);
    count_rest(out, all);
    out->block = mem_new(all->strategy.n + 1, sizeof *out->block);
    for (size_t b = 0; b <= all->strategy.n && !err; b++, out->blocks++) {
        out->block[b].strategy = b ? (uint32_t)b - 1 : JUDGEMENTS_NONE;
        err = run_block(&out->block[b], all, out->by_prompt, conf);
    }
    if (err)
        agreement_fini(out);
    return err;
}

void agreement_fini(struct agreement *agreement)
{
    free(agreement->block);
    *agreement = (struct agreement){.blocks = 0};
}
