/* How: the M step sums posteriors into confusions, each cell at least TINY so that no chance
 * is 0; the E step sums logarithms of chances over an item's rows. It ends when no posterior
 * moved by more than STILL, or, as the likelihood of a step never falls, after
 * DAWID_SKENE_STEPS, and of many rows after fewer (DAWID_SKENE_WORK): who waits for a page
 * must not wait for the twelfth digit.
 *
 * With mirrored values an item's mirror image has the mirrored posterior, so it need not be
 * held: the M step adds each posterior at both places, the E step is the same.
 *
 * A value that nobody said is no class: left in, it becomes a bin for items on which people
 * answer at random, and takes thousands of steps to fill.
 *
 * TINY and its place (on sums, before they are divided) are crowd-kit's, so that the two can
 * be compared (tests/golden/agreement.py). */

#include "stats/dawid_skene.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double TINY = 1e-10, STILL = 1e-11;

struct em {
    const struct dawid_skene_row *row;
    size_t n;
    const uint32_t *mirror; /* [values] or NULL */
    struct dawid_skene *to;
    double *log_chance;                 /* as to->confusion */
    bool known[DAWID_SKENE_VALUES_MAX]; /* did anybody say it? else it is no truth either */
    uint8_t *said;                      /* [annotators, values] did he ever? */
    uint32_t *rows;                     /* [items] rows of each */
};

static double *confusion_at(struct em *em, size_t annotator, size_t truth)
{
    return em->to->confusion + (annotator * em->to->values + truth) * em->to->values;
}

static void add_row(struct em *em, const struct dawid_skene_row *row)
{
    const double *posterior = em->to->posterior + row->item * em->to->values;

    for (size_t c = 0; c < em->to->values; c++)
        confusion_at(em, row->annotator, c)[row->value] += posterior[c];
    for (size_t c = 0; c < em->to->values && em->mirror; c++)
        confusion_at(em, row->annotator, em->mirror[c])[em->mirror[row->value]] += posterior[c];
}

/* Items without a row have no vote in the prior: they only take from it. A value that somebody
 * never said keeps the chance 0, so that it does not take from those he did say. */
static void m_step(struct em *em)
{
    struct dawid_skene *to = em->to;
    const size_t k = to->values;
    size_t with = 0;

    memset(to->confusion, 0, to->annotators * k * k * sizeof *to->confusion);
    memset(to->prior, 0, k * sizeof *to->prior);
    for (size_t i = 0; i < to->items; i++) {
        with += em->rows[i] > 0;
        for (size_t c = 0; c < k && em->rows[i]; c++)
            to->prior[c] += to->posterior[i * k + c];
    }
    for (size_t c = 0; c < k; c++)
        to->prior[c] /= (double)with;
    for (size_t c = 0; c < k && em->mirror; c++)
        if (em->mirror[c] > c)
            to->prior[c] = to->prior[em->mirror[c]] =
                (to->prior[c] + to->prior[em->mirror[c]]) / 2;
    for (size_t r = 0; r < em->n; r++)
        add_row(em, &em->row[r]);
    for (size_t a = 0; a < to->annotators; a++)
        for (size_t c = 0; c < k; c++) {
            double *at = confusion_at(em, a, c), sum = 0;
            for (size_t v = 0; v < k; v++) {
                at[v] = em->said[a * k + v] ? fmax(at[v], TINY) : 0;
                sum += at[v];
            }
            for (size_t v = 0; v < k && sum > 0; v++)
                at[v] /= sum;
        }
}

/* Sums of logarithms become shares; the log-likelihood on the way. */
static double *to_shares(double *share, size_t k, double *loglik)
{
    double top = share[0], sum = 0;

    for (size_t c = 1; c < k; c++)
        top = fmax(top, share[c]);
    for (size_t c = 0; c < k; c++) {
        share[c] = exp(share[c] - top);
        sum += share[c];
    }
    for (size_t c = 0; c < k; c++)
        share[c] /= sum;
    *loglik += top + log(sum);
    return share;
}

/* `next` takes the new posteriors and becomes them. Returns the largest move. */
static double e_step(struct em *em, double *next)
{
    struct dawid_skene *to = em->to;
    const size_t k = to->values;
    double moved = 0;

    for (size_t i = 0; i < to->annotators * k * k; i++)
        em->log_chance[i] = to->confusion[i] > 0 ? log(to->confusion[i]) : 0;
    for (size_t i = 0; i < to->items * k; i++)
        next[i] = em->known[i % k] ? log(fmax(to->prior[i % k], TINY)) : -INFINITY;
    for (size_t r = 0; r < em->n; r++) {
        const double *chance = em->log_chance + em->row[r].annotator * k * k + em->row[r].value;
        double *at = next + em->row[r].item * k;
        for (size_t c = 0; c < k; c++)
            at[c] += chance[c * k];
    }
    to->loglik = 0;
    for (size_t i = 0; i < to->items; i++) {
        double none = 0;
        const double *now = to_shares(next + i * k, k, em->rows[i] ? &to->loglik : &none);
        for (size_t c = 0; c < k; c++)
            moved = fmax(moved, fabs(now[c] - to->posterior[i * k + c]));
    }
    memcpy(to->posterior, next, to->items * k * sizeof *next);
    return moved;
}

/* Shares of the votes: where EM begins. */
static void vote(struct em *em)
{
    const size_t k = em->to->values;

    for (size_t r = 0; r < em->n; r++) {
        const struct dawid_skene_row *row = &em->row[r];
        em->to->posterior[row->item * k + row->value] += 1 / (double)em->rows[row->item];
        em->said[row->annotator * k + row->value] = 1;
        em->known[row->value] = true;
        if (em->mirror) {
            em->said[row->annotator * k + em->mirror[row->value]] = 1;
            em->known[em->mirror[row->value]] = true;
        }
    }
}

/* One number for a person: how often he would say what is true of items as they come. */
static void tell(struct em *em)
{
    struct dawid_skene *to = em->to;

    for (size_t a = 0; a < to->annotators; a++)
        for (size_t c = 0; c < to->values; c++)
            to->reliability[a] += to->prior[c] * confusion_at(em, a, c)[c];
}

/* Every number is checked before memory is asked for by it. */
static enum err check(struct em *em)
{
    const struct dawid_skene *to = em->to;
    size_t with = 0;

    if (!to->values || to->values > DAWID_SKENE_VALUES_MAX ||
        to->items > DAWID_SKENE_CELLS_MAX / to->values ||
        to->annotators > DAWID_SKENE_CELLS_MAX / to->values / to->values)
        return err_set(ERR_RANGE,
                       "Dawid-Skene: %zu items, %zu annotators, %zu values (at most %d)",
                       to->items, to->annotators, to->values, DAWID_SKENE_VALUES_MAX);
    em->rows = mem_new(to->items + 1, sizeof *em->rows);
    for (size_t r = 0; r < em->n; r++) {
        const struct dawid_skene_row *row = &em->row[r];
        if (row->item >= to->items || row->annotator >= to->annotators ||
            row->value >= to->values)
            return err_set(ERR_RANGE, "Dawid-Skene: item %u, annotator %u, value %u", row->item,
                           row->annotator, row->value);
        with += !em->rows[row->item]++;
    }
    if (!with || (double)em->n < DAWID_SKENE_OVERLAP * (double)with)
        return err_set(ERR_RANGE,
                       "Dawid-Skene: %.2f annotators an item; below %g it is a vote, and knows "
                       "nobody's reliability",
                       with ? (double)em->n / (double)with : 0, DAWID_SKENE_OVERLAP);
    return OK;
}

enum err dawid_skene_fit_mirrored(struct dawid_skene *out, const struct dawid_skene_row *row,
                                  size_t n, size_t items, size_t annotators, size_t values,
                                  const uint32_t *mirror)
{
    struct em em = {.row = row, .n = n, .mirror = mirror, .to = out};
    double *next, most;
    enum err err;

    *out = (struct dawid_skene){.items = items, .annotators = annotators, .values = values};
    err = check(&em);
    if (err) {
        free(em.rows);
        return err;
    }
    out->posterior = mem_new(items * values, sizeof *out->posterior);
    out->prior = mem_new(values, sizeof *out->prior);
    out->confusion = mem_new(annotators * values * values, sizeof *out->confusion);
    out->reliability = mem_new(annotators, sizeof *out->reliability);
    em.log_chance = mem_new(annotators * values * values, sizeof *em.log_chance);
    em.said = mem_new(annotators * values, 1);
    next = mem_new(items * values, sizeof *next);
    vote(&em);
    m_step(&em);
    most = DAWID_SKENE_WORK / (double)n / (double)values;
    while (!out->converged && out->steps < DAWID_SKENE_STEPS && out->steps < fmax(most, 100)) {
        out->converged = e_step(&em, next) <= STILL;
        m_step(&em);
        out->steps++;
    }
    tell(&em);
    free(next);
    free(em.log_chance);
    free(em.said);
    free(em.rows);
    return OK;
}

enum err dawid_skene_fit(struct dawid_skene *out, const struct dawid_skene_row *row, size_t n,
                         size_t items, size_t annotators, size_t values)
{
    return dawid_skene_fit_mirrored(out, row, n, items, annotators, values, NULL);
}

void dawid_skene_fini(struct dawid_skene *fit)
{
    free(fit->posterior);
    free(fit->prior);
    free(fit->confusion);
    free(fit->reliability);
    memset(fit, 0, sizeof *fit);
}
