/* bench_decode: tokens a second of generation and scoring on a random model of SmolLM2-135M's
 * shape (the weights' values do not matter to the time).
 *
 *     bench_decode [layers, default 30] [new tokens, default 64] [float32|bfloat16] [rounds, 1 to 5]
 *
 * Decode: n samples of one 128-token prompt at a time, prefill included and also shown apart.
 * Scoring: 8 sequences of 256 tokens. Medians of the rounds. */

#include "base/clock.h"
#include "base/mem.h"
#include "bench/rounds.h"
#include "lm/gen/generate.h"
#include "lm/kernel/isa.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

enum { PROMPT = 128, SEQS = 8, SEQ = 256 };

static int rounds = ROUNDS;

static double now(void)
{
    return (double)clock_mono_ns() * 1e-9;
}

/* The first step holds the prefill and the first token of each; what comes after is decoding
 * alone. A round has its own task, so that samples differ from round to round. */
static enum err decode(const struct model *model, int batch, int fresh)
{
    const struct shape *shape = model_shape(model);
    double all[ROUNDS], prefill[ROUNDS];
    int prompt[PROMPT], tokens = 0;
    struct generate *g;
    enum err err = generate_new(&g, shape, batch, PROMPT + fresh, NULL);
    struct generate_job job = {.n = batch, .prompt = prompt, .n_prompt = PROMPT};

    for (int i = 0; i < PROMPT; i++)
        prompt[i] = i * 31 % shape->vocab;
    job.sampling = (struct sampling){.temperature = 1, .top_p = 1, .max_new = fresh};
    for (int r = 0; !err && r < rounds; r++) {
        double start = now();

        job.task = (uint64_t)r;
        err = generate_admit(g, &job);
        if (!err)
            err = generate_step(g, model, &(struct generate_events){0}, &tokens);
        prefill[r] = now() - start;
        start = now();
        while (!err && generate_room(g) < batch)
            err = generate_step(g, model, &(struct generate_events){0}, &tokens);
        all[r] = batch * (fresh - 1) / (now() - start);
    }
    if (!err)
        printf("decode batch %2d: %7.1f tokens/s; prefill of %d tokens %.1f ms\n", batch,
               rounds_median_of(all, rounds), PROMPT, rounds_median_of(prefill, rounds) * 1e3);
    fflush(stdout);
    generate_free(g);
    return err;
}

/* Whole texts, as a reward model or a reference reads them. */
static enum err score(const struct model *model)
{
    static int token[SEQS * SEQ], seq[SEQS + 1];
    static float logprob[SEQS * SEQ];
    double rate[ROUNDS];
    enum err err = OK;

    /* Any tokens will do: time does not depend on which. */
    for (int i = 0; i < SEQS * SEQ; i++)
        token[i] = i * 131 % model_shape(model)->vocab;
    for (int i = 0; i <= SEQS; i++)
        seq[i] = i * SEQ;
    for (int r = 0; !err && r < rounds; r++) {
        const double start = now();

        err = forward_score(model, token, seq, SEQS, 1, logprob, NULL, NULL);
        rate[r] = SEQS * SEQ / (now() - start);
    }
    if (!err)
        printf("score %d x %d: %7.1f tokens/s\n", SEQS, SEQ, rounds_median_of(rate, rounds));
    return err;
}

static enum err run(const struct shape *shape, int fresh)
{
    struct params *params = NULL;
    struct packed_layout *layout = NULL;
    struct model *model = NULL;
    float *image = NULL;
    enum err err = params_new(&params, shape);

    if (!err)
        err = packed_layout_new(&layout, shape);
    if (!err)
        err = mem_big(&image, packed_size(shape), 1, "image");
    if (!err) {
        params_init(params, 1, false);
        packed_fill(image, layout, params);
        err = model_new(&model, shape, image, packed_size(shape));
    }
    if (!err)
        printf("%s, %d threads\n", isa_current()->name, omp_get_max_threads());
    /* 1, 8, 32: a chat, an actor's usual slots, as many as fill the register tiles. */
    for (int batch = 1; !err && batch <= 32; batch = batch == 1 ? 8 : batch * 4)
        err = decode(model, batch, fresh);
    if (!err)
        err = score(model);
    model_free(model);
    free(image);
    packed_layout_free(layout);
    params_free(params);
    return err;
}

int main(int argc, char **argv)
{
    /* SmolLM2-135M's, with as many layers as one has time for */
    struct shape shape = {
        .layers = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 30,
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
    };

    if (argc > 4)
        rounds = (int)strtol(argv[4], NULL, 10);
    if (rounds < 1 || rounds > ROUNDS) {
        fprintf(stderr, "rounds: 1 to %d\n", ROUNDS);
        return 1;
    }
    if (precision_named(&shape.compute, argc > 3 ? argv[3] : NULL) ||
        run(&shape, argc > 2 ? (int)strtol(argv[2], NULL, 10) : 64)) {
        fprintf(stderr, "%s\n", err_text());
        return 1;
    }
    return 0;
}
