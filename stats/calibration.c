/* How: one pass puts each prediction into its bin and into the sums; a second over the bins
 * turns sums into means, Wilson's intervals and the gaps between said and seen. */

#include "stats/calibration.h"

#include "stats/normal.h"

#include <math.h>
#include <string.h>

/* The logarithm is kept finite: a certain prediction that was wrong costs 34 nats, not
 * infinity. */
static void add(struct calibration *out, double p, double y, double n)
{
    const double safe = fmin(fmax(p, 1e-15), 1 - 1e-15);
    const int at = (int)(p * out->bins);
    struct calibration_bin *bin = &out->bin[at < out->bins ? at : out->bins - 1];

    bin->n++;
    bin->mean += p;
    bin->share += y;
    out->brier += (p - y) * (p - y) / n;
    out->log_loss -= (y * log(safe) + (1 - y) * log1p(-safe)) / n;
    out->accuracy += (p > 0.5 ? y : p < 0.5 ? 1 - y : 0.5) / n;
}

/* Empty bins say NAN and weigh nothing; the expected error weighs each gap by its share of
 * rows. */
static void finish(struct calibration *out, double n)
{
    for (int b = 0; b < out->bins; b++) {
        struct calibration_bin *bin = &out->bin[b];
        const double count = (double)bin->n;
        double gap;

        bin->from = (double)b / out->bins;
        bin->to = (double)(b + 1) / out->bins;
        bin->mean = bin->n ? bin->mean / count : NAN;
        bin->share = bin->n ? bin->share / count : NAN;
        bin->low = bin->high = NAN;
        if (!bin->n)
            continue;
        normal_wilson(bin->share, count, 0.95, &bin->low, &bin->high);
        gap = fabs(bin->share - bin->mean);
        out->ece += gap * count / n;
        out->mce = fmax(out->mce, gap);
    }
}

enum err calibration_run(struct calibration *out, const double *p, const double *truth,
                         size_t n, int bins)
{
    memset(out, 0, sizeof *out);
    if (!n || bins < 1 || bins > CALIBRATION_BINS_MAX)
        return err_set(ERR_RANGE, "calibration: %zu predictions in %d bins", n, bins);
    out->bins = bins;
    for (size_t i = 0; i < n; i++) {
        if (!(p[i] >= 0 && p[i] <= 1 && truth[i] >= 0 && truth[i] <= 1))
            return err_set(ERR_RANGE, "calibration: prediction %zu is %g of %g: not in [0, 1]",
                           i, p[i], truth[i]);
        add(out, p[i], truth[i], (double)n);
    }
    finish(out, (double)n);
    return OK;
}
