/* exactness: what the same bits on every machine cost: our product of bfloat16, whose order of sums is laid down
 * (docs/MATH.md §1, R10), beside one of ours that sums as the instruction likes best.
 *
 * In f32 the laid-down order, one chain of fused multiply-adds, is already that; sums of int8 are exact in any. */

#ifndef BENCH_EXACTNESS_H
#define BENCH_EXACTNESS_H

#include "base/err.h"

#include <stdbool.h>

/* Whether this processor has the instruction in question (VDPBF16PS); without it both take the same steps. */
bool exactness_known(void);

/* exact, loose [rounds] out: operations a second of y [rows, n] = x W^T, W [n, k], by turns, for `seconds` each, on
 * matrices that come from memory. Errors: ERR_NOMEM. */
enum err exactness_run(double *exact, double *loose, int rows, int n, int k, double seconds,
                       int rounds) MUST_CHECK;

/* The loose product itself, of w [n, k] and x [rows, k]: for the test that it is one. Errors: ERR_NOMEM. */
enum err exactness_loose(float *y, const float *x, const float *w, int rows, int n,
                         int k) MUST_CHECK;

#endif
