/* Each record is a few bytes here: its score, its prompt's hash, its fate. Records are added
 * in the data's order, scored in windows that may come later, and decided upon once, at the
 * end, when the best of each prompt are known: `top` first, among all that have a score, then
 * the bound, so that a record that fails both is counted as below. */

#include "eval/filter.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>

size_t filter_add(struct filter *s)
{
    if (s->n == s->room) {
        s->room = s->room ? 2 * s->room : 1024;
        s->record = mem_grow(s->record, s->room, sizeof *s->record);
    }
    s->record[s->n] = (struct filter_record){NAN, 0, FILTER_REFUSED, false};
    return s->n++;
}

void filter_put(struct filter *s, size_t at, uint64_t prompt, double score, bool pair)
{
    s->record[at] = (struct filter_record){
        score, prompt, isnan(score) ? FILTER_NO_VERDICT : FILTER_KEPT, pair};
}

struct filter_rank {
    uint64_t prompt;
    double score;
    size_t at;
};

/* Prompts together, the best first, of equals the earlier. */
static int by_rank(const void *left, const void *right)
{
    const struct filter_rank *a = left, *b = right;

    if (a->prompt != b->prompt)
        return a->prompt < b->prompt ? -1 : 1;
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    return a->at < b->at ? -1 : a->at > b->at;
}

/* Of each prompt the best `top`, or below 1 that share of them, rounded up: one stays at
 * least. */
static void keep_best(struct filter *s, double top)
{
    struct filter_rank *rank = mem_new(s->n + 1, sizeof *rank);
    size_t n = 0;

    for (size_t i = 0; i < s->n; i++)
        if (s->record[i].fate == FILTER_KEPT)
            rank[n++] = (struct filter_rank){s->record[i].prompt, s->record[i].score, i};
    qsort(rank, n, sizeof *rank, by_rank);
    for (size_t from = 0, to; from < n; from = to) {
        for (to = from; to < n && rank[to].prompt == rank[from].prompt;)
            to++;
        const double most = top < 1 ? ceil(top * (double)(to - from)) : floor(top);
        for (size_t i = from; i < to; i++)
            if ((double)(i - from) >= most)
                s->record[rank[i].at].fate = FILTER_NOT_BEST;
    }
    free(rank);
}

/* The best of each prompt are sought before the bound is: among all that were scored. */
void filter_decide(struct filter *s, double above, double top)
{
    if (top > 0)
        keep_best(s, top);
    for (size_t i = 0; i < FILTER_FATES; i++)
        s->count[i] = 0;
    for (size_t i = 0; i < s->n; i++) {
        struct filter_record *r = &s->record[i];
        const double bound = !isnan(above) ? above : r->pair ? 0 : -INFINITY;
        const bool scored = r->fate == FILTER_KEPT || r->fate == FILTER_NOT_BEST;
        if (scored && bound > -INFINITY && !(r->score > bound))
            r->fate = FILTER_BELOW;
        s->count[r->fate]++;
    }
}

static int by_value(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;

    return a < b ? -1 : a > b;
}

double filter_quantile(const struct filter *s, double q)
{
    double *value = mem_new(s->n + 1, sizeof *value), found = NAN;
    size_t n = 0;

    for (size_t i = 0; i < s->n; i++)
        if (!isnan(s->record[i].score))
            value[n++] = s->record[i].score;
    qsort(value, n, sizeof *value, by_value);
    if (n)
        found = value[(size_t)(q * (double)(n - 1) + 0.5)];
    free(value);
    return found;
}

void filter_free(struct filter *s)
{
    free(s->record);
    *s = (struct filter){0};
}
