/* bench_train: steps of supervised fine-tuning: time of each part, losses, memory.
 *
 *     bench_train MODEL [seqs=4] [length=256] [steps=5] [checkpointing=0]
 *                 [compute=float32] [moments=32] [tokens=FILE]
 *
 * MODEL is a folder, a .gguf file or a shape's name (subject.h), whose weights are random then. FILE holds
 * numbers, seqs x length of them for each step; without it tokens are a formula. The peer is
 * bench/train_torch.py with the same arguments. */

#include "base/clock.h"
#include "base/mem.h"
#include "bench/subject.h"
#include "lm/model/train.h"
#include "lm/model/train_room.h"
#include "lm/optim/optim_rule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct train_bench {
    int seqs, length, steps;
    struct train_options options;
    const char *compute;
    bool eight; /* moments in 8 bits */
    FILE *tokens;
    struct subject subject;
    struct train *train;
    struct moments moments;
    struct train_room room; /* with the gradient: a step is one backward pass */
    float *logprob, *slope;
    int *token, *seq;
    double best; /* ms, the fastest step but the first */
};

static double now_ms(void)
{
    return (double)clock_mono_ns() * 1e-6;
}

/* Everything that a run holds, once: a step allocates nothing but activations, the first time. */
static enum err prepare(struct train_bench *bench)
{
    const struct shape *shape = &bench->subject.params->shape;
    const size_t n = (size_t)bench->seqs * (size_t)bench->length,
                 count = bench->subject.params->count;
    enum err err = train_room_grow(&bench->room, TRAIN_GRADIENT, count, "gradients");

    bench->options.room = &bench->room;
    bench->options.alone = true;
    if (!err)
        err = moments_new(&bench->moments, bench->subject.params, bench->eight);
    if (!err)
        err = train_new(&bench->train, shape, &bench->options);
    if (err)
        return err;
    bench->logprob = mem_new(n, sizeof *bench->logprob);
    bench->slope = mem_new(n, sizeof *bench->slope);
    bench->token = mem_new(n, sizeof *bench->token);
    bench->seq = mem_new((size_t)bench->seqs + 1, sizeof *bench->seq);
    for (int i = 0; i <= bench->seqs; i++)
        bench->seq[i] = i * bench->length;
    printf("plan: %d tokens, activations %.0f MB\n", (int)n,
           (double)train_size(shape, &bench->options, (int)n) * 1e-6);
    return OK;
}

/* The same numbers as train_torch.py makes, or both read one file. */
static enum err read_tokens(struct train_bench *bench, int step)
{
    const int n = bench->seqs * bench->length;

    for (int i = 0; i < n; i++)
        if (!bench->tokens)
            bench->token[i] = (int)(((long)i * i * 31 + i * 131L + step * 7L) %
                                    bench->subject.params->shape.vocab);
        else if (fscanf(bench->tokens, "%d", &bench->token[i]) != 1)
            return err_set(ERR_PARSE, "tokens: fewer than %d for step %d", n, step);
    return OK;
}

/* A step as learner/step does it, without the rest of the learner: what is timed is the library. */
static enum err step(struct train_bench *bench, int t)
{
    const int n = bench->seqs * bench->length, aims = n - bench->seqs;
    const struct batch batch = {
        .n = n, .n_seq = bench->seqs, .token = bench->token, .seq = bench->seq};
    const struct adamw conf = {0.9, 0.999, 1e-8, 0.01, OPTIM_ADAMW, {.nesterov = false}};
    float *const grad = bench->room.block[TRAIN_GRADIENT].at;
    struct optim_target target = {.params = bench->subject.params,
                                  .masters = bench->subject.masters,
                                  .image = bench->subject.image,
                                  .layout = bench->subject.layout,
                                  .grad = grad,
                                  .moments = &bench->moments};
    const size_t count = bench->subject.params->count;
    double at[5], loss = 0.0, norm;
    enum err err = read_tokens(bench, t);

    at[0] = now_ms();
    if (!err)
        err = train_forward(bench->train, bench->subject.model, &batch, 1.0f, bench->logprob,
                            NULL, NULL);
    if (err)
        return err;
    at[1] = now_ms();
    /* The mean negative log-probability; each sequence's first token has none. */
    for (int i = 0; i < n; i++) {
        loss -= (double)bench->logprob[i] / aims;
        bench->slope[i] = -1.0f / (float)aims;
    }
    train_backward(bench->train, bench->subject.model, bench->subject.params, bench->slope,
                   NULL, NULL, grad);
    at[2] = now_ms();
    norm = optim_norm(grad, count);
    target.shrink = optim_shrink(norm, 1.0);
    at[3] = now_ms();
    optim_rule_step(&conf, &target, t + 1, 1e-5); /* the image follows */
    model_changed(bench->subject.model);
    at[4] = now_ms();
    printf("step %d loss %.7f norm %.6f: %.0f ms = forward %.0f + backward %.0f + norm %.0f + "
           "adamw %.0f\n",
           t, loss, norm, at[4] - at[0], at[1] - at[0], at[2] - at[1], at[3] - at[2],
           at[4] - at[3]);
    /* The first step touches memory for the first time: it does not count. */
    if (t == 1 || (t > 1 && at[4] - at[0] < bench->best))
        bench->best = at[4] - at[0];
    fflush(stdout);
    return OK;
}

static void options(struct train_bench *bench, int argc, char **argv)
{
    for (int i = 2; i < argc; i++) {
        const char *value = strchr(argv[i], '=');
        const int n = value ? (int)strtol(value + 1, NULL, 10) : 1;

        if (!strncmp(argv[i], "seqs=", 5))
            bench->seqs = n;
        else if (!strncmp(argv[i], "length=", 7))
            bench->length = n;
        else if (!strncmp(argv[i], "steps=", 6))
            bench->steps = n;
        else if (!strncmp(argv[i], "checkpointing=", 14))
            bench->options.checkpointing = n;
        else if (!strncmp(argv[i], "compute=", 8))
            bench->compute = value + 1;
        else if (!strncmp(argv[i], "moments=", 8))
            bench->eight = n == 8;
        else if (!strncmp(argv[i], "tokens=", 7))
            bench->tokens = fopen(value + 1, "r");
    }
}

int main(int argc, char **argv)
{
    struct train_bench bench = {.seqs = 4, .length = 256, .steps = 5};
    enum precision compute = PRECISION_FLOAT32;
    enum err err;

    options(&bench, argc, argv);
    err = precision_named(&compute, bench.compute);
    if (!err)
        err = subject_open(&bench.subject, argc > 1 ? argv[1] : "smollm2-135m", 0, compute);
    if (!err)
        err = subject_learns(&bench.subject);
    if (!err)
        err = prepare(&bench);
    for (int t = 0; !err && t < bench.steps; t++)
        err = step(&bench, t);
    if (err)
        fprintf(stderr, "bench_train: %s\n", err_text());
    else if (bench.steps > 1)
        printf("training: %.4f steps/s\npeak memory: %.0f MB\n", 1e3 / bench.best,
               (double)mem_peak() * 1e-6);
    train_free(bench.train);
    subject_close(&bench.subject);
    train_room_fini(&bench.room);
    moments_free(&bench.moments);
    free(bench.logprob);
    free(bench.slope);
    free(bench.token);
    free(bench.seq);
    if (bench.tokens)
        fclose(bench.tokens);
    return err ? 1 : 0;
}
