/* lora_bed: a small model with an adapter of formula numbers, and a loss on it, as
 * tests/golden/lora_steps.py has them. */

#ifndef TESTS_LM_LORA_BED_H
#define TESTS_LM_LORA_BED_H

#include "lm/model/train.h"
#include "tests/lm/small.h"

#include <math.h>

enum { N = 37 + 21 + 2, SEQS = 3, STEPS = 5 };
static const int seq[SEQS + 1] = {0, 37, 58, 60};

struct bed {
    struct small small;
    struct lora *lora;
    struct train *train;
    struct batch batch;
    int token[N];
    float aim[N], out[N], slope[N];
    float *grad;
};

static inline struct bed *bed_new(size_t c, const struct lora_conf *conf, float b,
                                  struct train_options options)
{
    struct bed *bed = calloc(1, sizeof *bed);

    assert_non_null(bed);
    small_new(&bed->small, &small_shape[c]);
    assert_ok(lora_new(&bed->lora, bed->small.params, conf, NULL));
    for (int i = 0; i < bed->lora->weights->n; i++) {
        const struct tensor *t = &bed->lora->weights->tensor[i];
        const bool up = strstr(t->name, "lora_B") != NULL;

        if (up || strstr(t->name, "lora_A"))
            formula_fill(bed->lora->weights->data + t->at, (size_t)(t->rows * t->cols),
                         300 + (uint32_t)i, up ? b : (float)(1 / sqrt(t->cols)), 0.0f);
    }
    assert_ok(train_new(&bed->train, &small_shape[c], &options));
    train_adapt(bed->train, bed->lora);
    bed->grad = calloc(bed->lora->weights->count, sizeof *bed->grad);
    bed->batch = (struct batch){.n = N, .n_seq = SEQS, .token = bed->token, .seq = seq};
    return bed;
}

static inline void bed_free(struct bed *bed)
{
    train_free(bed->train);
    lora_free(bed->lora);
    small_free(&bed->small);
    free(bed->grad);
    free(bed);
}

static inline void make_batch(struct bed *bed, int step)
{
    for (int s = 0; s < SEQS; s++)
        for (int i = seq[s]; i < seq[s + 1]; i++) {
            const uint32_t at = (uint32_t)(i - seq[s]), stream = (uint32_t)(1000 * step + s);
            bed->token[i] = formula_token(at, stream, bed->small.params->shape.vocab);
            bed->aim[i] = formula(at, stream + 500);
        }
}

/* Loss of one packed batch; its slopes are left in the bed. */
static inline double loss_of(struct bed *bed, int step)
{
    const bool scalar = bed->small.params->shape.head != HEAD_LM;
    double loss = 0.0;

    make_batch(bed, step);
    lora_pack(bed->lora, bed->small.image, bed->small.layout);
    assert_ok(train_forward(bed->train, bed->small.model, &bed->batch, 1.0f,
                            scalar ? NULL : bed->out, NULL, scalar ? bed->out : NULL));
    for (int i = 0; i < N; i++) {
        const double gap = (double)bed->out[i] - (double)bed->aim[i];
        loss += scalar ? gap * gap / N : -(double)bed->out[i] / (N - SEQS);
        bed->slope[i] = scalar ? (float)(2.0 * gap / N) : -1.0f / (N - SEQS);
    }
    return loss;
}

static inline void back(struct bed *bed)
{
    const bool scalar = bed->small.params->shape.head != HEAD_LM;

    train_backward(bed->train, bed->small.model, bed->small.params, scalar ? NULL : bed->slope,
                   NULL, scalar ? bed->slope : NULL, bed->grad);
}

#endif
