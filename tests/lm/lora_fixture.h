/* lora_fixture: a small model with an adapter of formula numbers, and a loss on it, as
 * tests/golden/lora_steps.py has them. */

#ifndef TESTS_LM_LORA_FIXTURE_H
#define TESTS_LM_LORA_FIXTURE_H

#include "lm/model/train.h"
#include "tests/lm/small.h"

#include <math.h>

enum { N = 37 + 21 + 2, SEQS = 3, STEPS = 5 };
static const int seq[SEQS + 1] = {0, 37, 58, 60};

struct lora_fixture {
    struct small small;
    struct lora *lora;
    struct train *train;
    struct batch batch;
    int token[N];
    float aim[N], out[N], slope[N];
    float *grad;
};

static inline struct lora_fixture *lora_fixture_new(size_t c, const struct lora_conf *conf,
                                                    float b, struct train_options options)
{
    struct lora_fixture *fixture = calloc(1, sizeof *fixture);

    assert_non_null(fixture);
    small_new(&fixture->small, &small_shape[c]);
    assert_ok(lora_new(&fixture->lora, fixture->small.params, conf, NULL));
    for (int i = 0; i < fixture->lora->weights->n; i++) {
        const struct tensor *t = &fixture->lora->weights->tensor[i];
        const bool up = strstr(t->name, "lora_B") != NULL;

        if (up || strstr(t->name, "lora_A"))
            formula_fill(fixture->lora->weights->data + t->at, (size_t)(t->rows * t->cols),
                         300 + (uint32_t)i, up ? b : (float)(1 / sqrt(t->cols)), 0.0f);
    }
    assert_ok(train_new(&fixture->train, &small_shape[c], &options));
    train_adapt(fixture->train, fixture->lora);
    fixture->grad = calloc(fixture->lora->weights->count, sizeof *fixture->grad);
    fixture->batch = (struct batch){.n = N, .n_seq = SEQS, .token = fixture->token, .seq = seq};
    return fixture;
}

static inline void lora_fixture_free(struct lora_fixture *fixture)
{
    train_free(fixture->train);
    lora_free(fixture->lora);
    small_free(&fixture->small);
    free(fixture->grad);
    free(fixture);
}

static inline void make_batch(struct lora_fixture *fixture, int step)
{
    for (int s = 0; s < SEQS; s++)
        for (int i = seq[s]; i < seq[s + 1]; i++) {
            const uint32_t at = (uint32_t)(i - seq[s]), stream = (uint32_t)(1000 * step + s);
            fixture->token[i] = formula_token(at, stream, fixture->small.params->shape.vocab);
            fixture->aim[i] = formula(at, stream + 500);
        }
}

/* Loss of one packed batch; its slopes are left in the fixture. */
static inline double loss_of(struct lora_fixture *fixture, int step)
{
    const bool scalar = fixture->small.params->shape.head != HEAD_LM;
    double loss = 0.0;

    make_batch(fixture, step);
    lora_pack(fixture->lora, fixture->small.image, fixture->small.layout);
    assert_ok(train_forward(fixture->train, fixture->small.model, &fixture->batch, 1.0f,
                            scalar ? NULL : fixture->out, NULL, scalar ? fixture->out : NULL));
    for (int i = 0; i < N; i++) {
        const double gap = (double)fixture->out[i] - (double)fixture->aim[i];
        loss += scalar ? gap * gap / N : -(double)fixture->out[i] / (N - SEQS);
        fixture->slope[i] = scalar ? (float)(2.0 * gap / N) : -1.0f / (N - SEQS);
    }
    return loss;
}

static inline void back(struct lora_fixture *fixture)
{
    const bool scalar = fixture->small.params->shape.head != HEAD_LM;

    train_backward(fixture->train, fixture->small.model, fixture->small.params,
                   scalar ? NULL : fixture->slope, NULL, scalar ? fixture->slope : NULL,
                   fixture->grad);
}

#endif
