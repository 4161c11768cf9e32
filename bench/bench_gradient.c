/* bench_gradient: how far gradients in bfloat16, and in int8, are from those of float32, tensor by tensor, on text.
 *
 *     bench_gradient MODEL DATA.jsonl [records, default 32] [tokens of each, default 256]
 *
 * The loss is that of supervised fine-tuning: the mean negative log-probability of all tokens that have one before them. Texts
 * are read as texts.h says, four to a micro-batch. Of each tensor: the cosine of the two gradients, in double. The models
 * should be of a file that holds bfloat16, then weights are the same in all; else their rounding is in the figures, and it is
 * said. */

#include "base/mem.h"
#include "bench/rounds.h"
#include "bench/subject.h"
#include "bench/texts.h"
#include "lm/file/open_model.h"
#include "lm/model/train.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOGETHER = 4, WORST = 5 };

/* How much of it a file of bfloat16 would not hold. */
static void tell_rounding(const struct params *params)
{
    size_t apart = 0;

    for (size_t i = 0; i < params->count; i++) {
        uint32_t bits;

        memcpy(&bits, params->data + i, sizeof bits);
        apart += (bits & 0xFFFF) != 0;
    }
    printf("%zu weights, %zu of them no numbers of bfloat16\n", params->count, apart);
}

/* Adds the gradients of `n` texts from the first on; *loss += their sum of negative log-probabilities / aims. */
static enum err add_some(struct train *train, const struct subject *subject,
                         const struct texts *texts, int first, int n, int aims, float *grad,
                         double *loss)
{
    const int from = texts->start[first], tokens = texts->start[first + n] - from;
    int *seq = mem_new((size_t)n + 1, sizeof *seq);
    float *logprob = mem_new((size_t)tokens, sizeof *logprob),
          *slope = mem_new((size_t)tokens, sizeof *slope);
    const struct batch batch = {
        .n = tokens, .n_seq = n, .token = texts->token + from, .seq = seq};
    enum err err;

    for (int i = 0; i <= n; i++)
        seq[i] = texts->start[first + i] - from;
    for (int i = 0; i < tokens; i++)
        slope[i] = -1.0f / (float)aims;
    err = train_forward(train, subject->model, &batch, 1.0f, logprob, NULL, NULL);
    for (int i = 0; !err && i < tokens; i++)
        *loss -= (double)logprob[i] / aims; /* 0 at a text's first */
    if (!err)
        train_backward(train, subject->model, subject->params, slope, NULL, NULL, grad);
    free(seq);
    free(logprob);
    free(slope);
    return err;
}

/* The gradient of all texts: *grad [count] out. */
static enum err gradient(float **grad, struct subject *subject, const struct texts *texts,
                         enum precision compute)
{
    const int aims = texts->start[texts->n] - texts->n;
    struct train *train = NULL;
    double loss = 0;
    enum err err = train_new(&train, model_shape(subject->model),
                             &(struct train_options){.checkpointing = false});

    if (!err)
        err = mem_big(grad, subject->params->count, sizeof **grad, "gradients");
    for (int at = 0; !err && at < texts->n; at += TOGETHER)
        err = add_some(train, subject, texts, at,
                       texts->n - at < TOGETHER ? texts->n - at : TOGETHER, aims, *grad, &loss);
    if (!err)
        printf("%s: %d texts, %d tokens, loss %.5f\n", precision_name(compute), texts->n,
               texts->start[texts->n], loss);
    fflush(stdout);
    train_free(train);
    return err;
}

struct likeness {
    double cosine, length; /* of the two, and other / float32 */
    const struct tensor *tensor;
};

static struct likeness compare(const float *a, const float *b, size_t n)
{
    double ab = 0, aa = 0, bb = 0;

    for (size_t i = 0; i < n; i++) {
        ab += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return (struct likeness){ab / sqrt(aa * bb), sqrt(bb / aa), NULL};
}

static int by_cosine(const void *a, const void *b)
{
    return rounds_ascending(&((const struct likeness *)a)->cosine,
                            &((const struct likeness *)b)->cosine);
}

/* Those of all tensors: least, median, the worst by name. */
static void tell(const struct params *params, const float *a, const float *b,
                 enum precision compute)
{
    const int n = params->n;
    const struct likeness whole = compare(a, b, params->count);
    struct likeness *of = mem_new((size_t)n, sizeof *of);
    int below = 0;

    for (int i = 0; i < n; i++) {
        const struct tensor *t = &params->tensor[i];

        of[i] = compare(a + t->at, b + t->at, (size_t)t->rows * (size_t)t->cols);
        of[i].tensor = t;
        below += !(of[i].cosine >= .999);
    }
    qsort(of, (size_t)n, sizeof *of, by_cosine);
    printf("%s: cosine with float32's of %d tensors: least %.5f, median %.5f, all of it as one "
           "%.5f (length %.4f of float32's); %d tensors below .999\n",
           precision_name(compute), n, of[0].cosine, of[n / 2].cosine, whole.cosine,
           whole.length, below);
    for (int i = 0; i < WORST && i < n; i++)
        printf("    %.5f %s\n", of[i].cosine, of[i].tensor->name);
    free(of);
}

/* One model after the other: of those before only float32's gradient stays. */
static enum err run(const char *model, const struct texts *texts)
{
    float *grad[PRECISIONS] = {NULL};
    enum err err = OK;

    for (int c = 0; !err && c < PRECISIONS; c++) {
        struct subject subject;

        err = subject_open(&subject, model, 0, (enum precision)c);
        if (err)
            break;
        if (c == PRECISION_FLOAT32)
            tell_rounding(subject.params);
        err = gradient(&grad[c], &subject, texts, (enum precision)c);
        if (!err && c != PRECISION_FLOAT32) {
            tell(subject.params, grad[PRECISION_FLOAT32], grad[c], (enum precision)c);
            free(grad[c]);
            grad[c] = NULL;
        }
        subject_close(&subject);
    }
    for (int c = 0; c < PRECISIONS; c++)
        free(grad[c]);
    return err;
}

int main(int argc, char **argv)
{
    const int records = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 32,
              longest = argc > 4 ? (int)strtol(argv[4], NULL, 10) : 256;
    struct open_model words = {NULL};
    struct texts texts = {0};
    enum err err =
        argc > 2 ? OK : err_set(ERR_RANGE, "bench_gradient MODEL DATA.jsonl [n] [tokens]");

    if (!err)
        err = open_model_text(&words, argv[1]);
    if (!err)
        err = texts_read(&texts, argv[2], words.encode.tokenizer, records, longest);
    if (!err)
        err = run(argv[1], &texts);
    if (err)
        fprintf(stderr, "bench_gradient: %s\n", err_text());
    texts_fini(&texts);
    open_model_close(&words);
    return err != OK;
}
