/* work: the scratch of a forward pass. Verbs: forward.h. */

#ifndef LM_MODEL_FORWARD_WORK_H
#define LM_MODEL_FORWARD_WORK_H

#include "lm/model/forward.h"

/* Rows [from, from + n) of a pass that follow one another in one sequence. */
struct forward_work_run {
    int from, n;
};

struct forward_work {
    int rows, threads, head_rows;
    float *x;         /* [rows, width] the residual stream */
    float *y;         /* [rows, max(width, heads * head_dim, ffn)] what goes into a product */
    float *z;         /* [rows, max(qkv, 2 ffn, width)] what comes out */
    float *cos, *sin; /* [rows, head_dim / 2] */
    float *logits;    /* [head_rows, vocab up to a multiple of 16] */
    float *scratch;   /* [threads, scratch_each] for attention */
    size_t scratch_each;
    int *token, *pos; /* [rows] */
    struct forward_work_run *run;
};

/* Splits n rows into runs for attention over them; returns how many. */
int forward_work_runs(struct forward_work *work, const struct shape *shape,
                      const struct row *rows, int n);

#endif
