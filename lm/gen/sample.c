/* exp(z - max) of every token is made by the kernels and turned into a 44-bit whole number; sums of
 * those are exact, so a draw does not depend on the order of summing. The filters need the most
 * probable tokens in order, but no sort: where a filter ends is found digit by digit of the tokens' keys,
 * each time among those that the digits before it left, and at first among the tokens that are not far
 * less probable than the first, which mostly are enough. Each filter leaves one number, the key
 * of the last token it keeps; the next starts from it. A token is looked for where running sums of pieces
 * of the vocabulary pass u. Called by generate_draw.c, a thread a scratch. */

#include "lm/gen/sample.h"

#include "base/mem.h"
#include "lm/kernel/isa.h"
#include "lm/kernel/softmax.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Keys are at most those of exp(0) = 1, whose bits are 0x3f800000: no more than BINS << FIRST_SHIFT. */
enum { DIGIT = 12, BINS = 1 << DIGIT, FIRST_SHIFT = 50, PIECE = 512 };

/* A filter of a language model's row seldom comes to what is less probable than its first by more. */
#define FAR 0x1p-8f

struct sample_scratch {
    int vocab;
    float *e;      /* [vocab] exp(z - max) */
    uint64_t *key; /* [vocab] the tokens among which a filter ends */
    uint64_t *sum; /* [vocab / PIECE, up] of whole() of what the filters keep */
    /* of penalties: [vocab] the row that is drawn from, and what was said how often */
    float *changed;
    uint32_t *said;
    uint32_t count[BINS];
    uint64_t weight[BINS];
};

enum err sample_scratch_new(struct sample_scratch **out, int vocab)
{
    struct sample_scratch *s = mem_new(1, sizeof *s);

    *out = NULL;
    s->vocab = vocab;
    if (mem_later(&s->e, (size_t)vocab, sizeof *s->e, "sampler") ||
        mem_later(&s->key, (size_t)vocab, sizeof *s->key, "sampler") ||
        mem_later(&s->sum, (size_t)vocab / PIECE + 1, sizeof *s->sum, "sampler") ||
        mem_later(&s->changed, (size_t)vocab, sizeof *s->changed, "sampler") ||
        mem_later(&s->said, (size_t)vocab, sizeof *s->said, "sampler")) {
        sample_scratch_free(s);
        return ERR_NOMEM;
    }
    *out = s;
    return OK;
}

void sample_scratch_free(struct sample_scratch *scratch)
{
    if (!scratch)
        return;
    free(scratch->e);
    free(scratch->key);
    free(scratch->sum);
    free(scratch->changed);
    free(scratch->said);
    free(scratch);
}

enum err sample_check(const struct sampling *s)
{
    if (!(s->temperature >= 0 && s->temperature <= 100) ||
        (s->temperature > 0 && s->temperature < 1e-4f))
        return err_set(ERR_RANGE, "temperature %g: not 0 (greedy) and not in 0.0001..100",
                       (double)s->temperature);
    if (!(s->top_p > 0 && s->top_p <= 1))
        return err_set(ERR_RANGE, "top_p %g: not in (0, 1]", (double)s->top_p);
    if (!(s->min_p >= 0 && s->min_p <= 1))
        return err_set(ERR_RANGE, "min_p %g: not in [0, 1]", (double)s->min_p);
    if (s->top_k < 0)
        return err_set(ERR_RANGE, "top_k %d: below 0", s->top_k);
    return penalty_check(&s->penalties, 0);
}

/* Below 2^-44 of the most probable token a token has no share. */
static uint64_t whole(float e)
{
    return (uint64_t)(int64_t)(e * 0x1p44f);
}

/* Larger key: before. */
static uint64_t key_of(float e, int id)
{
    uint32_t bits;

    memcpy(&bits, &e, sizeof bits);
    return (uint64_t)bits << 32 | (UINT32_MAX - (uint32_t)id);
}

static float e_of(uint64_t key)
{
    const uint32_t bits = (uint32_t)(key >> 32);
    float e;

    memcpy(&e, &bits, sizeof e);
    return e;
}

/* Keys >= floor of tokens with e >= least, into s->key; how many, and what they hold. */
static size_t gather(struct sample_scratch *s, uint64_t floor, float least, uint64_t *held)
{
    size_t n = 0;

    *held = 0;
    for (int i = 0; i < s->vocab; i++) {
        if (s->e[i] < least)
            continue;
        s->key[n] = key_of(s->e[i], i);
        if (s->key[n] < floor)
            continue;
        *held += whole(s->e[i]);
        n++;
    }
    return n;
}

/* Of the n keys in s->key: the last one of the shortest beginning that has `count` tokens or holds
 * `weight`, which all of them do. */
static uint64_t last_of(struct sample_scratch *s, size_t n, uint64_t count, uint64_t weight)
{
    for (int shift = FIRST_SHIFT; n > 1; shift = shift > DIGIT ? shift - DIGIT : 0) {
        size_t kept = 0;
        int bin = BINS - 1;

        memset(s->count, 0, sizeof s->count);
        memset(s->weight, 0, sizeof s->weight);
        for (size_t i = 0; i < n; i++) {
            const size_t digit = s->key[i] >> shift & (BINS - 1);

            s->count[digit]++;
            s->weight[digit] += whole(e_of(s->key[i]));
        }
        for (; s->count[bin] < count && s->weight[bin] < weight; bin--) {
            count -= s->count[bin];
            weight -= s->weight[bin];
        }
        for (size_t i = 0; i < n; i++)
            if ((s->key[i] >> shift & (BINS - 1)) == (size_t)bin)
                s->key[kept++] = s->key[i];
        n = kept;
    }
    return s->key[0];
}

/* count and weight are at least 1. Of the tokens with keys >= floor: the key of the last one of
 * the shortest beginning that has `count` tokens or holds `weight`; floor if all of them
 * together have not. */
static uint64_t cut(struct sample_scratch *s, uint64_t floor, uint64_t count, uint64_t weight)
{
    uint64_t held;
    size_t n = gather(s, floor, FAR, &held);

    if (n < count && held < weight)
        n = gather(s, floor, 0.0f, &held);
    return n < count && held < weight ? floor : last_of(s, n, count, weight);
}

static uint64_t total(struct sample_scratch *s, uint64_t floor)
{
    uint64_t all = 0;

    for (int at = 0; at < s->vocab; at += PIECE) {
        const int end = s->vocab - at < PIECE ? s->vocab : at + PIECE;
        uint64_t sum = 0;

        if (floor == 0) /* nothing was filtered, the usual case: no keys are made */
            sum = isa_current()->whole(s->e + at, end - at);
        else
            for (int i = at; i < end; i++)
                sum += key_of(s->e[i], i) >= floor ? whole(s->e[i]) : 0;
        s->sum[at / PIECE] = sum;
        all += sum;
    }
    return all;
}

/* Where u falls among tokens with keys >= floor. */
static int pick(struct sample_scratch *s, uint64_t floor, double u)
{
    const uint64_t sum = total(s, floor);
    uint64_t at = (uint64_t)(u * (double)sum);
    int i = 0;

    if (at >= sum) /* u below 1 times a sum above 2^53 may round up to it */
        at = sum - 1;
    for (; s->sum[i / PIECE] <= at; i += PIECE)
        at -= s->sum[i / PIECE];
    for (;; i++) {
        const uint64_t own = key_of(s->e[i], i) < floor ? 0 : whole(s->e[i]);

        if (own > at)
            return i;
        at -= own;
    }
}

static uint64_t share(float p, uint64_t sum)
{
    const uint64_t part = (uint64_t)((double)p * (double)sum);

    return part ? part : 1; /* the most probable token is always kept */
}

/* Of equals the first, as the filters have it. */
static int greedy(const float *logit, int n)
{
    int best = 0;

    for (int i = 1; i < n; i++)
        if (logit[i] > logit[best])
            best = i;
    return best;
}

/* Few are wanted of many: each token is compared with the worst of those held, and mostly goes. */
int sample_best(struct sample_top *out, int k, float temperature, const float *logit, int vocab)
{
    struct softmax row;
    int n = 0;

    if (k < 1)
        return 0;
    softmax_row(&row, logit, vocab, softmax_rate(temperature > 0 ? temperature : 1));
    for (int i = 0; i < vocab; i++) {
        int at = n;

        if (n == k && logit[i] <= logit[out[n - 1].token])
            continue;
        if (n < k)
            n++;
        else
            at = n - 1;
        for (; at > 0 && logit[i] > logit[out[at - 1].token]; at--)
            out[at] = out[at - 1];
        out[at].token = i;
    }
    for (int i = 0; i < n; i++)
        out[i].logprob = softmax_logprob(&row, logit[out[i].token]);
    return n;
}

/* What is drawn from: the row, or what penalties make of it. */
static const float *penalised(struct sample_scratch *s, const struct sampling *sampling,
                              const struct penalty_said *said, const float *logit)
{
    static const struct penalty_said nothing;

    if (!penalty_any(&sampling->penalties))
        return logit;
    penalty_apply(&sampling->penalties, said ? said : &nothing, logit, s->vocab, s->said,
                  s->changed);
    return s->changed;
}

static int draw(struct sample_scratch *s, const struct sampling *sampling, const float *logit,
                const struct softmax *row, double u)
{
    uint64_t floor = 0;

    isa_current()->spread(s->e, logit, s->vocab, row->rate, row->max);
    /* In the order that the header promises: each narrows what the one before left. */
    if (sampling->top_k > 0 && sampling->top_k < s->vocab)
        floor = cut(s, 0, (uint64_t)sampling->top_k, UINT64_MAX);
    if (sampling->top_p < 1)
        floor = cut(s, floor, UINT64_MAX, share(sampling->top_p, total(s, floor)));
    if (sampling->min_p > 0 && floor < (key_of(sampling->min_p, 0) & ~(uint64_t)UINT32_MAX))
        floor = key_of(sampling->min_p, 0) & ~(uint64_t)UINT32_MAX;
    return pick(s, floor, u);
}

int sample_draw(struct sample_scratch *s, const struct sampling *sampling,
                const struct penalty_said *said, const float *logit, double u, float *logprob)
{
    const float t = sampling->temperature;
    struct softmax row, from;
    const float *z;
    int token;

    softmax_row(&row, logit, s->vocab, softmax_rate(t > 0 ? t : 1));
    *logprob = 0;
    if (!isfinite(row.max) || !isfinite(row.sum)) /* a NaN shows in the sum: isa.h */
        return -1;
    z = penalised(s, sampling, said, logit);
    from = row;
    if (z != logit)
        softmax_row(&from, z, s->vocab, row.rate);
    token = t > 0 ? draw(s, sampling, z, &from, u) : greedy(z, s->vocab);
    *logprob = softmax_logprob(&row, logit[token]);
    return token;
}
