/* bench_precision: how far what is computed in bfloat16, and in int8, is from float32, on text.
 *
 *     bench_precision MODEL DATA.jsonl [records, default 100] [tokens of each, default 256]
 *
 * Records are read as texts.h says.
 * Per token, of each: the divergence of the two models' next-token distributions, KL(float32 || other) in
 * nats, in double over the vocabulary; whether both find the same token the most likely; how far the
 * log-probabilities of the text's own token are apart. The weights are the same in all where the file
 * holds bfloat16; else the others' are its roundings, and that is in the figures. */

#include "base/mem.h"
#include "bench/texts.h"
#include "lm/file/open_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROWS = 32, MODELS = PRECISIONS };

struct bench_model {
    struct open_model open;
    struct cache *cache;
    struct forward_work *work;
    float *hidden, *logits;
};

struct bench_sums {
    double kl, apart;
    long tokens, same;
};

static enum err bench_open(struct bench_model *m, const char *path, const char *compute,
                           int tokens)
{
    enum err err = open_model_all(&m->open, path, HEAD_LM, compute);
    const struct shape *s = err ? NULL : model_shape(m->open.model);

    if (!err)
        err = cache_new(&m->cache, s, tokens, NULL);
    if (!err)
        err = forward_work_new(&m->work, s, ROWS);
    if (!err)
        err = mem_big(&m->hidden, (size_t)ROWS * (size_t)s->width, sizeof(float), "hidden");
    if (!err)
        err = mem_big(&m->logits, (size_t)ROWS * (size_t)s->vocab, sizeof(float), "logits");
    return err;
}

static void bench_close(struct bench_model *m)
{
    free(m->logits);
    free(m->hidden);
    forward_work_free(m->work);
    cache_free(m->cache);
    open_model_close(&m->open);
}

/* log of the sum of exponentials, and the largest. */
static double mass(const float *l, int n, int *best)
{
    double sum = 0;

    *best = 0;
    for (int i = 1; i < n; i++)
        if (l[i] > l[*best])
            *best = i;
    for (int i = 0; i < n; i++)
        sum += exp((double)l[i] - (double)l[*best]);
    return (double)l[*best] + log(sum);
}

static void compare(struct bench_sums *sums, const float *a, const float *b, int n, int next)
{
    int best[2];
    const double la = mass(a, n, &best[0]), lb = mass(b, n, &best[1]);
    double kl = 0;

    for (int i = 0; i < n; i++) {
        const double pa = (double)a[i] - la;

        kl += exp(pa) * (pa - ((double)b[i] - lb));
    }
    sums->kl += kl;
    sums->same += best[0] == best[1];
    sums->apart += fabs(((double)a[next] - la) - ((double)b[next] - lb));
    sums->tokens++;
}

static void read_text(struct bench_sums *sums, struct bench_model *m, const int *token, int n)
{
    const int vocab = model_shape(m[0].open.model)->vocab;

    for (int at = 0; at + 1 < n; at += ROWS) {
        const int rows = n - 1 - at < ROWS ? n - 1 - at : ROWS;

        for (int k = 0; k < MODELS; k++) {
            struct forward_row row[ROWS];

            for (int i = 0; i < rows; i++)
                row[i] = (struct forward_row){m[k].cache, token[at + i], at + i};
            forward_hidden(m[k].open.model, m[k].work, row, rows, m[k].hidden);
            forward_logits(m[k].open.model, m[k].work, m[k].hidden, rows, m[k].logits);
        }
        for (int k = 1; k < MODELS; k++)
            for (int i = 0; i < rows; i++)
                compare(&sums[k], m[0].logits + (size_t)i * (size_t)vocab,
                        m[k].logits + (size_t)i * (size_t)vocab, vocab, token[at + i + 1]);
    }
}

static void tell(const char *name, const struct bench_sums *s)
{
    printf(
        "%s, %ld tokens: KL %.3g nats a token, top-1 %.5f alike, own token's log-probability "
        "%.3g nats apart\n",
        name, s->tokens, s->kl / (double)s->tokens, (double)s->same / (double)s->tokens,
        s->apart / (double)s->tokens);
}

int main(int argc, char **argv)
{
    const int records = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 100;
    const int longest = argc > 4 ? (int)strtol(argv[4], NULL, 10) : 256;
    struct bench_model m[MODELS] = {{.cache = NULL}};
    struct bench_sums sums[MODELS] = {{0}};
    struct texts texts = {0};
    enum err err =
        argc > 2 ? OK : err_set(ERR_RANGE, "bench_precision MODEL DATA.jsonl [n] [tokens]");

    for (int k = 0; k < MODELS && !err; k++)
        err = bench_open(&m[k], argv[1], precision_name((enum precision)k), longest);
    if (!err)
        err = texts_read(&texts, argv[2], m[0].open.encode.tokenizer, records, longest);
    for (int i = 0; !err && i < texts.n; i++)
        read_text(sums, m, texts.token + texts.start[i], texts.start[i + 1] - texts.start[i]);
    if (err)
        fprintf(stderr, "%s\n", err_text());
    for (int k = 1; k < MODELS && !err; k++)
        tell(precision_name((enum precision)k), &sums[k]);
    texts_fini(&texts);
    for (int k = 0; k < MODELS; k++)
        bench_close(&m[k]);
    return err ? 1 : 0;
}
