#include "learner/offline/pass.h"

#include "base/mem.h"

#include <stdlib.h>

void pass_init(struct pass *pass, const struct objective *objective, const void *conf,
               const struct corpus *corpus, struct reference *reference)
{
    *pass = (struct pass){
        .objective = objective, .conf = conf, .corpus = corpus, .reference = reference};
}

void pass_free(struct pass *pass)
{
    corpus_pack_free(&pass->packed);
    corpus_pack_free(&pass->other);
    free(pass->block);
    free(pass->drift);
    *pass = (struct pass){0};
}

static struct objective_in arrays(const struct pass *pass)
{
    const struct batch *batch = &pass->packed.batch;

    return (struct objective_in){
        .n = batch->n,
        .n_seq = batch->n_seq,
        .seq = batch->seq,
        .learn = pass->packed.learn,
        .seq_margin = pass->packed.margin,
        .seq_weight = pass->packed.weight,
        .seq_soft = pass->packed.soft,
        .seq_label = pass->packed.label,
        .target = pass->packed.target,
    };
}

void pass_count(struct pass *pass, const uint32_t *record, size_t n, struct pass_norm *norm)
{
    corpus_pack(pass->corpus, record, n, &pass->packed);

    const struct objective_in in = arrays(pass);
    norm->normaliser += pass->objective->count(&in);
    if (pass->objective->count_tokens)
        norm->tokens += pass->objective->count_tokens(&in);
}

enum { ARRAYS = 7 };

static enum err room(struct pass *pass, size_t n)
{
    if (n <= pass->room)
        return OK;
    free(pass->block);
    pass->block = NULL;
    pass->room = n;
    return mem_big(&pass->block, ARRAYS * n, sizeof(float), "a micro-batch");
}

/* ln pi/ref of the answers that belong to other prompts: no slope, so a pass of its own. */
static enum err drift(struct pass *pass, struct trainable *step, const uint32_t *record,
                      size_t n)
{
    double *sum = mem_new(2 * n, sizeof(*sum));
    enum err err;

    if (n > pass->room_drift) {
        pass->drift = mem_grow(pass->drift, n, sizeof(*pass->drift));
        pass->room_drift = n;
    }
    corpus_pack_mismatched(pass->corpus, record, n, &pass->other);
    err = room(pass, (size_t)pass->other.batch.n);
    if (!err)
        err = trainable_score(step, trainable_model(step), &pass->other.batch, 1, pass->block);
    if (!err) {
        reference_sums(&pass->other, pass->block, sum);
        err = reference_mismatched(pass->reference, step, pass->corpus, record, n, &pass->other,
                                   sum + n);
    }
    for (size_t i = 0; i < n && !err; i++)
        pass->drift[i] = (float)(sum[i] - sum[n + i]);
    free(sum);
    return err;
}

/* What stands beside the policy's own forward pass, before it: it uses the same memory. */
static enum err aside(struct pass *pass, struct trainable *step, const uint32_t *record,
                      size_t n, struct objective_in *in)
{
    const struct objective *o = pass->objective;
    enum err err = OK;

    if (!pass->reference)
        return OK;
    if (o->drift && pass->corpus->partner) {
        err = drift(pass, step, record, n);
        in->seq_drift = pass->drift;
    }
    if (!err)
        err = room(pass, (size_t)in->n);
    if (!err && o->reference) {
        float *reference = pass->block + 6 * pass->room;
        err = reference_take(pass->reference, step, pass->corpus, record, n, &pass->packed,
                             reference);
        in->reference = reference;
    }
    return err;
}

static enum err forward(struct pass *pass, struct trainable *step, struct objective_in *in)
{
    const struct objective *o = pass->objective;
    float *logprob = o->logprob ? pass->block : NULL;
    float *entropy = o->entropy ? pass->block + pass->room : NULL;
    float *value = o->value ? pass->block + 2 * pass->room : NULL;
    const enum err err =
        trainable_forward(step, &pass->packed.batch, 1.0f, logprob, entropy, value, &in->hit);

    in->logprob = logprob;
    in->entropy = entropy;
    in->value = value;
    in->square = trainable_square(step);
    in->mean_logit = trainable_mean_logit(step);
    return err;
}

static void report(const struct objective_out *out, struct metrics *mean, struct metrics *exact)
{
    for (int i = 0; i < out->metrics; i++) {
        const struct objective_metric *m = &out->metric[i];
        const double value = m->weight > 0 ? m->sum / m->weight : 0;
        if (mean)
            metrics_add(mean, m->name, value, m->weight > 0);
        if (exact && m->kind == OBJECTIVE_MEAN)
            metrics_add(exact, m->name, value, m->weight);
        else if (exact)
            metrics_extreme(exact, m->name, value, m->kind == OBJECTIVE_LEAST ? -1 : 1);
    }
}

enum err pass_run(struct pass *pass, struct trainable *step, const uint32_t *record, size_t n,
                  const struct pass_norm *norm, bool backward, struct metrics *mean,
                  struct metrics *exact, struct pass_result *out)
{
    const struct objective *o = pass->objective;
    struct objective_out slopes = {0};
    struct objective_in in;
    enum err err;

    corpus_pack(pass->corpus, record, n, &pass->packed);
    in = arrays(pass);
    in.normaliser = norm->normaliser;
    in.step_tokens = norm->tokens;
    err = room(pass, (size_t)in.n);
    if (!err)
        err = aside(pass, step, record, n, &in);
    trainable_dropout(step, backward);
    if (!err)
        err = forward(pass, step, &in);
    if (err)
        return err;
    slopes.dlogprob = o->logprob ? pass->block + 3 * pass->room : NULL;
    slopes.dentropy = o->dentropy ? pass->block + 4 * pass->room : NULL;
    slopes.dvalue = o->value ? pass->block + 5 * pass->room : NULL;
    if (pass->see)
        pass->see(pass->self, pass->corpus, &in, record, n);
    o->run(pass->conf, &in, &slopes);
    if (backward)
        trainable_backward(step, slopes.dlogprob, slopes.dentropy, slopes.dvalue);
    report(&slopes, mean, exact);
    *out = (struct pass_result){slopes.loss, pass->packed.tokens};
    return OK;
}
