/* How it works: names are a table; a step goes tensor by tensor, as decay is a tensor's, and
 * optim_target_walk hands pieces of it to threads. Elements do not meet, but in Adafactor, which has a file
 * of its own. Powers come without libm. */
#include "lm/optim/optim_rule.h"

#include "base/mem.h"
#include "lm/optim/optim_adafactor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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
    {"lion_32bit", OPTIM_LION},
    {"lion_8bit", OPTIM_LION},
    {"paged_lion_32bit", OPTIM_LION},
    {"paged_lion_8bit", OPTIM_LION},
    {"adafactor", OPTIM_ADAFACTOR},
};

enum err optim_rule_named(enum optim_rule *out, bool *eight, const char *name)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(names[i].name, name)) {
            *out = names[i].rule;
            if (eight)
                *eight = strstr(name, "8bit") != NULL;
            return OK;
        }
    return err_set(ERR_RANGE,
                   "optim: '%s': there are AdamW (adamw_torch, adamw_8bit and their kin), sgd, "
                   "rmsprop, adagrad, lion_32bit, lion_8bit and their kin, and adafactor",
                   name);
}

/* ---- optim_args */

/* Where a rule's number of this name goes; NULL: it has none. */
static double *number_of(struct optim_args *a, enum optim_rule rule, const char *name)
{
    const struct {
        enum optim_rule rule;
        const char *name;
        double *at;
    } known[] = {
        {OPTIM_SGD, "momentum", &a->momentum}, {OPTIM_SGD, "dampening", &a->dampening},
        {OPTIM_RMSPROP, "alpha", &a->alpha},   {OPTIM_RMSPROP, "eps", &a->epsilon},
        {OPTIM_ADAGRAD, "eps", &a->epsilon},   {OPTIM_ADAGRAD, "lr_decay", &a->lr_decay}};

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].rule == rule && !strcmp(known[i].name, name))
            return known[i].at;
    return NULL;
}

/* What each may be: a momentum of 1 or a memory of 1 would never forget. */
static bool fits(const char *name, double x)
{
    if (!strcmp(name, "momentum") || !strcmp(name, "alpha"))
        return x < 1 && (x > 0 || (*name == 'm' && x == 0));
    if (!strcmp(name, "eps"))
        return x > 0 && x <= 1e3;
    return !strcmp(name, "dampening") ? x >= 0 && x <= 1 : x >= 0 && x <= 1e3;
}

static enum err one_arg(struct optim_args *out, const char **unread, enum optim_rule rule,
                        const char *name, const char *value)
{
    double *at = number_of(out, rule, name), x;
    char *end;

    if (rule == OPTIM_SGD && !strcmp(name, "nesterov")) {
        out->nesterov =
            !strcasecmp(value, "true") || !strcmp(value, "1") || !strcasecmp(value, "yes");
        return OK;
    }
    /* The Trainer's groups have a decay each, so that its argument changes nothing. */
    if (!at && !strcmp(name, "weight_decay")) {
        if (unread)
            *unread = "weight_decay";
        return OK;
    }
    if (!at)
        return err_set(
            ERR_RANGE,
            "optim_args: '%s': there are momentum, dampening, nesterov (sgd), alpha, "
            "eps (rmsprop), eps, lr_decay (adagrad)",
            name);
    x = strtod(value, &end);
    if (end == value || *end)
        return err_set(ERR_PARSE, "optim_args: %s: '%s' is not a number", name, value);
    if (!fits(name, x))
        return err_set(ERR_RANGE, "optim_args: %s: %g is out of range", name, x);
    *at = x;
    return OK;
}

/* As transformers: blanks mean nothing, pairs are divided by commas. */
enum err optim_rule_args(struct optim_args *out, const char **unread, enum optim_rule rule,
                         const char *text)
{
    char *copy = mem_text(text ? text : ""), *to = copy, *rest = NULL;
    enum err err = OK;

    *out = (struct optim_args){0};
    if (unread)
        *unread = NULL;
    for (const char *c = copy; *c; c++)
        if (*c != ' ')
            *to++ = *c;
    *to = 0;
    for (char *pair = strtok_r(copy, ",", &rest); pair && !err;
         pair = strtok_r(NULL, ",", &rest)) {
        char *value = strchr(pair, '=');

        if (value) {
            *value++ = 0;
            err = one_arg(out, unread, rule, pair, value);
        } else {
            err = err_set(ERR_PARSE, "optim_args: '%s': expected name=value,...", pair);
        }
    }
    /* torch refuses it, too: there would be nothing to look ahead of. */
    if (!err && out->nesterov && (!(out->momentum > 0) || out->dampening > 0))
        err = err_set(ERR_RANGE, "optim_args: nesterov needs momentum, and no dampening");
    free(copy);
    return err;
}

/* ---- steps */

/* What a step is made of. AdamW: `keep` of the weight, its two memories, `rate` and `root` with the bias
 * corrections, so that no element is divided by them; SGD: `keep` of what is remembered, `add` of what is
 * new; RMSprop and Adagrad the same of squares, of which the root plus epsilon divides; Lion: `keep` of the
 * weight, and its two memories. */
struct optim_rule_chunk {
    enum optim_rule rule;
    float decay, rate, keep, add, epsilon, beta1, beta2, root;
    bool momentum, nesterov;
};

/* beta^t without libm: the same on every machine. */
static double to_the(double beta, int64_t t)
{
    double y = 1.0;

    for (; t > 0; t >>= 1) {
        if (t & 1)
            y *= beta;
        beta *= beta;
    }
    return y;
}

static void adamw_chunk(const struct optim_rule_chunk *c, float *restrict p,
                        const float *restrict g, float *restrict m, float *restrict v, size_t n)
{
    const struct optim_rule_chunk k = *c;
    const float rest1 = 1.0f - k.beta1, rest2 = 1.0f - k.beta2;

#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        const float mi = m[i] + rest1 * (g[i] - m[i]);
        const float vi = v[i] * k.beta2 + rest2 * g[i] * g[i];
        m[i] = mi;
        v[i] = vi;
        p[i] = p[i] * k.keep - k.rate * (mi / (sqrtf(vi) / k.root + k.epsilon));
    }
}

/* SGD without momentum remembers nothing. */
static void plain_chunk(const struct optim_rule_chunk *c, float *restrict p,
                        const float *restrict g, size_t n)
{
    const struct optim_rule_chunk k = *c;

#pragma omp simd
    for (size_t i = 0; i < n; i++)
        p[i] = p[i] - k.rate * (g[i] + k.decay * p[i]);
}

/* SGD with momentum; its memory begins as the first gradient, which is what keep 0 and add 1 make
 * of it. */
static void momentum_chunk(const struct optim_rule_chunk *c, float *restrict p,
                           const float *restrict g, float *restrict m, size_t n)
{
    const struct optim_rule_chunk k = *c;

#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        const float gi = g[i] + k.decay * p[i];
        const float mi = m[i] * k.keep + k.add * gi;
        m[i] = mi;
        p[i] = p[i] - k.rate * (k.nesterov ? gi + k.beta1 * mi : mi);
    }
}

/* Lion: only the sign of a mean moves a weight, and the mean that is remembered is a slower
 * one. Where both are 0 nothing moves. */
static void sign_chunk(const struct optim_rule_chunk *c, float *restrict p,
                       const float *restrict g, float *restrict m, size_t n)
{
    const struct optim_rule_chunk k = *c;
    const float rest1 = 1.0f - k.beta1, rest2 = 1.0f - k.beta2;

#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        const float u = m[i] * k.beta1 + rest1 * g[i];
        p[i] = p[i] * k.keep - (u > 0.0f ? k.rate : u < 0.0f ? -k.rate : 0.0f);
        m[i] = m[i] * k.beta2 + rest2 * g[i];
    }
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
static struct optim_rule_chunk chunk_of(const struct adamw *conf, int64_t t, double rate,
                                        double decay)
{
    const struct optim_args *const a = &conf->args;
    const double alpha = a->alpha > 0 ? a->alpha : 0.99;
    struct optim_rule_chunk c = {
        .rule = conf->rule, .decay = (float)decay, .rate = (float)rate};

    switch (conf->rule) {
    case OPTIM_ADAMW:
        /* Decay first, then the step, as AdamW has it: p (1 - rate decay) - ... */
        c.keep = (float)(1.0 - rate * decay);
        c.beta1 = (float)conf->beta1;
        c.beta2 = (float)conf->beta2;
        c.rate = (float)(rate / (1.0 - to_the(conf->beta1, t)));
        /* PyTorch's order: sqrt(v) / root + epsilon, epsilon outside the correction */
        c.root = (float)sqrt(1.0 - to_the(conf->beta2, t));
        c.epsilon = (float)conf->epsilon;
        break;
    case OPTIM_SGD:
        c.keep = t > 1 ? (float)a->momentum : 0.0f;
        c.add = t > 1 ? (float)(1.0 - a->dampening) : 1.0f;
        c.beta1 = (float)a->momentum;
        c.momentum = a->momentum > 0;
        c.nesterov = a->nesterov;
        break;
    case OPTIM_RMSPROP:
        c.keep = (float)alpha;
        c.add = (float)(1.0 - alpha);
        c.epsilon = a->epsilon > 0 ? (float)a->epsilon : 1e-8f;
        break;
    case OPTIM_ADAGRAD:
        c.keep = c.add = 1.0f;
        c.epsilon = a->epsilon > 0 ? (float)a->epsilon : 1e-10f;
        c.rate = (float)(rate / (1 + (double)(t - 1) * a->lr_decay));
        break;
    default: /* Lion; Adafactor has a step of its own */
        c.keep = (float)(1.0 - rate * decay);
        c.beta1 = (float)conf->beta1;
        c.beta2 = (float)conf->beta2;
    }
    return c;
}

/* optim_target_walk's step; `self` [2]: of weights without decay, and with. */
static void step_piece(const void *self, const struct optim_piece *o)
{
    const struct optim_rule_chunk *c = (const struct optim_rule_chunk *)self + o->tensor->decay;

    if (c->rule == OPTIM_ADAMW)
        adamw_chunk(c, o->p, o->g, o->m, o->v, o->n);
    else if (c->rule == OPTIM_LION)
        sign_chunk(c, o->p, o->g, o->m, o->n);
    else if (c->rule != OPTIM_SGD)
        rooted_chunk(c, o->p, o->g, o->v, o->n);
    else if (c->momentum)
        momentum_chunk(c, o->p, o->g, o->m, o->n);
    else
        plain_chunk(c, o->p, o->g, o->n);
}

void optim_rule_step(const struct adamw *conf, const struct optim_target *target, int64_t t,
                     double rate)
{
    const struct optim_rule_chunk c[] = {chunk_of(conf, t, rate, 0),
                                         chunk_of(conf, t, rate, conf->weight_decay)};

    if (conf->rule == OPTIM_ADAFACTOR) {
        optim_adafactor(conf, target, t, rate);
        return;
    }
    optim_target_walk(target, step_piece, c);
}
