/* bench_train: steps of supervised fine-tuning: time of each part, losses, memory.
 *
 *     bench_train MODEL|- [seqs=4] [length=256] [steps=5] [checkpointing=0] [portable=0]
 *                 [tokens=FILE]
 *
 * MODEL is a .gguf file or a folder; - makes random weights of SmolLM2-135M's shape. FILE holds
 * numbers, seqs x length of them for each step; without it tokens are a formula. The peer is
 * bench/train_torch.py with the same arguments. */

#include "base/clock.h"
#include "base/mem.h"
#include "lm/file/model_files.h"
#include "lm/model/train.h"
#include "lm/optim/optim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct train_bench {
    int seqs, length, steps;
    struct train_options options;
    FILE *tokens;
    struct params *params;
    struct packed_layout *layout;
    struct model *model;
    struct train *train;
    float *image, *grad, *moments, *logprob, *slope;
    int *token, *seq;
    double best; /* ms, the fastest step but the first */
};

static const struct shape smollm2 = {
    .family = FAMILY_LLAMA,
    .layers = 30,
    .width = 576,
    .heads = 9,
    .kv_heads = 3,
    .head_dim = 64,
    .ffn = 1536,
    .vocab = 49152,
    .context = 8192,
    .tied = true,
    .norm_eps = 1e-5f,
    .rope_theta = 1e5,
    .init_std = 0.04,
    .bos = -1,
    .pad = -1,
};

static double now_ms(void)
{
    return (double)clock_mono_ns() * 1e-6;
}

static enum err open_model(struct train_bench *bed, const char *path)
{
    struct model_files *files = NULL;
    enum err err;

    if (!strcmp(path, "-")) { /* time does not depend on the weights' values */
        err = params_new(&bed->params, &smollm2);
        if (!err)
            params_init(bed->params, 1, false);
        return err;
    }
    err = model_files_open(&files, path, MODEL_FILES_ALL);
    if (!err) {
        bed->params = files->params;
        files->params = NULL;
    }
    model_files_free(files);
    return err;
}

/* Everything that a run holds, once: a step allocates nothing but activations, the first time. */
static enum err prepare(struct train_bench *bed)
{
    const struct shape *shape = &bed->params->shape;
    const size_t n = (size_t)bed->seqs * (size_t)bed->length, count = bed->params->count;
    enum err err = packed_layout_new(&bed->layout, shape);

    if (!err)
        err = mem_big(&bed->image, packed_size(shape), 1, "image");
    if (!err)
        err = mem_big(&bed->grad, count, sizeof *bed->grad, "gradients");
    if (!err)
        err = mem_big(&bed->moments, 2 * count, sizeof *bed->moments, "moments");
    if (!err)
        err = model_new(&bed->model, shape, bed->image, packed_size(shape));
    if (!err)
        err = train_new(&bed->train, shape, &bed->options);
    if (err)
        return err;
    packed_fill(bed->image, bed->layout, bed->params);
    bed->logprob = mem_new(n, sizeof *bed->logprob);
    bed->slope = mem_new(n, sizeof *bed->slope);
    bed->token = mem_new(n, sizeof *bed->token);
    bed->seq = mem_new((size_t)bed->seqs + 1, sizeof *bed->seq);
    for (int i = 0; i <= bed->seqs; i++)
        bed->seq[i] = i * bed->length;
    printf("plan: %d tokens, activations %.0f MB\n", (int)n,
           (double)train_size(shape, &bed->options, (int)n) * 1e-6);
    return OK;
}

/* The same numbers as train_torch.py makes, or both read one file. */
static enum err read_tokens(struct train_bench *bed, int step)
{
    const int n = bed->seqs * bed->length;

    for (int i = 0; i < n; i++)
        if (!bed->tokens)
            bed->token[i] =
                (int)(((long)i * i * 31 + i * 131L + step * 7L) % bed->params->shape.vocab);
        else if (fscanf(bed->tokens, "%d", &bed->token[i]) != 1)
            return err_set(ERR_PARSE, "tokens: fewer than %d for step %d", n, step);
    return OK;
}

/* A step as learner/step does it, without the rest of the learner: what is timed is the library. */
static enum err step(struct train_bench *bed, int t)
{
    const int n = bed->seqs * bed->length, aims = n - bed->seqs;
    const struct batch batch = {
        .n = n, .n_seq = bed->seqs, .token = bed->token, .seq = bed->seq};
    const struct adamw conf = {0.9, 0.999, 1e-8, 0.01};
    const size_t count = bed->params->count;
    double at[6], loss = 0.0, norm;
    enum err err = read_tokens(bed, t);

    at[0] = now_ms();
    memset(bed->grad, 0, count * sizeof *bed->grad);
    if (!err)
        err = train_forward(bed->train, bed->model, &batch, 1.0f, bed->logprob, NULL, NULL);
    if (err)
        return err;
    at[1] = now_ms();
    /* The mean negative log-probability; each sequence's first token has none. */
    for (int i = 0; i < n; i++) {
        loss -= (double)bed->logprob[i] / aims;
        bed->slope[i] = -1.0f / (float)aims;
    }
    train_backward(bed->train, bed->model, bed->params, bed->slope, NULL, NULL, bed->grad);
    at[2] = now_ms();
    norm = optim_clip(bed->grad, count, 1.0);
    at[3] = now_ms();
    optim_adamw(&conf, bed->params, bed->grad, bed->moments, bed->moments + count, t + 1, 1e-5);
    at[4] = now_ms();
    packed_fill(bed->image, bed->layout, bed->params);
    at[5] = now_ms();
    printf("step %d loss %.7f norm %.6f: %.0f ms = forward %.0f + backward %.0f + clip %.0f + "
           "adamw %.0f + pack %.0f\n",
           t, loss, norm, at[5] - at[0], at[1] - at[0], at[2] - at[1], at[3] - at[2],
           at[4] - at[3], at[5] - at[4]);
    /* The first step touches memory for the first time: it does not count. */
    if (t == 1 || (t > 1 && at[5] - at[0] < bed->best))
        bed->best = at[5] - at[0];
    fflush(stdout);
    return OK;
}

static void options(struct train_bench *bed, int argc, char **argv)
{
    for (int i = 2; i < argc; i++) {
        const char *value = strchr(argv[i], '=');
        const int n = value ? (int)strtol(value + 1, NULL, 10) : 1;

        if (!strncmp(argv[i], "seqs=", 5))
            bed->seqs = n;
        else if (!strncmp(argv[i], "length=", 7))
            bed->length = n;
        else if (!strncmp(argv[i], "steps=", 6))
            bed->steps = n;
        else if (!strncmp(argv[i], "checkpointing=", 14))
            bed->options.checkpointing = n;
        else if (!strncmp(argv[i], "portable=", 9))
            bed->options.portable = n;
        else if (!strncmp(argv[i], "tokens=", 7))
            bed->tokens = fopen(value + 1, "r");
    }
}

int main(int argc, char **argv)
{
    struct train_bench bed = {.seqs = 4, .length = 256, .steps = 5};
    enum err err;

    options(&bed, argc, argv);
    err = open_model(&bed, argc > 1 ? argv[1] : "-");
    if (!err)
        err = prepare(&bed);
    for (int t = 0; !err && t < bed.steps; t++)
        err = step(&bed, t);
    if (err)
        fprintf(stderr, "bench_train: %s\n", err_text());
    else if (bed.steps > 1)
        printf("training: %.4f steps/s\npeak memory: %.0f MB\n", 1e3 / bed.best,
               (double)mem_peak() * 1e-6);
    train_free(bed.train);
    model_free(bed.model);
    packed_layout_free(bed.layout);
    params_free(bed.params);
    free(bed.image);
    free(bed.grad);
    free(bed.moments);
    free(bed.logprob);
    free(bed.slope);
    free(bed.token);
    free(bed.seq);
    if (bed.tokens)
        fclose(bed.tokens);
    return err ? 1 : 0;
}
