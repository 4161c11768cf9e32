/* Each curve is a function of (plan, step) alone, in double, as transformers' optimization.py writes it,
 * clipped at zero where that is; rise is what comes before the warm-up ends. A resumed run asks for
 * the rate of its step and gets what it would have had. cos and powers are made of exact reductions,
 * series and square roots, because libm's last bits are the machine's. */

#include "lm/optim/schedule.h"

#include <math.h>

/* cos(pi x), below 1 ulp of double: reduced to |x| <= 1/4 exactly, then the Taylor series in double. */
static double cos_pi(double x)
{
    const double pi = 3.14159265358979323846;
    double a, z, s = 0.0, c = 0.0;
    int quarter;

    x = fabs(x);
    x -= 2.0 * floor(x / 2.0);
    quarter = (int)floor(2.0 * x + 0.5);
    a = pi * (x - 0.5 * quarter);
    z = a * a;
    for (int k = 9; k > 0; k--) { /* Horner, from the smallest term */
        c = 1.0 - z / ((2.0 * k - 1.0) * (2.0 * k)) * (k == 9 ? 1.0 : c);
        s = 1.0 - z / ((2.0 * k) * (2.0 * k + 1.0)) * (k == 9 ? 1.0 : s);
    }
    s *= a;
    switch (quarter & 3) {
    case 0:
        return c;
    case 1:
        return -s;
    case 2:
        return -c;
    default:
        return s;
    }
}

/* x^power for x in [0,1], power >= 0: whole powers by multiplication, the fraction by its
 * binary digits, each a square root. */
static double power_of(double x, double power)
{
    double whole = floor(power), part = power - whole, y = 1.0, root = x;

    for (; whole > 0.0 && y > 0.0; whole -= 1.0) /* optim_plan_check: at most 100 */
        y *= x;
    for (int bit = 0; bit < 52 && part > 0.0; bit++) {
        root = sqrt(root);
        part *= 2.0;
        if (part >= 1.0) {
            y *= root;
            part -= 1.0;
        }
    }
    return y;
}

static double above_zero(double x)
{
    return x > 0.0 ? x : 0.0;
}

/* transformers' max(1, b): a warm-up or span of 0 steps divides by 1. */
static double ratio(double a, double b)
{
    return a / (b > 1.0 ? b : 1.0);
}

static double cosine(const struct schedule_plan *plan, double step, double floor_rate)
{
    const double at = ratio(step - (double)plan->warmup, (double)(plan->total - plan->warmup));
    const double wave = 0.5 * (1.0 + cos_pi(plan->num_cycles * 2.0 * at));

    return above_zero(wave * (1.0 - floor_rate) + floor_rate);
}

/* Each cycle falls from 1 to 0 again; `turn` is how far into its cycle a step is. */
static double restarts(const struct schedule_plan *plan, double step)
{
    const double at = ratio(step - (double)plan->warmup, (double)(plan->total - plan->warmup));
    const double turn = plan->num_cycles * at;

    if (at >= 1.0)
        return 0.0;
    return above_zero(0.5 * (1.0 + cos_pi(turn - floor(turn))));
}

/* Down to lr_end, and that is where it stays beyond the last step. */
static double polynomial(const struct schedule_plan *plan, double step)
{
    const double end = plan->lr_end / plan->peak;
    const double span = (double)(plan->total - plan->warmup);

    if (step > (double)plan->total || span <= 0.0)
        return end;
    return (1.0 - end) * power_of(1.0 - (step - (double)plan->warmup) / span, plan->power) +
           end;
}

/* 1 at the end of the warm-up whatever the timescale: the shift makes it so. */
static double inverse_sqrt(const struct schedule_plan *plan, double step)
{
    const double scale = !isnan(plan->timescale) ? plan->timescale
                         : plan->warmup > 0      ? (double)plan->warmup
                                                 : 10000.0;

    return 1.0 / sqrt((step + scale - (double)plan->warmup) / scale);
}

/* Warm-up, a plateau at the peak, then down over num_decay_steps. */
static double stable(const struct schedule_plan *plan, double step)
{
    const double decay = plan->num_decay_steps, low = plan->min_lr_ratio;
    const double rest = isnan(plan->num_stable_steps)
                            ? (double)(plan->total - plan->warmup) - decay
                            : plan->num_stable_steps;
    const double at = step - (double)plan->warmup - rest;
    double y;

    if (at < 0.0)
        return 1.0;
    if (at >= decay)
        return low;
    if (plan->decay_type == RAMP_LINEAR)
        y = 1.0 - ratio(at, decay);
    else if (plan->decay_type == RAMP_COSINE)
        y = 0.5 * (1.0 + cos_pi(plan->num_cycles * 2.0 * ratio(at, decay)));
    else
        y = 1.0 - sqrt(ratio(at, decay));
    return above_zero(y * (1.0 - low) + low);
}

/* The rise of cosine_warmup_with_min_lr: its first step learns already. */
static double rise_from(const struct schedule_plan *plan, double step)
{
    const double from = plan->warmup_lr_rate;

    if (isnan(from))
        return ratio(step + 1.0, (double)plan->warmup);
    return from + (1.0 - from) * ratio(step, (double)plan->warmup - 1.0);
}

/* All curves rise alike but two, which name their own way. */
static double rise(const struct schedule_plan *plan, double step)
{
    const double at = ratio(step, (double)plan->warmup);
    double y = at;

    if (plan->schedule == SCHEDULE_COSINE_WARMUP)
        return rise_from(plan, step);
    if (plan->schedule != SCHEDULE_STABLE)
        return at;
    if (plan->warmup_type == RAMP_COSINE)
        y = 0.5 * (1.0 - cos_pi(at));
    else if (plan->warmup_type == RAMP_ROOT)
        y = 1.0 - sqrt(1.0 - at);
    return above_zero(y * (1.0 - plan->min_lr_ratio) + plan->min_lr_ratio);
}

double schedule_factor(const struct schedule_plan *plan, int64_t step)
{
    const double at = (double)step;

    if (plan->schedule == SCHEDULE_CONSTANT) /* knows no warm-up */
        return 1.0;
    if (step < plan->warmup)
        return rise(plan, at);
    switch (plan->schedule) {
    case SCHEDULE_LINEAR:
        return above_zero(
            ratio((double)plan->total - at, (double)(plan->total - plan->warmup)));
    case SCHEDULE_COSINE:
        return cosine(plan, at, 0.0);
    case SCHEDULE_RESTARTS:
        return restarts(plan, at);
    case SCHEDULE_POLYNOMIAL:
        return polynomial(plan, at);
    case SCHEDULE_INVERSE_SQRT:
        return inverse_sqrt(plan, at);
    case SCHEDULE_COSINE_MIN:
    case SCHEDULE_COSINE_WARMUP: /* a step ahead: its last step reaches the end */
        return cosine(plan, plan->schedule == SCHEDULE_COSINE_WARMUP ? at + 1.0 : at,
                      isnan(plan->min_lr) ? plan->min_lr_rate : plan->min_lr / plan->peak);
    case SCHEDULE_STABLE:
        return stable(plan, at);
    default:
        return 1.0;
    }
}
