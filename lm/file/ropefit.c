/* llama.cpp's converter does not write the numbers of Llama 3's rope scaling but the factor of
 * each frequency that follows from them; to write a config.json again, and to be the same model
 * as the folder it was made of, ggufshape asks here for the numbers. The formula is that of
 * _compute_llama3_parameters in transformers: waves shorter than original / high keep their
 * frequency, longer ones than original / low are divided by the factor, those between lie on a
 * ramp.
 *
 * The four numbers are guessed from the likeliest on (Meta's own, then what one point of the
 * ramp says, then two points), and a guess counts only if it gives back every factor: fits has
 * the last word. So a wrong guess costs a refusal, never another model. */

#include "lm/file/ropefit.h"

#include "lm/kernel/real.h"

#include <math.h>

/* In positions, of frequency i. */
static double wavelength(const struct shape *shape, int i)
{
    return 6.283185307179586 * real_power(shape->rope_theta, 2.0 * i / shape_rotary(shape));
}

static double factor_of(const struct shape *shape, int i)
{
    const double low = shape->rope_low, high = shape->rope_high;
    const double turns = shape->rope_original / wavelength(shape, i);
    const double s = (turns - low) / (high - low);

    if (turns > high)
        return 1;
    if (turns < low)
        return shape->rope_factor;
    return 1 / ((1 - s) / shape->rope_factor + s);
}

void ropefit_list(float *f, const struct shape *shape)
{
    for (int i = 0; i < shape_rotary(shape) / 2; i++)
        f[i] = (float)factor_of(shape, i);
}

/* The factors are f32 in the file: a relative 1e-5 is far above that and far below what another
 * guess gives. */
static bool fits(const struct shape *shape, const float *f)
{
    for (int i = 0; i < shape_rotary(shape) / 2; i++)
        if (!(fabs((double)f[i] / factor_of(shape, i) - 1) < 1e-5))
            return false;
    return true;
}

/* A guess, taken over into the shape; `original` is a whole number there. */
static bool try(struct shape *shape, const float *f, double original, double low, double high)
{
    if (!(original >= 1 && original <= 1 << 20 && low > 0 && high > low))
        return false;
    shape->rope_original = (int)lround(original);
    shape->rope_low = low;
    shape->rope_high = high;
    return fits(shape, f);
}

/* s of a frequency on the ramp: strictly between 0 and 1. */
static bool on_ramp(const struct shape *shape, const float *f, int i, double *s)
{
    const double least = 1 / shape->rope_factor;

    *s = (1 / (double)f[i] - least) / (1 - least);
    return *s > 1e-3 && *s < 1 - 1e-3;
}

/* Meta's models have low 1 and high 4; then one point of the ramp, or none, tells the rest. */
static bool fit_usual(struct shape *shape, const float *f)
{
    double s;

    if (try(shape, f, 8192, 1, 4))
        return true;
    for (int i = 0; i < shape_rotary(shape) / 2; i++)
        if (on_ramp(shape, f, i, &s))
            return try(shape, f, wavelength(shape, i) * (3 * s + 1), 1, 4);
    for (double original = 32; original <= 1 << 20; original *= 2)
        if (try(shape, f, original, 1, 4))
            return true;
    return false;
}

/* s is a line over 1/wl; with low 1, two points of it tell high and original. */
static bool fit_line(struct shape *shape, const float *f)
{
    double s[2], turns[2];
    int n = 0;

    for (int i = 0; i < shape_rotary(shape) / 2 && n < 2; i++)
        if (on_ramp(shape, f, i, &s[n]))
            turns[n++] = 1 / wavelength(shape, i);
    if (n < 2)
        return false;
    const double slope = (s[0] - s[1]) / (turns[0] - turns[1]);
    const double width = 1 / (slope * turns[0] - s[0]); /* high - low, in units of low */
    const double high = round((1 + width) * 1000) / 1000;
    return try(shape, f, slope * (high - 1), 1, high);
}

/* All equal: linear, or with 1 nothing at all. Else the last one, of the longest wave, is the
 * factor itself. */
enum err ropefit_factors(struct shape *shape, const float *f)
{
    const int n = shape_rotary(shape) / 2;
    bool equal = true;

    for (int i = 0; i < n; i++) {
        if (!(f[i] > 0.0f && f[i] < 1e6f))
            return err_set(ERR_RANGE, "rope_freqs.weight: %g is no rope factor", (double)f[i]);
        equal = equal && f[i] == f[0];
    }
    shape->rope_factor = (double)f[n - 1];
    if (equal) {
        shape->rope = f[0] == 1.0f ? ROPE_PLAIN : ROPE_LINEAR;
        if (shape->rope == ROPE_PLAIN)
            shape->rope_factor = 0;
        return OK;
    }
    shape->rope = ROPE_LLAMA3;
    if (shape->rope_factor > 1 && (fit_usual(shape, f) || fit_line(shape, f)))
        return OK;
    return err_set(ERR_RANGE, "rope_freqs.weight: not the factors of Llama 3's rope scaling; "
                              "none, linear and llama3 are supported");
}
