/* golden: numbers from scipy, statsmodels and the definitions (tests/golden/stats.py). */

#ifndef TESTS_STATS_GOLDEN_H
#define TESTS_STATS_GOLDEN_H

#include "tests/support/formula.h"
#include "tests/support/test.h"

#include <math.h>
#include <stdbool.h>

#pragma GCC diagnostic ignored "-Wunused-const-variable"
#pragma GCC diagnostic ignored "-Wunused-variable"
#include "tests/golden/stats.inc"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

#define assert_near(got, want, tolerance) \
    do { \
        const double got_ = (got), want_ = (want); \
        if (!(fabs(got_ - want_) <= (tolerance))) \
            fail_msg("%s = %.12g, expected %.12g", #got, got_, want_); \
    } while (0)

#endif
