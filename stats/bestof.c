/* How: answers sorted by proxy, ties by position. The chance that the best of a random subset
 * lies in a block of equal proxies is the chance that all n lie up to the block's end less that
 * they lie before its start (all_among); within the block the gold values are averaged. No
 * binomial is formed: the products of n factors stay in range for any count. */

#include "stats/bestof.h"

#include "base/mem.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

struct bestof_answer {
    double proxy, gold;
    size_t at;
};

/* Ties keep their order, so that the same answers give the same bits. */
static int by_proxy(const void *a, const void *b)
{
    const struct bestof_answer *x = a, *y = b;

    return x->proxy != y->proxy ? (x->proxy > y->proxy) - (x->proxy < y->proxy)
                                : (x->at > y->at) - (x->at < y->at);
}

static struct bestof_answer *sorted(const double *proxy, const double *gold, size_t count)
{
    struct bestof_answer *answer = mem_new(count + 1, sizeof *answer);

    for (size_t i = 0; i < count; i++)
        answer[i] = (struct bestof_answer){proxy[i], gold[i], i};
    qsort(answer, count, sizeof *answer, by_proxy);
    return answer;
}

/* C(k, n) / C(count, n): all n of a random subset lie among the first k. */
static double all_among(size_t k, size_t count, size_t n)
{
    double share = 1;

    for (size_t i = 0; i < n; i++)
        share *= k > i ? (double)(k - i) / (double)(count - i) : 0;
    return share;
}

enum err bestof_mean(double *out, const double *proxy, const double *gold, size_t count,
                     size_t n)
{
    struct bestof_answer *answer;

    *out = 0;
    if (!n || n > count)
        return err_set(ERR_RANGE, "best of %zu out of %zu answers", n, count);
    for (size_t i = 0; i < count; i++)
        if (!isfinite(proxy[i]) || !isfinite(gold[i]))
            return err_set(ERR_RANGE, "best of n: score %zu is not a number", i);
    answer = sorted(proxy, gold, count);
    for (size_t i = 0, end; i < count; i = end) {
        double sum = 0;
        for (end = i; end < count && answer[end].proxy == answer[i].proxy; end++)
            sum += answer[end].gold;
        *out += sum / (double)(end - i) * (all_among(end, count, n) - all_among(i, count, n));
    }
    free(answer);
    return OK;
}

/* The chance that none of a random n is right, from 1. */
double bestof_pass(size_t count, size_t right, size_t n)
{
    return 1 - all_among(count - (right < count ? right : count), count, n);
}

double bestof_kl(size_t n)
{
    return log((double)n) - (double)(n - 1) / (double)n;
}

/* The same walk over blocks of equal rewards, with probabilities for counts: F^n at the block's
 * end less F^n before it. Rounding may lift F above 1, where pow of a large n would show it. */
void bestof_exact(double *q, const double *p, const double *reward, size_t count, double n)
{
    struct bestof_answer *answer = sorted(reward, p, count);
    double below = 0;

    for (size_t i = 0, end; i < count; i = end) {
        double mass = 0, share;
        for (end = i; end < count && answer[end].proxy == answer[i].proxy; end++)
            mass += answer[end].gold;
        share = pow(fmin(below + mass, 1), n) - pow(fmin(below, 1), n);
        for (size_t k = i; k < end; k++)
            q[answer[k].at] = mass > 0 ? share * answer[k].gold / mass : 0;
        below += mass;
    }
    free(answer);
}
