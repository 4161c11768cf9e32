/* One optimiser step is optim_norm of the summed gradient, then optim_rule_step with what optim_shrink and
 * optim_rate give for it; learner/step calls them in this order, once a step. Norms sum chunk by chunk,
 * each in sixteen lanes, then the chunks in order: the same bits for any number of threads. The words of
 * plans (names, defaults, what contradicts) are here too, the curves themselves in schedule.c. */

#include "lm/optim/optim.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 1 << 15, LANES = 16 };

/* Element i in lane i mod 16, one tree: the order that the forward kernels have. */
static double sum_squares(const float *g, size_t n)
{
    double lane[LANES] = {0.0};
    size_t i = 0;

    for (; i + LANES <= n; i += LANES)
#pragma omp simd
        for (int j = 0; j < LANES; j++)
            lane[j] += (double)g[i + (size_t)j] * g[i + (size_t)j];
    for (int j = 0; i < n; i++, j++)
        lane[j] += (double)g[i] * g[i];
    for (int half = LANES / 2; half; half /= 2)
        for (int j = 0; j < half; j++)
            lane[j] += lane[j + half];
    return lane[0];
}

/* Chunks of a fixed size, summed in order afterwards: threads take them in any. */
double optim_norm(const float *grad, size_t n)
{
    const long chunks = (long)((n + CHUNK - 1) / CHUNK);
    /* One number a chunk: a reduction clause would add in the order that threads end. */
    double *part = mem_new((size_t)chunks, sizeof *part), sum = 0.0;

#pragma omp parallel for schedule(static) if (chunks > 1)
    for (long c = 0; c < chunks; c++) {
        const size_t from = (size_t)c * CHUNK, left = n - from;

        part[c] = sum_squares(grad + from, left < CHUNK ? left : CHUNK);
    }
    for (long c = 0; c < chunks; c++)
        sum += part[c];
    free(part);
    return sqrt(sum);
}

float optim_shrink(double norm, double limit)
{
    const double factor = limit / (norm + 1e-6);

    /* a NaN norm scales nothing: the caller sees it */
    return limit > 0.0 && factor < 1.0 ? (float)factor : 0.0f;
}

void optim_scale(float *grad, size_t n, float factor)
{
#pragma omp parallel for simd schedule(static)
    for (size_t i = 0; i < n; i++)
        grad[i] *= factor;
}

double optim_clip(float *grad, size_t n, double limit)
{
    const double norm = optim_norm(grad, n);
    const float factor = optim_shrink(norm, limit);

    if (factor > 0.0f)
        optim_scale(grad, n, factor);
    return norm;
}

static const struct {
    const char *name;
    enum schedule schedule;
} schedules[] = {
    {"linear", SCHEDULE_LINEAR},
    {"cosine", SCHEDULE_COSINE},
    {"constant", SCHEDULE_CONSTANT},
    {"constant_with_warmup", SCHEDULE_CONSTANT_WARMUP},
    {"cosine_with_restarts", SCHEDULE_RESTARTS},
    {"polynomial", SCHEDULE_POLYNOMIAL},
    {"inverse_sqrt", SCHEDULE_INVERSE_SQRT},
    {"cosine_with_min_lr", SCHEDULE_COSINE_MIN},
    {"cosine_warmup_with_min_lr", SCHEDULE_COSINE_WARMUP},
    {"warmup_stable_decay", SCHEDULE_STABLE},
};

/* The names that transformers' TrainingArguments take, and no others. */
enum err optim_schedule(enum schedule *out, const char *name)
{
    for (size_t i = 0; i < sizeof schedules / sizeof *schedules; i++)
        if (!strcmp(schedules[i].name, name)) {
            *out = schedules[i].schedule;
            return OK;
        }
    return err_set(ERR_RANGE,
                   "lr_scheduler_type %s: not one of linear, cosine, constant, "
                   "constant_with_warmup, cosine_with_restarts, polynomial, inverse_sqrt, "
                   "cosine_with_min_lr, cosine_warmup_with_min_lr, warmup_stable_decay",
                   name);
}

enum err optim_ramp(enum ramp *out, const char *name)
{
    static const char *const names[] = {"linear", "cosine", "1-sqrt"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(names[i], name)) {
            *out = (enum ramp)i;
            return OK;
        }
    return err_set(ERR_RANGE, "lr_scheduler_kwargs: %s is not one of linear, cosine, 1-sqrt",
                   name);
}

struct schedule_plan optim_plan(enum schedule schedule, double peak, int64_t warmup,
                                int64_t total)
{
    return (struct schedule_plan){
        .schedule = schedule,
        .peak = peak,
        .warmup = warmup,
        .total = total,
        .num_cycles = schedule == SCHEDULE_RESTARTS ? 1.0 : 0.5,
        .lr_end = 1e-7,
        .power = 1.0,
        .min_lr = NAN,
        .min_lr_rate = NAN,
        .timescale = NAN,
        .num_decay_steps = NAN,
        .num_stable_steps = NAN,
        .min_lr_ratio = 0.0,
        .warmup_lr_rate = NAN,
        .warmup_type = RAMP_LINEAR,
        .decay_type = RAMP_COSINE,
    };
}

/* Those that end above 0 say where, in one of two ways. */
static enum err check_end(const struct schedule_plan *plan)
{
    const bool warm = plan->schedule == SCHEDULE_COSINE_WARMUP;

    if ((!warm && plan->schedule != SCHEDULE_COSINE_MIN) ||
        isnan(plan->min_lr) != isnan(plan->min_lr_rate))
        return OK;
    return err_set(ERR_RANGE,
                   "%s needs min_lr or min_lr_rate (one of them) in lr_scheduler_kwargs",
                   warm ? "cosine_warmup_with_min_lr" : "cosine_with_min_lr");
}

/* In transformers' own order: the first thing that is wrong is the one that is told. */
enum err optim_plan_check(const struct schedule_plan *plan)
{
    if (!(plan->peak >= 0.0) || plan->warmup < 0 || plan->total < 0)
        return err_set(ERR_RANGE, "learning rate, warm-up and steps cannot be negative");
    if (plan->schedule == SCHEDULE_POLYNOMIAL) {
        if (!(plan->peak > plan->lr_end))
            return err_set(ERR_RANGE, "lr_end (%g) must be smaller than learning_rate (%g)",
                           plan->lr_end, plan->peak);
        if (!(plan->power >= 0.0 && plan->power <= 100.0))
            return err_set(ERR_RANGE, "lr_scheduler_kwargs: power %g: not in [0, 100]",
                           plan->power);
    }
    if (plan->schedule == SCHEDULE_STABLE && !(plan->num_decay_steps >= 0.0))
        return err_set(ERR_RANGE,
                       "warmup_stable_decay needs num_decay_steps in lr_scheduler_kwargs");
    if (plan->schedule == SCHEDULE_INVERSE_SQRT && plan->timescale <= 0.0)
        return err_set(ERR_RANGE, "lr_scheduler_kwargs: timescale must be above 0");
    return check_end(plan);
}

double optim_rate(const struct schedule_plan *plan, int64_t step)
{
    return plan->peak * schedule_factor(plan, step);
}

double optim_factor(enum schedule schedule, int64_t step, int64_t warmup, int64_t total)
{
    struct schedule_plan plan = optim_plan(schedule, 1.0, warmup, total);

    /* Where transformers would insist on a key, the end that its key's words suggest. */
    plan.lr_end = 0.0;
    plan.min_lr_rate = 0.0;
    plan.num_decay_steps = (double)((total - warmup) / 10);
    return schedule_factor(&plan, step);
}
