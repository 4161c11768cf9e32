/* bench_choosing: what a choice of the next pairs costs, by every way of choosing.
 *
 *     bench_choosing [PAIRS, default 10000 [VERDICTS, 500 [FEATURES, 576]]]
 *     bench_choosing STORE MODEL
 *
 * A preference store's pairs are looked at as `drover annotate` does: read with their features once
 * (active_open), then chosen from with all that the store is asked for it (active_choose). Else
 * pairs of random features are reduced as `drover prefs choose` reduces them, and 25 chosen after so
 * many verdicts. Seconds of this thread's processor time, so that what runs beside does not count,
 * and beside them the time of one fit of the head. */

#include "annotate/active.h"
#include "base/mem.h"
#include "base/rng.h"
#include "prefs/prefs.h"
#include "stats/choosing.h"
#include "stats/principal.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BATCH = 25 };

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int failed(void)
{
    return fprintf(stderr, "bench_choosing: %s\n", err_text()), 1;
}

/* Nothing is kept: each choice is taken back. */
static int of_store(const char *store, const char *model)
{
    struct prefs *prefs = NULL;

    if (prefs_open(&prefs, store, PREFS_WRITE))
        return failed();
    for (int way = 0; way < CHOOSING_WAYS; way++) {
        const struct active_conf conf = {model, (enum choosing)way, BATCH, 0.1, 1, 42};
        struct active_told told;
        struct active *active;
        double from = now(), opened;
        if (active_open(&active, prefs, &conf))
            return failed();
        opened = now() - from;
        from = now();
        if (active_choose(active, prefs, &told))
            return failed();
        printf("%-14s %zu of %zu, %zu judged: %.3f s; opened in %.1f s\n", choosing_words[way],
               told.chosen, told.pool, told.judged, now() - from, opened);
        prefs_abandon(prefs);
        active_close(active);
    }
    prefs_close(prefs);
    return 0;
}

static int of_random(size_t n, size_t said, int wide)
{
    double *raw = mem_new(n * (size_t)wide, sizeof *raw), *x, *y = mem_new(said, sizeof *y);
    double from, fit;
    struct margin head;
    int d;

    for (size_t i = 0; i < n * (size_t)wide; i++) { /* half of it shared with other features */
        const size_t row = i / (size_t)wide, j = i % (size_t)wide;
        raw[i] = rng_normal(1, RNG_TEST, row, (uint32_t)j, 0) +
                 rng_normal(1, RNG_TEST, row, (uint32_t)(j % 48), 1);
    }
    for (size_t i = 0; i < said; i++)
        y[i] = rng_uniform(1, RNG_TEST, i, 1, 1) < margin_chance(raw[i * (size_t)wide]);
    from = now();
    if (principal_reduce(&x, &d, raw, n, n, wide, CHOOSING_DIRECTIONS))
        return failed();
    printf("%zu pairs, %d features to %d directions: %.2f s, once\n", n, wide, d, now() - from);
    from = now();
    if (margin_fit(&head, &(struct margin_rows){x, y, NULL, said}, d, 1, NULL))
        return failed();
    fit = now() - from;
    printf("a fit to %zu verdicts: %.4f s\n", said, fit);
    margin_fini(&head);
    for (int way = 0; way < CHOOSING_WAYS; way++) {
        const struct choosing_pool pool = {x, n, d, NULL};
        const struct choosing_conf conf = {(enum choosing)way, 1, 0.1, 8, 1, 0};
        struct choosing_one out[BATCH];
        size_t chosen;
        from = now();
        if (choosing_batch(out, BATCH, &chosen, &pool, &(struct margin_rows){x, y, NULL, said},
                           &conf))
            return failed();
        from = now() - from;
        printf("%-14s %zu chosen: %.3f s, %.0f fits\n", choosing_words[way], chosen, from,
               from / fit);
    }
    free(raw);
    free(x);
    free(y);
    return 0;
}

int main(int argc, char **argv)
{
    const size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 10000;
    const size_t said = argc > 2 ? strtoul(argv[2], NULL, 10) : 500;
    const long wide = argc > 3 ? strtol(argv[3], NULL, 10) : 576;

    if (argc == 3 && !n)
        return of_store(argv[1], argv[2]);
    if (said < 1 || said > n || wide < 1)
        return fprintf(stderr, "bench_choosing [PAIRS [VERDICTS [FEATURES]]] | STORE MODEL\n"),
               2;
    return of_random(n, said, (int)wide);
}
