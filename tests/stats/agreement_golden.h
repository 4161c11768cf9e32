/* agreement_golden: numbers from krippendorff, statsmodels, crowd-kit and scipy
 * (tests/golden/agreement.py). */

#ifndef TESTS_STATS_AGREEMENT_GOLDEN_H
#define TESTS_STATS_AGREEMENT_GOLDEN_H

#include "tests/stats/golden.h"

#include "tests/golden/agreement.inc"

#endif
