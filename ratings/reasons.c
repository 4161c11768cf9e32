/* How: an item's covariates are gathered once (covariates_of), in the way round of its unit.
 * Every two judgements of a unit are an observation of their two annotators; those of the same
 * two are neighbours once sorted, and make one regression and, for each covariate, one sign
 * test. A regression without a finite maximum (they always agree, say) is no test, and counts
 * for none. */

#include "ratings/reasons.h"

#include "base/mem.h"
#include "base/say.h"
#include "ratings/units.h"
#include "stats/binomial.h"
#include "stats/holm.h"
#include "stats/logit.h"
#include "stats/normal.h"
#include "stats/student.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COVARIATES = 1 + JUDGEMENTS_X_MAX };

struct reason_seen {
    uint32_t a, b, x, y, unit;
};

struct reason_world {
    const struct units *units;
    double (*by)[COVARIATES]; /* [units] a less b of the unit; NAN: not known */
    bool used[COVARIATES];
};

/* What any row of the item says. */
static void covariates_of(struct reason_world *w, const struct judgements *all)
{
    double(*item)[COVARIATES] = mem_new(all->item.n + 1, sizeof *item);

    for (size_t i = 0; i < all->item.n; i++)
        for (int k = 0; k < COVARIATES; k++)
            item[i][k] = NAN;
    for (size_t r = 0; r < all->n; r++) {
        const struct judgements_row *row = &all->row[r];
        for (int k = 0; k < COVARIATES; k++) {
            const double said = k ? row->x[k - 1] : row->length;
            if (isnan(item[row->item][k]))
                item[row->item][k] = said;
            w->used[k] = w->used[k] || !isnan(said);
        }
    }
    for (size_t u = 0; u < w->units->n; u++)
        for (int k = 0; k < COVARIATES; k++)
            w->by[u][k] =
                w->units->turned[u] ? -item[w->units->item[u]][k] : item[w->units->item[u]][k];
    free(item);
}

static int by_people(const void *a, const void *b)
{
    const struct reason_seen *x = a, *y = b;

    if (x->a != y->a)
        return x->a < y->a ? -1 : 1;
    if (x->b != y->b)
        return x->b < y->b ? -1 : 1;
    return x->unit < y->unit ? -1 : x->unit > y->unit;
}

/* Whose covariates are all known. */
static size_t observe(struct reason_seen *seen, const struct reason_world *w)
{
    const struct units *units = w->units;
    size_t n = 0;

    for (size_t u = 0; u < units->n; u++) {
        bool known = true;
        for (int k = 0; k < COVARIATES; k++)
            known = known && !(w->used[k] && isnan(w->by[u][k]));
        for (size_t i = units->start[u]; i < units->start[u + 1] && known; i++)
            for (size_t j = i + 1; j < units->start[u + 1]; j++) {
                const bool order = units->annotator[i] < units->annotator[j];
                const size_t p = order ? i : j, q = order ? j : i;
                seen[n++] = (struct reason_seen){units->annotator[p], units->annotator[q],
                                                 units->value[p], units->value[q], (uint32_t)u};
            }
    }
    qsort(seen, n, sizeof *seen, by_people);
    return n;
}

/* seen [n] is sorted: each new pair of names is one more. */
static size_t pairs_of(const struct reason_seen *seen, size_t n)
{
    size_t pairs = 0;

    for (size_t i = 0; i < n; i++)
        pairs += !i || seen[i].a != seen[i - 1].a || seen[i].b != seen[i - 1].b;
    return pairs;
}

/* One column of sizes in standard deviations; false where they are all the same. */
static bool column(double *x, size_t k, size_t at, const struct reason_seen *seen, size_t n,
                   const struct reason_world *w, int covariate)
{
    double mean = 0, square = 0;

    for (size_t i = 0; i < n; i++)
        mean += fabs(w->by[seen[i].unit][covariate]) / (double)n;
    for (size_t i = 0; i < n; i++) {
        const double off = fabs(w->by[seen[i].unit][covariate]) - mean;
        x[i * k + at] = off;
        square += off * off / (double)n;
    }
    if (!(square > 1e-12 * (1 + mean * mean)))
        return false;
    for (size_t i = 0; i < n; i++)
        x[i * k + at] /= sqrt(square);
    return true;
}

/* A constant and the used columns that vary: which is at[1 ..]. */
static size_t design(double *x, int *at, const struct reason_seen *seen, size_t n,
                     const struct reason_world *w)
{
    double *one = mem_new(n + 1, sizeof *one);
    size_t k = 1;

    for (int c = 0; c < COVARIATES; c++)
        if (w->used[c] && column(one, 1, 0, seen, n, w, c))
            at[k++] = c;
    for (size_t i = 0; i < n; i++)
        x[i * k] = 1;
    for (size_t j = 1; j < k; j++)
        (void)column(x, k, j, seen, n, w, at[j]);
    free(one);
    return k;
}

static void sizes(struct reasons *out, const struct reason_seen *seen, size_t n,
                  const struct reason_world *w, bool by_prompt)
{
    double *x = mem_new(n * COVARIATES + n + 1, sizeof *x), *y = mem_new(n + 1, sizeof *y);
    uint32_t *cluster = mem_new(n + 1, sizeof *cluster), last = 0;
    int at[COVARIATES + 1];
    const size_t k = design(x, at, seen, n, w);
    struct logit fit;

    for (size_t i = 0; i < n; i++) {
        const uint32_t here = w->units->cluster[seen[i].unit];
        cluster[i] = !i ? 0 : cluster[i - 1] + (here != last);
        last = here;
        y[i] = seen[i].x != seen[i].y;
    }
    if (k > 1 && !logit_fit(&fit, x, y, by_prompt ? cluster : NULL, n, k))
        for (size_t j = 1; j < k; j++) {
            const double se = by_prompt ? fit.cluster_se[j] : fit.se[j];
            const double z = fabs(fit.b[j]) / se;
            const double p = by_prompt ? 2 * (1 - student_cdf(z, (double)fit.clusters - 1))
                                       : 2 * (1 - normal_cdf(z));
            if (se > 0)
                out->one[out->n++] = (struct reason){
                    seen->a, seen->b, REASONS_SIZE, at[j], exp(fit.b[j]), n, p, NAN};
        }
    free(x);
    free(y);
    free(cluster);
}

/* Where each chose another answer: how often a took the one that has more. */
static void sides(struct reasons *out, const struct reason_seen *seen, size_t n,
                  const struct reason_world *w)
{
    for (int c = 0; c < COVARIATES; c++) {
        size_t apart = 0, more = 0;
        for (size_t i = 0; i < n && w->used[c]; i++) {
            const double by = w->by[seen[i].unit][c];
            if (seen[i].x == seen[i].y || units_mirror[seen[i].x] != seen[i].y || by == 0)
                continue;
            apart++;
            more += (by > 0) == (seen[i].x == CHOICE_A);
        }
        if (apart)
            out->one[out->n++] = (struct reason){seen->a,
                                                 seen->b,
                                                 REASONS_SIDE,
                                                 c,
                                                 (double)more / (double)apart,
                                                 apart,
                                                 binomial_fair(more, apart),
                                                 NAN};
    }
}

/* Holm over every test that was done, not over those that are told. */
static void test_all(struct reasons *out, const struct reason_world *w,
                     const struct reason_seen *seen, size_t n, bool by_prompt)
{
    double *p;

    out->one = mem_new(pairs_of(seen, n) * 2 * COVARIATES + 1, sizeof *out->one);
    for (size_t from = 0, to; from < n; from = to) {
        for (to = from + 1; to < n && seen[to].a == seen[from].a && seen[to].b == seen[from].b;)
            to++;
        if (to - from < REASONS_ITEMS_MIN)
            continue;
        sizes(out, seen + from, to - from, w, by_prompt);
        sides(out, seen + from, to - from, w);
    }
    p = mem_new(out->n + 1, sizeof *p);
    for (size_t i = 0; i < out->n; i++)
        p[i] = out->one[i].p;
    holm_adjust(p, out->n);
    for (size_t i = 0; i < out->n; i++)
        out->one[i].p_holm = p[i];
    free(p);
}

/* Asked before room is made for them. */
static size_t observations(const struct units *units)
{
    size_t n = 0;

    for (size_t u = 0; u < units->n; u++) {
        const size_t m = units->start[u + 1] - units->start[u];
        n += m * (m - 1) / 2;
    }
    return n;
}

void reasons_run(struct reasons *out, const struct judgements *all,
                 const struct agreement_conf *conf)
{
    enum { SEEN_MAX = 16 << 20 };
    struct reason_world w = {.units = NULL};
    struct reason_seen *seen;
    struct units units;
    size_t n;
    bool any = false;

    *out = (struct reasons){.n = 0};
    if (all->level != JUDGEMENTS_PAIRS) {
        out->why = "of pairs only";
        return;
    }
    units_take(&units, all, JUDGEMENTS_NONE, (size_t)conf->overlap, 2);
    w.units = &units;
    w.by = mem_new(units.n + 1, sizeof *w.by);
    covariates_of(&w, all);
    for (int k = 0; k < COVARIATES; k++)
        any = any || w.used[k];
    if (!any)
        out->why = "no lengths and no x are given";
    else if (observations(&units) > SEEN_MAX)
        out->why = "too many pairs of judgements";
    if (!out->why) {
        seen = mem_new(observations(&units) + 1, sizeof *seen);
        n = observe(seen, &w);
        if (pairs_of(seen, n) > REASONS_PAIRS_MAX)
            out->why = "too many pairs of annotators";
        else
            test_all(out, &w, seen, n, all->prompts);
        free(seen);
    }
    free(w.by);
    units_fini(&units);
}

void reasons_fini(struct reasons *reasons)
{
    free(reasons->one);
    *reasons = (struct reasons){.n = 0};
}

/* ---- told */

static const char *name_of(const struct judgements *all, int covariate)
{
    return covariate ? all->x.text[covariate - 1] : "length";
}

json_t *reasons_json(const struct reasons *reasons, const struct judgements *all)
{
    json_t *found = json_array(), *out;

    for (size_t i = 0; i < reasons->n; i++) {
        const struct reason *r = &reasons->one[i];
        if (r->p_holm < .05)
            json_array_append_new(
                found,
                json_pack("{s:s,s:s,s:s,s:s,s:f,s:I,s:f,s:f}", "a", all->annotator.text[r->a],
                          "b", all->annotator.text[r->b], "on", name_of(all, r->covariate),
                          "kind", r->kind == REASONS_SIZE ? "size" : "side", "effect",
                          r->effect, "n", (json_int_t)r->n, "p", r->p, "p_holm", r->p_holm));
    }
    out = json_pack("{s:I,s:o}", "tests", (json_int_t)reasons->n, "found", found);
    if (reasons->why)
        json_object_set_new(out, "why", json_string(reasons->why));
    return out;
}

void reasons_say(FILE *to, const struct reasons *reasons, const struct judgements *all)
{
    for (size_t i = 0; i < reasons->n; i++) {
        const struct reason *r = &reasons->one[i];
        const char *a = all->annotator.text[r->a], *b = all->annotator.text[r->b];
        const char *on = name_of(all, r->covariate);
        if (!(r->p_holm < .05))
            continue;
        if (r->kind == REASONS_SIZE)
            say(to,
                "%s and %s disagree %s where the answers are further apart in %s: odds x %.2f "
                "a "
                "standard deviation (n = %zu, p = %.2g after Holm over %zu tests)\n",
                a, b, r->effect > 1 ? "more" : "less", on, r->effect, r->n, r->p_holm,
                reasons->n);
        else
            say(to,
                "where %s and %s chose different answers, %s took the one with more %s in %.2f "
                "of "
                "n = %zu (sign test, p = %.2g after Holm over %zu tests)\n",
                a, b, r->effect > .5 ? a : b, on, fmax(r->effect, 1 - r->effect), r->n,
                r->p_holm, reasons->n);
    }
}
