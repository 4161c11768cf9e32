/* calibration: do probabilities mean what they say?
 *
 * Predictions are cut into bins of equal width; a bin compares the mean prediction with the
 * share that came true.
 *   ECE = sum over bins of n_b / n |share_b - mean_b|     (Naeini et al. 2015, AAAI, section 2)
 *   MCE = the largest |share_b - mean_b|;  Brier = mean (p - y)^2;  log-loss = mean of
 *   -y ln p - (1 - y) ln(1 - p), p no nearer to 0 and 1 than 1e-15 */

#ifndef STATS_CALIBRATION_H
#define STATS_CALIBRATION_H

#include "base/err.h"

#include <stddef.h>

enum { CALIBRATION_BINS_MAX = 100 };

struct calibration_bin {
    double from, to; /* p in [from, to); the last one holds 1 */
    size_t n;
    double mean, share; /* NAN when empty */
    double low, high;   /* Wilson's 95 % of the share */
};

struct calibration {
    int bins;
    struct calibration_bin bin[CALIBRATION_BINS_MAX];
    double ece, mce, brier, log_loss, accuracy; /* accuracy: p > 1/2 is y; p = 1/2 counts 1/2 */
};

/* p [n] in [0, 1]; truth [n]: 0, 1, or between for ties. Errors: ERR_RANGE. */
enum err calibration_run(struct calibration *out, const double *p, const double *truth,
                         size_t n, int bins) MUST_CHECK;

#endif
