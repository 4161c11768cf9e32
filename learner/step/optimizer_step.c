/* The only place where a loss becomes a gradient, for every method, and where one moves weights.
 *
 * learner/offline/cycle and learner/iteration call measure, accumulate and apply in this order,
 * once an optimiser step; learner/offline/evaluate calls the first two. A model takes all its
 * micro-batches before the next one's turn, so that one room serves both (learner/iteration: policy,
 * then critic, each moved when its gradient is whole). They are taken in rising order and each
 * model's gradient is one chain of additions in that order, which is what makes a seeded run repeat
 * bit for bit. The batch is filled again for every use, since the normaliser counts the whole step:
 * copying tokens costs nothing beside a forward pass. */
#include "learner/step/optimizer_step.h"

/* A step of which nothing is learnt has no loss either: any divisor will do. */
static double or_one(double count)
{
    return count > 0 ? count : 1;
}

static double tokens_of(const struct objective *o, const struct objective_in *in)
{
    return o->count_tokens ? o->count_tokens(in) : objective_tokens(in);
}

enum err optimizer_step_measure(struct optimizer_step *step)
{
    enum err err = OK;

    for (int k = 0; k < OPTIMIZER_STEP_MODELS; k++)
        step->model[k].normaliser = step->model[k].tokens = 0;
    for (size_t i = 0; i < step->n && !err; i++) {
        err = step->fill(step->self, i, step->batch);
        for (int k = 0; k < OPTIMIZER_STEP_MODELS && !err; k++) {
            if (!step->model[k].model)
                continue;
            const struct objective *const o = step->model[k].pass.objective;
            step->model[k].normaliser += o->count(&step->batch->in);
            step->model[k].tokens += tokens_of(o, &step->batch->in);
        }
    }
    for (int k = 0; k < OPTIMIZER_STEP_MODELS; k++) {
        step->model[k].normaliser = or_one(step->model[k].normaliser);
        step->model[k].tokens = or_one(step->model[k].tokens);
    }
    return err;
}

/* Metrics of one micro-batch, into the means of the step, of all steps, and as TRL has them. */
static void note(const struct objective_out *out, struct metrics *exact, struct metrics *total,
                 struct metrics *mean)
{
    for (int i = 0; i < out->metrics; i++) {
        const struct objective_metric *const m = &out->metric[i];
        metrics_take(exact, m);
        if (total)
            metrics_take(total, m);
        if (mean)
            metrics_add(mean, m->name, m->weight > 0 ? m->sum / m->weight : 0, m->weight > 0);
    }
}

static void add(struct optimizer_step_sums *to, const struct objective_out *out, int k)
{
    to->loss[k] += out->loss;
    to->bonus_entropy += out->bonus_entropy;
    to->bonus_tokens += out->bonus_tokens;
}

/* The divisors of this micro-batch's loss. */
static void divide(const struct optimizer_step *step, const struct optimizer_step_model *one,
                   struct objective_in *in)
{
    const struct objective *const o = one->pass.objective;

    in->normaliser = o->apart ? (double)step->n * or_one(o->count(in)) : one->normaliser;
    /* What else an objective asks of the whole step. */
    in->step_tokens = one->tokens;
    in->entropy_coef = step->entropy_coef;
}

/* Model k over the micro-batch that is filled. */
static enum err pass(struct optimizer_step *step, size_t i, int k,
                     struct optimizer_step_sums *sums)
{
    struct optimizer_step_model *const one = &step->model[k];
    struct micro_batch *const batch = step->batch;
    struct objective_out out;
    bool go = true;
    enum err err;

    trainable_dropout(one->model, one->dropout);
    err = micro_batch_forward(batch, &one->pass, one->model);
    if (err)
        return err;
    divide(step, one, &batch->in);
    if (step->look)
        step->look(step->self, i, batch, k, &go);
    if (!go)
        return OK;
    micro_batch_objective(batch, &one->pass, &out);
    if (one->learns)
        micro_batch_backward(batch, &one->pass, one->model, &out);
    add(sums, &out, k);
    if (step->total)
        add(step->total, &out, k);
    note(&out, &sums->metrics, step->total ? &step->total->metrics : NULL, step->mean);
    return OK;
}

/* Model k over all micro-batches. */
static enum err take_turn(struct optimizer_step *step, int k, struct optimizer_step_sums *sums)
{
    enum err err = OK;

    sums->tokens = 0; /* the same in every turn */
    for (size_t i = 0; i < step->n && !err; i++) {
        err = step->fill(step->self, i, step->batch);
        if (!err && step->complete)
            err = step->complete(step->self, i, step->batch);
        if (!err)
            err = pass(step, i, k, sums);
        sums->tokens += err ? 0 : step->batch->tokens;
    }
    return err;
}

enum err optimizer_step_accumulate(struct optimizer_step *step,
                                   struct optimizer_step_sums *sums)
{
    enum err err = OK;
    bool go = true;

    *sums = (struct optimizer_step_sums){.tokens = 0};
    for (int k = 0; k < OPTIMIZER_STEP_MODELS && !err && go; k++) {
        if (!step->model[k].model)
            continue;
        err = take_turn(step, k, sums);
        if (!err && step->whole)
            go = step->whole(step->self, k, step, sums);
    }
    return err;
}

double optimizer_step_apply(const struct optimizer_step_model *one, const struct adamw *adamw,
                            double rate, double max_grad_norm)
{
    return trainable_apply(one->model, adamw, rate, max_grad_norm);
}
