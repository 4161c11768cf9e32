/* A phase is run through the library's own entries (generate.h, forward.h, train.h), as actors and learners do.
 * Its round ends; then the products of such a round are run alone (passes.h), so that what else the machine does falls on
 * both. Tokens are a formula: time does not depend on which they are. */

#include "bench/phase.h"

#include "base/clock.h"
#include "base/mem.h"
#include "bench/passes.h"
#include "lm/gen/generate.h"
#include "lm/model/train.h"
#include "lm/optim/optim_rule.h"

#include <stdlib.h>
#include <string.h>

/* Seconds of a clock that nobody sets. */
static double now(void)
{
    return (double)clock_mono_ns() * 1e-9;
}

/* `batch` texts of `length` tokens: token [batch length], seq [batch + 1]. */
static void texts(int *token, int *seq, int batch, int length, int vocab)
{
    for (int i = 0; i < batch * length; i++)
        token[i] = (int)((int64_t)i * 131 % vocab);
    for (int i = 0; i <= batch; i++)
        seq[i] = i * length;
}

/* `passes` passes of so many rows each, whose mean row sees `seen` tokens. */
static void work(struct phase *p, const struct model *model, int passes, int rows,
                 int head_rows, double seen)
{
    const struct passes one = passes_of(model, rows, head_rows);

    p->product_work = one.work * passes;
    p->attention_work = passes_attention(model, rows, seen) * passes;
    p->bytes = one.bytes * passes;
}

/* One round: a job of its own, so that its draws are, from its prompt to the last answer's end. No token ends an answer
 * before: each has all of its tokens. */
static enum err decode_round(struct phase out[2], struct generate *g, const struct model *model,
                             const struct generate_job *job, int r)
{
    int tokens = 0;
    double start = now();
    enum err err = generate_admit(g, job);

    if (!err) /* the prompt, and the first token of each */
        err = generate_step(g, model, &(struct generate_events){0}, &tokens);
    out[0].seconds[r] = now() - start;
    start = now();
    while (!err && generate_room(g) < job->n)
        err = generate_step(g, model, &(struct generate_events){0}, &tokens);
    out[1].seconds[r] = now() - start;
    return err;
}

/* Caches, the prompt and the room of products live through all rounds: what is timed allocates nothing. */
enum err phase_decode(struct phase out[2], const struct subject *subject,
                      const struct phase_plan *plan)
{
    const int batch = plan->batch, context = plan->length, fresh = plan->fresh,
              rounds = plan->rounds;
    const struct model *model = subject->model;
    const int steps = fresh - 1;
    struct generate *g = NULL;
    struct passes_room *room = NULL;
    int *prompt = mem_new((size_t)context, sizeof *prompt), seq[2];
    struct generate_job job = {.n = batch, .prompt = prompt, .n_prompt = context};
    enum err err = generate_new(&g, model_shape(model), batch, context + fresh, NULL);

    out[0] = (struct phase){"prefill", batch, context, context, rounds, {0}, {0}, 0, 0, 0};
    out[1] = (struct phase){"decode", batch, context, batch * steps, rounds, {0}, {0}, 0, 0, 0};
    work(&out[0], model, 1, context, batch, context / 2.0);
    work(&out[1], model, steps, batch, batch, context + fresh / 2.0);
    texts(prompt, seq, 1, context, model_shape(model)->vocab);
    job.sampling = (struct sampling){.temperature = 1, .top_p = 1, .max_new = fresh};
    if (!err && plan->alone)
        err = passes_room_new(&room, subject, context > batch ? context : batch);
    for (int r = 0; !err && r < rounds; r++) {
        job.task = (uint64_t)r; /* draws of its own */
        err = decode_round(out, g, model, &job, r);
        if (!plan->alone)
            continue;
        out[0].products[r] = passes_forward(room, subject, context, batch);
        for (int i = 0; i < steps; i++)
            out[1].products[r] += passes_forward(room, subject, batch, batch);
    }
    passes_room_free(room);
    generate_free(g);
    free(prompt);
    return err;
}

/* forward_score makes its scratch anew at each call, as commands use it: that is in the time. */
enum err phase_score(struct phase *out, const struct subject *subject,
                     const struct phase_plan *plan)
{
    const int batch = plan->batch, length = plan->length, rounds = plan->rounds;
    const struct model *model = subject->model;
    const int n = batch * length;
    int *token = mem_new((size_t)n, sizeof *token),
        *seq = mem_new((size_t)batch + 1, sizeof *seq);
    float *logprob = mem_new((size_t)n, sizeof *logprob);
    struct passes_room *room = NULL;
    enum err err = plan->alone ? passes_room_new(&room, subject, n) : OK;

    *out = (struct phase){"score", batch, length, n, rounds, {0}, {0}, 0, 0, 0};
    work(out, model, 1, n, n, length / 2.0);
    texts(token, seq, batch, length, model_shape(model)->vocab);
    for (int r = 0; !err && r < rounds; r++) {
        const double start = now();

        err = forward_score(model, token, seq, batch, 1, logprob, NULL, NULL);
        out->seconds[r] = now() - start;
        if (plan->alone)
            out->products[r] = passes_forward(room, subject, n, n);
    }
    passes_room_free(room);
    free(token);
    free(seq);
    free(logprob);
    return err;
}

/* What a learner holds beside the model: activations, gradients, moments, a slope for each token. */
struct learning {
    struct train *train;
    struct moments moments;
    float *grad, *logprob, *slope;
    struct batch batch;
};

/* A step as learner/step does it, without the rest of the learner. Of round -1 no time is kept. */
static enum err learn_round(double took[PHASE_TRAIN], struct learning *l,
                            struct subject *subject, int round)
{
    static const struct adamw conf = {0.9, 0.999, 1e-8, 0.01, OPTIM_ADAMW, {.nesterov = false}};
    struct optim_target target = {.params = subject->params,
                                  .masters = subject->masters,
                                  .image = subject->image,
                                  .layout = subject->layout,
                                  .grad = l->grad,
                                  .moments = &l->moments};
    const double start = now();
    double forward, backward;
    enum err err;

    memset(l->grad, 0, subject->params->count * sizeof *l->grad);
    err = train_forward(l->train, subject->model, &l->batch, 1.0f, l->logprob, NULL, NULL);
    if (err)
        return err;
    forward = now();
    train_backward(l->train, subject->model, subject->params, l->slope, NULL, NULL, l->grad);
    backward = now();
    target.shrink = optim_shrink(optim_norm(l->grad, subject->params->count), 1.0);
    optim_rule_step(&conf, &target, round + 2, 1e-6);
    model_changed(subject->model);
    took[0] = forward - start;
    took[1] = backward - forward;
    took[2] = now() - backward;
    return OK;
}

/* Gradients, two moments and, in bfloat16, the masters' rests; the activations. */
double phase_train_bytes(const struct subject *subject, int n)
{
    return 14.0 * (double)subject->params->count +
           (double)train_size(model_shape(subject->model),
                              &(struct train_options){.checkpointing = false}, n);
}

/* Everything is made before the first round, which is not told. */
static enum err learn(struct phase out[PHASE_TRAIN], struct learning *l,
                      struct subject *subject, const struct phase_plan *plan)
{
    const int n = l->batch.n;
    struct passes_room *room = NULL;
    double took[PHASE_TRAIN];
    enum err err = subject_learns(subject);

    if (!err)
        err = train_new(&l->train, model_shape(subject->model),
                        &(struct train_options){.checkpointing = false});
    if (!err)
        err = mem_big(&l->grad, subject->params->count, sizeof *l->grad, "gradients");
    if (!err)
        err = moments_new(&l->moments, subject->params, false);
    if (!err && plan->alone)
        err = passes_room_new(&room, subject, n);
    for (int r = -1; !err && r < plan->rounds; r++) {
        err = learn_round(took, l, subject, r);
        for (int i = 0; r >= 0 && i < PHASE_TRAIN; i++)
            out[i].seconds[r] = took[i];
        if (r >= 0 && !err && plan->alone) {
            out[0].products[r] = passes_forward(room, subject, n, n);
            out[1].products[r] = passes_backward(room, subject, n, n);
        }
    }
    passes_room_free(room);
    train_free(l->train);
    moments_free(&l->moments);
    free(l->grad);
    return err;
}

/* The loss is the mean negative log-probability: its slope is the same at each token. */
enum err phase_train(struct phase out[PHASE_TRAIN], struct subject *subject,
                     const struct phase_plan *plan)
{
    const int batch = plan->batch, length = plan->length, rounds = plan->rounds;
    const struct model *model = subject->model;
    const int n = batch * length;
    int *token = mem_new((size_t)n, sizeof *token),
        *seq = mem_new((size_t)batch + 1, sizeof *seq);
    struct learning l = {.logprob = mem_new((size_t)n, sizeof(float)),
                         .slope = mem_new((size_t)n, sizeof(float)),
                         .batch = {.n = n, .n_seq = batch, .token = token, .seq = seq}};
    enum err err;

    out[0] = (struct phase){"forward", batch, length, n, rounds, {0}, {0}, 0, 0, 0};
    work(&out[0], model, 1, n, n, length / 2.0);
    out[1] = out[2] = out[0];
    out[1].name = "backward";
    out[1].product_work *= 2;
    out[1].attention_work *= 2;
    out[2].name = "optimizer";
    out[2].product_work = out[2].attention_work = 0;
    /* gradients read, weights and two moments read and written */
    out[2].bytes = 28.0 * (double)subject->params->count;
    texts(token, seq, batch, length, model_shape(model)->vocab);
    for (int i = 0; i < n; i++)
        l.slope[i] = -1.0f / (float)n;
    err = learn(out, &l, subject, plan);
    free(token);
    free(seq);
    free(l.logprob);
    free(l.slope);
    return err;
}

/* The rounds stay in their order: a copy is sorted. */
static double median(const double *value, int n)
{
    double copy[ROUNDS];

    memcpy(copy, value, (size_t)n * sizeof *copy);
    return rounds_median_of(copy, n);
}

double phase_seconds(const struct phase *phase)
{
    return median(phase->seconds, phase->n);
}

double phase_products(const struct phase *phase)
{
    return median(phase->products, phase->n);
}
