/* How it works: names are a table; a step is AdamW's own function, or here, tensor by tensor, as
 * decay is a tensor's: chunks of a fixed size are spread over threads and elements do not meet,
 * so any number of threads gives the same bits. */
#include "lm/optim/optim_rule.h"

#include <math.h>
#include <string.h>

enum { CHUNK = 1 << 15 };

static const struct {
    const char *name;
    enum optim_rule rule;
} names[] = {
    {"adamw_torch", OPTIM_ADAMW},
    {"adamw_torch_fused", OPTIM_ADAMW},
    {"adamw", OPTIM_ADAMW},
    {"adamw_hf", OPTIM_ADAMW},
    {"adamw_torch_xla", OPTIM_ADAMW},
    {"adamw_torch_npu_fused", OPTIM_ADAMW},
    {"adamw_apex_fused", OPTIM_ADAMW},
    {"adamw_anyprecision", OPTIM_ADAMW},
    {"adamw_torch_4bit", OPTIM_ADAMW},
    {"adamw_torch_8bit", OPTIM_ADAMW},
    {"adamw_bnb_8bit", OPTIM_ADAMW},
    {"adamw_8bit", OPTIM_ADAMW},
    {"paged_adamw", OPTIM_ADAMW},
    {"paged_adamw_32bit", OPTIM_ADAMW},
    {"paged_adamw_8bit", OPTIM_ADAMW},
    {"sgd", OPTIM_SGD},
    {"rmsprop", OPTIM_RMSPROP},
    {"rmsprop_bnb", OPTIM_RMSPROP},
    {"rmsprop_bnb_8bit", OPTIM_RMSPROP},
    {"rmsprop_bnb_32bit", OPTIM_RMSPROP},
    {"adagrad", OPTIM_ADAGRAD},
};

enum err optim_rule_named(enum optim_rule *out, const char *name)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(names[i].name, name)) {
            *out = names[i].rule;
            return OK;
        }
    return err_set(ERR_RANGE,
                   "optim: '%s': there are AdamW (adamw_torch and its kin), sgd, rmsprop and "
                   "adagrad",
                   name);
}

/* v: how a square is remembered, the step's divisor is its root plus epsilon; keep 0 and add 0:
 * the gradient itself is the step. */
struct optim_rule_chunk {
    float decay, rate, keep, add, epsilon;
};

/* SGD remembers nothing. */
static void plain_chunk(const struct optim_rule_chunk *c, float *restrict p,
                        const float *restrict g, size_t n)
{
    const struct optim_rule_chunk k = *c;

#pragma omp simd
    for (size_t i = 0; i < n; i++)
        p[i] = p[i] - k.rate * (g[i] + k.decay * p[i]);
}

/* RMSprop and Adagrad: the gradient over the root of what it has been. */
static void rooted_chunk(const struct optim_rule_chunk *c, float *restrict p,
                         const float *restrict g, float *restrict v, size_t n)
{
    const struct optim_rule_chunk k = *c;

#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        const float gi = g[i] + k.decay * p[i];
        const float vi = v[i] * k.keep + k.add * gi * gi;
        v[i] = vi;
        p[i] = p[i] - k.rate * (gi / (sqrtf(vi) + k.epsilon));
    }
}

/* torch's defaults: RMSprop alpha .99, eps 1e-8; Adagrad eps 1e-10. */
static struct optim_rule_chunk chunk_of(enum optim_rule rule, double rate, double decay)
{
    struct optim_rule_chunk c = {.decay = (float)decay, .rate = (float)rate};

    if (rule == OPTIM_RMSPROP) {
        c.keep = 0.99f;
        c.add = (float)(1.0 - 0.99);
        c.epsilon = 1e-8f;
    } else if (rule == OPTIM_ADAGRAD) {
        c.keep = c.add = 1.0f;
        c.epsilon = 1e-10f;
    }
    return c;
}

void optim_rule_step(const struct adamw *conf, struct params *params, const float *grad,
                     float *m, float *v, int64_t t, double rate)
{
    if (conf->rule == OPTIM_ADAMW) {
        optim_adamw(conf, params, grad, m, v, t, rate);
        return;
    }
    for (int i = 0; i < params->n; i++) {
        const struct tensor *tensor = &params->tensor[i];
        const size_t n = (size_t)tensor->rows * (size_t)tensor->cols;
        const long chunks = (long)((n + CHUNK - 1) / CHUNK);
        const struct optim_rule_chunk c =
            chunk_of(conf->rule, rate, tensor->decay ? conf->weight_decay : 0.0);

#pragma omp parallel for schedule(static) if (chunks > 1)
        for (long k = 0; k < chunks; k++) {
            const size_t from = (size_t)k * CHUNK, at = tensor->at + from;
            const size_t left = n - from < CHUNK ? n - from : CHUNK;

            if (conf->rule == OPTIM_SGD)
                plain_chunk(&c, params->data + at, grad + at, left);
            else
                rooted_chunk(&c, params->data + at, grad + at, v + at, left);
        }
    }
}
