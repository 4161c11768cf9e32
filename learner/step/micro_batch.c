/* One block of floats holds everything that has a number a token: the filler's columns, then
 * what the forward pass says, then the slopes. It is laid out anew whenever a filler asks for
 * more room or other columns, and never between micro_batch_begin and the backward pass. A
 * table says which member of struct objective_in each column is: that is the whole translation
 * between those who fill and those who read.
 *
 * Order of the calls: begin, (sequence, tokens ...) ..., end, then for each model forward,
 * objective, backward. The model keeps the activations between forward and backward, so no
 * other pass may go through it in between. */
#include "learner/step/micro_batch.h"

#include "base/mem.h"

#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* logprob, entropy, value, and a slope of each; the slope of the mean log-probability. */
enum { MADE = 7 };

static const struct {
    size_t at; /* in struct objective_in */
    bool by_sequence;
} member[MICRO_BATCH_COLUMNS] = {
    [MICRO_BATCH_BEHAVIOUR] = {offsetof(struct objective_in, behaviour), false},
    [MICRO_BATCH_PROXIMAL] = {offsetof(struct objective_in, proximal), false},
    [MICRO_BATCH_REFERENCE] = {offsetof(struct objective_in, reference), false},
    [MICRO_BATCH_IMPORTANCE] = {offsetof(struct objective_in, importance), false},
    [MICRO_BATCH_ADVANTAGE] = {offsetof(struct objective_in, advantage), false},
    [MICRO_BATCH_RETURNS] = {offsetof(struct objective_in, returns), false},
    [MICRO_BATCH_OLD_VALUE] = {offsetof(struct objective_in, old_value), false},
    [MICRO_BATCH_TARGET] = {offsetof(struct objective_in, target), false},
    [MICRO_BATCH_WEIGHT] = {offsetof(struct objective_in, seq_weight), true},
    [MICRO_BATCH_MARGIN] = {offsetof(struct objective_in, seq_margin), true},
    [MICRO_BATCH_SOFT] = {offsetof(struct objective_in, seq_soft), true},
    [MICRO_BATCH_KL_BASELINE] = {offsetof(struct objective_in, seq_kl_baseline), true},
};

static bool has(const struct micro_batch *b, unsigned column)
{
    return b->columns >> column & 1;
}

void micro_batch_free(struct micro_batch *b)
{
    free(b->token);
    free(b->learn);
    free(b->seq);
    free(b->n_prefix);
    free(b->role);
    free(b->label);
    free(b->block);
    *b = (struct micro_batch){.room = 0};
}

/* Hands out the block: the filler's columns, then what the models make. */
static void lay_out(struct micro_batch *b)
{
    float *at = b->block;

    for (unsigned k = 0; k < MICRO_BATCH_COLUMNS; k++) {
        b->column[k] = has(b, k) ? at : NULL;
        if (b->column[k])
            at += member[k].by_sequence ? b->room_seq : b->room;
    }
    b->logprob = at;
    b->entropy = at + b->room;
    b->value = at + 2 * b->room;
    for (size_t k = 0; k < 4; k++)
        b->slope[k] = at + (3 + k) * b->room;
}

static enum err make_room(struct micro_batch *b, unsigned columns, size_t tokens, size_t n_seq)
{
    size_t floats = MADE * tokens;
    enum err err;

    micro_batch_free(b);
    b->columns = columns;
    b->room = tokens;
    b->room_seq = n_seq;
    for (unsigned k = 0; k < MICRO_BATCH_COLUMNS; k++)
        floats += !has(b, k) ? 0 : member[k].by_sequence ? n_seq : tokens;
    b->seq = mem_new(n_seq + 1, sizeof *b->seq);
    b->n_prefix = mem_new(n_seq + 1, sizeof *b->n_prefix);
    b->role = has(b, MICRO_BATCH_ROLE) ? mem_new(n_seq + 1, 1) : NULL;
    b->label = has(b, MICRO_BATCH_LABEL) ? mem_new(n_seq + 1, 1) : NULL;
    err = mem_big(&b->token, tokens, sizeof *b->token, "a micro-batch");
    if (!err)
        err = mem_big(&b->learn, tokens, 1, "a micro-batch");
    if (!err)
        err = mem_big(&b->block, floats, sizeof *b->block, "a micro-batch");
    if (err)
        micro_batch_free(b);
    else
        lay_out(b);
    return err;
}

enum err micro_batch_begin(struct micro_batch *b, unsigned columns, size_t tokens, size_t n_seq)
{
    enum err err = OK;

    if (tokens > INT_MAX)
        return err_set(ERR_RANGE, "a micro-batch of %zu tokens", tokens);
    /* One filler asks for the same columns always, so this is a matter of growth: after the
     * longest micro-batch nothing is allocated any more. */
    if (columns != b->columns || tokens > b->room || n_seq > b->room_seq)
        err = make_room(b, columns, tokens > b->room ? tokens : b->room,
                        n_seq > b->room_seq ? n_seq : b->room_seq);
    b->batch = (struct batch){.n = 0};
    b->in = (struct objective_in){.n = 0};
    b->tokens = 0;
    return err;
}

int micro_batch_sequence(struct micro_batch *b, int n_prefix)
{
    const int s = b->batch.n_seq++;

    b->seq[s] = b->batch.n;
    b->n_prefix[s] = n_prefix;
    b->tokens += n_prefix;
    /* NULL means to the model that nothing is shared, which spares it the search. */
    if (n_prefix)
        b->batch.n_prefix = b->n_prefix;
    for (unsigned k = 0; k < MICRO_BATCH_COLUMNS; k++)
        if (b->column[k] && member[k].by_sequence)
            b->column[k][s] = 0;
    if (b->label)
        b->label[s] = 0;
    if (b->role)
        b->role[s] = OBJECTIVE_ALONE;
    return s;
}

int micro_batch_tokens(struct micro_batch *b, const int *token, const uint8_t *learn, size_t n)
{
    const int at = b->batch.n;

    memcpy(b->token + at, token, n * sizeof *token);
    if (learn)
        memcpy(b->learn + at, learn, n);
    else
        memset(b->learn + at, 0, n);
    for (unsigned k = 0; k < MICRO_BATCH_COLUMNS; k++)
        if (b->column[k] && !member[k].by_sequence)
            memset(b->column[k] + at, 0, n * sizeof(float));
    b->batch.n += (int)n;
    b->tokens += (int64_t)n;
    return at;
}

void micro_batch_end(struct micro_batch *b)
{
    b->seq[b->batch.n_seq] = b->batch.n;
    b->batch.token = b->token;
    b->batch.seq = b->seq;
    b->batch.wanted = b->learn;
    b->in = (struct objective_in){.n = b->batch.n,
                                  .n_seq = b->batch.n_seq,
                                  .seq = b->seq,
                                  .learn = b->learn,
                                  .seq_label = b->label,
                                  .seq_role = b->role};
    for (unsigned k = 0; k < MICRO_BATCH_COLUMNS; k++)
        *(const float **)((char *)&b->in + member[k].at) = b->column[k];
}

enum err micro_batch_forward(struct micro_batch *b, const struct micro_batch_pass *pass,
                             struct trainable *model)
{
    const struct objective *const o = pass->objective;
    const uint8_t *hit = NULL;
    enum err err;

    b->in.logprob = o->logprob ? b->logprob : NULL;
    b->in.entropy = o->entropy ? b->entropy : NULL;
    b->in.value = o->value ? b->value : NULL;
    err = trainable_forward(model, &b->batch, (float)pass->temperature,
                            o->logprob ? b->logprob : NULL, o->entropy ? b->entropy : NULL,
                            o->value ? b->value : NULL, &hit);
    if (err)
        return err;
    b->in.mean_logprob = o->mean_logprob ? trainable_mean_logprob(model) : NULL;
    /* They cost nothing, but an objective that sees them reports more metrics; over a fleet
     * those are not TRL's. */
    if (has(b, MICRO_BATCH_SEEN)) {
        b->in.hit = hit;
        b->in.square = trainable_square(model);
        b->in.mean_logit = trainable_mean_logit(model);
    }
    if (o->value && pass->ahead)
        memmove(b->value + 1, b->value, (size_t)(b->batch.n - 1) * sizeof *b->value);
    return OK;
}

void micro_batch_objective(struct micro_batch *b, const struct micro_batch_pass *pass,
                           struct objective_out *out)
{
    const struct objective *const o = pass->objective;

    *out = (struct objective_out){.dlogprob = o->logprob ? b->slope[0] : NULL,
                                  .dentropy = o->dentropy && pass->bonus ? b->slope[1] : NULL,
                                  .dvalue = o->value ? b->slope[2] : NULL,
                                  .dmean = o->mean_logprob ? b->slope[3] : NULL};
    o->run(pass->conf, &b->in, out);
}

void micro_batch_backward(struct micro_batch *b, const struct micro_batch_pass *pass,
                          struct trainable *model, const struct objective_out *out)
{
    const size_t last = (size_t)b->batch.n - 1;

    if (out->dvalue && pass->ahead) { /* nothing follows the last token */
        memmove(out->dvalue, out->dvalue + 1, last * sizeof *out->dvalue);
        out->dvalue[last] = 0;
    }
    trainable_mean_slope(model, out->dmean);
    trainable_backward(model, out->dlogprob, out->dentropy, out->dvalue);
}
