/* suite: what `drover bench` measures, as one JSON object. */

#ifndef BENCH_SUITE_H
#define BENCH_SUITE_H

#include "base/err.h"

#include <jansson.h>

enum { SUITE_POINTS = 16, SUITE_PARTS = 5 };

/* What may be asked for, and in this order: "products", "decode", "score", "train", "exactness". */
extern const char *const suite_parts[SUITE_PARTS];

struct suite_list {
    int n, at[SUITE_POINTS];
};

struct suite {
    const char *model; /* as subject_open takes it */
    int layers;
    const char *compute; /* precisions, comma separated */
    const char *parts;   /* some of suite_parts, comma separated */
    struct suite_list batch, context, width, rows;
    int new_tokens, texts, length; /* that a sequence decodes; that are scored and learnt */
    int rounds;                    /* 1..5 */
    double
        seconds; /* nothing begins that would not end within so many, which precisions share */
    /* What is measured now, and the seconds until here. */
    void (*progress)(double seconds, const char *what);
};

/* "1,8,32". Errors: ERR_RANGE: no numbers from 1 on, or more than SUITE_POINTS; the words name `key`. */
enum err suite_list(struct suite_list *out, const char *key, const char *text) MUST_CHECK;

/* {"isa", "threads", "model", "parameters", "rounds", "seconds",
 *  "machine": [{compute, peak_flops, bandwidth_bytes}],
 *  "phases": [{phase, compute, batch, context, tokens, tokens_per_second, least, greatest, seconds, products_seconds,
 *              floor_seconds, share_of_floor, limit: "arithmetic" | "memory"}],
 *  "products": [{compute, rows, width, flops, share_of_peak, share_of_bandwidth}],
 *  "exactness": [{rows, width, exact_flops, inexact_flops, exact_over_inexact}],
 *  "left_out": [words]}: what there was no time or no memory for is said there.
 * floor_seconds: what no program could be faster than here: the products at the machine's peak and attention at that of
 * f32, or the bytes at its bandwidth, whichever is more. Errors: ERR_RANGE, those of subject_open. */
enum err suite_run(json_t **out, const struct suite *suite) MUST_CHECK;

#endif
