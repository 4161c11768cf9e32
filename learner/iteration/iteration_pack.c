/* The one place where a fleet's answers fill columns (micro_batch.h). What a method reads is what
 * struct iteration_conf says: a reference, answers of older weights, a critic; columns that nobody
 * reads are not made. Of a prompt nothing is learnt and every column is 0. */
#include "learner/iteration/iteration_pack.h"

#include <string.h>

static unsigned columns_of(const struct iteration_conf *conf)
{
    const bool stale = conf->stale.mode != IMPORTANCE_NONE;
    unsigned columns =
        1u << MICRO_BATCH_BEHAVIOUR | 1u << MICRO_BATCH_ADVANTAGE | 1u << MICRO_BATCH_ROLE;

    if (stale)
        columns |= 1u << MICRO_BATCH_PROXIMAL | 1u << MICRO_BATCH_IMPORTANCE;
    if (conf->reference)
        columns |= 1u << MICRO_BATCH_REFERENCE;
    if (conf->critic)
        columns |= 1u << MICRO_BATCH_RETURNS | 1u << MICRO_BATCH_OLD_VALUE;
    return columns;
}

static bool same_prompt(const struct iteration_rollout *a, const struct iteration_rollout *b)
{
    return a->n_prompt == b->n_prompt &&
           (a->prompt == b->prompt ||
            !memcmp(a->prompt, b->prompt, (size_t)a->n_prompt * sizeof(int)));
}

/* A demonstration has no behaviour, and where there is no column nobody reads one: 0 stays. */
static void put(struct micro_batch *b, enum micro_batch_column column, int at,
                const float *from, size_t n)
{
    if (b->column[column] && from)
        memcpy(b->column[column] + at, from, n * sizeof *from);
}

/* Rollout i, without the first n_prefix tokens of its prompt: none, or all. */
static void add(const struct iteration_batch *source, size_t i, int n_prefix,
                struct micro_batch *out)
{
    static const uint8_t pair[2] = {OBJECTIVE_CHOSEN, OBJECTIVE_REJECTED};
    const struct iteration_rollout *r = &source->rollout[i];
    const size_t from = source->at[i], n = (size_t)r->n_token;
    const float *const proximal = source->has_proximal ? source->proximal + from : r->behaviour;
    const int s = micro_batch_sequence(out, n_prefix);
    int at;

    micro_batch_tokens(out, r->prompt, NULL, (size_t)(r->n_prompt - n_prefix));
    at = micro_batch_tokens(out, r->token, source->learn + from, n);
    put(out, MICRO_BATCH_BEHAVIOUR, at, r->behaviour, n);
    put(out, MICRO_BATCH_PROXIMAL, at, proximal, n);
    put(out, MICRO_BATCH_REFERENCE, at,
        source->conf->self_reference ? proximal : iteration_batch_reference(source, i), n);
    put(out, MICRO_BATCH_IMPORTANCE, at, source->importance + from, n);
    put(out, MICRO_BATCH_ADVANTAGE, at, source->advantage + from, n);
    put(out, MICRO_BATCH_RETURNS, at, source->returns + from, n);
    put(out, MICRO_BATCH_OLD_VALUE, at, source->value + from, n);
    if (source->conf->unit == 2)
        out->role[s] = pair[s % 2];
}

enum err iteration_pack(const struct iteration_batch *source, const uint32_t *order, size_t n,
                        struct micro_batch *out)
{
    const struct iteration_rollout *trunk = NULL; /* whose prompt is there */
    size_t tokens = 0;
    enum err err;

    for (size_t k = 0; k < n; k++) {
        const struct iteration_rollout *r = &source->rollout[order[k]];
        tokens += (size_t)r->n_prompt + (size_t)r->n_token;
    }
    err = micro_batch_begin(out, columns_of(source->conf), tokens, n);
    for (size_t k = 0; k < n && !err; k++) {
        const struct iteration_rollout *r = &source->rollout[order[k]];
        /* a critic's value of a prompt's last token is each answer's own: nothing is shared */
        const bool shared = !source->conf->critic && trunk && same_prompt(trunk, r);
        add(source, order[k], shared ? r->n_prompt : 0, out);
        trunk = shared ? trunk : r;
    }
    if (!err)
        micro_batch_end(out);
    return err;
}

int iteration_pack_answer(const struct micro_batch *batch, int s,
                          const struct iteration_rollout *r)
{
    return batch->seq[s] + r->n_prompt - batch->n_prefix[s];
}

void iteration_pack_spread(const struct micro_batch *batch, const float *x,
                           const struct iteration_batch *source, const uint32_t *order,
                           float *out)
{
    for (int s = 0; s < batch->batch.n_seq; s++) {
        const struct iteration_rollout *r = &source->rollout[order[s]];
        memcpy(out + source->at[order[s]], x + iteration_pack_answer(batch, s, r),
               (size_t)r->n_token * sizeof(float));
    }
}
