#include "learner/pass.h"

#include "base/mem.h"

#include <stdlib.h>

void pass_init(struct pass *pass, const struct objective *objective, const void *conf,
               const struct corpus *corpus)
{
    *pass = (struct pass){.objective = objective, .conf = conf, .corpus = corpus};
}

void pass_free(struct pass *pass)
{
    corpus_pack_free(&pass->packed);
    free(pass->block);
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
    };
}

double pass_count(struct pass *pass, const uint32_t *record, size_t n)
{
    corpus_pack(pass->corpus, record, n, &pass->packed);

    const struct objective_in in = arrays(pass);
    return pass->objective->count(&in);
}

static enum err room(struct pass *pass, size_t n)
{
    if (n <= pass->room)
        return OK;
    free(pass->block);
    pass->block = NULL;
    pass->room = n;
    return mem_big(&pass->block, 6 * n, sizeof(float), "a micro-batch");
}

static void report(const struct objective_out *out, struct meter *mean, struct meter *exact)
{
    for (int i = 0; i < out->metrics; i++) {
        const struct objective_metric *m = &out->metric[i];
        const double value = m->weight > 0 ? m->sum / m->weight : 0;
        meter_add(mean, m->name, value, m->weight > 0);
        if (exact)
            meter_add(exact, m->name, value, m->weight);
    }
}

enum err pass_run(struct pass *pass, struct step *step, const uint32_t *record, size_t n,
                  double normaliser, bool backward, struct meter *mean, struct meter *exact,
                  struct pass_result *out)
{
    const struct objective *o = pass->objective;
    float *logprob, *entropy, *value;
    struct objective_out slopes = {0};
    struct objective_in in;
    enum err err;

    corpus_pack(pass->corpus, record, n, &pass->packed);
    err = room(pass, (size_t)pass->packed.batch.n);
    if (err)
        return err;
    logprob = o->logprob ? pass->block : NULL;
    entropy = o->entropy ? pass->block + pass->room : NULL;
    value = o->value ? pass->block + 2 * pass->room : NULL;
    in = arrays(pass);
    in.normaliser = normaliser;
    in.logprob = logprob;
    in.entropy = entropy;
    in.value = value;
    err = step_forward(step, &pass->packed.batch, 1.0f, logprob, entropy, value, &in.hit);
    if (err)
        return err;
    slopes.dlogprob = o->logprob ? pass->block + 3 * pass->room : NULL;
    slopes.dentropy = o->dentropy ? pass->block + 4 * pass->room : NULL;
    slopes.dvalue = o->value ? pass->block + 5 * pass->room : NULL;
    o->run(pass->conf, &in, &slopes);
    if (backward)
        step_backward(step, slopes.dlogprob, slopes.dentropy, slopes.dvalue);
    report(&slopes, mean, exact);
    *out = (struct pass_result){slopes.loss, pass->packed.batch.n};
    return OK;
}
