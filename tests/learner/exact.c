/* exact: PPO against worlds whose best policy is known; each seeded bug must fail.
 *
 *     exact check           one seed of each world, and every seeded bug
 *     exact seeds FIRST N   N seeds of each world; at least 4 of 5 must pass
 *
 * Bounds: at least .95 of the achievable gain and KL(pi || pi*) at most .08 nats. */
#include "tests/learner/bed.h"

#include "base/clock.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 400, ITERATIONS = 200 };

static bool passes(const struct bed_worth *worth)
{
    return worth->share >= .95 && worth->kl_best <= .08;
}

static bool run(const struct toy_world *bed, uint64_t seed, enum bed_bug bug)
{
    const int64_t begun = clock_mono_ms();
    struct bed_worth w;

    bed_ppo(&w, bed, seed, ITERATIONS, bug);
    printf("%-8s seed %llu %-18s gain %6.3f  KL(pi|pi*) %.4f  KL(pi|ref) %.3f of %.3f  "
           "E r %.3f  E len %.2f  identity %.1e  %.1f s  %s\n",
           bed->varied ? "varied" : "fixed", (unsigned long long)seed, bed_bug_name(bug),
           w.share, w.kl_best, w.kl, w.kl_opt, w.reward, w.length,
           fabs(w.J_best - w.J - .5 * w.kl_best), (double)(clock_mono_ms() - begun) / 1e3,
           passes(&w) ? "pass" : "fail");
    fflush(stdout);
    if (fabs(w.J_best - w.J - .5 * w.kl_best) > 1e-5) {
        printf("J* - J is not beta KL: the enumeration is wrong\n");
        exit(1);
    }
    return passes(&w);
}

static int check(void)
{
    static const struct {
        enum bed_bug bug;
        bool varied;
    } bugs[] = {{BED_SIGN, false},
                {BED_NO_KL, false},
                {BED_SHIFTED, false},
                {BED_UNMASKED, true},
                {BED_CENTRED, true}};
    struct toy_world *bed[2];
    int wrong = 0;

    for (int varied = 0; varied < 2; varied++) {
        bed_new(&bed[varied], varied, 0, STEPS);
        wrong += !run(bed[varied], 0, BED_SOUND);
    }
    wrong += !run(bed[1], 0, BED_WHITENED);
    for (size_t i = 0; i < sizeof bugs / sizeof bugs[0]; i++)
        wrong += run(bed[bugs[i].varied], 0, bugs[i].bug);
    bed_free(bed[0]);
    bed_free(bed[1]);
    printf("%s\n", wrong ? "FAILED" : "ok");
    return wrong != 0;
}

static int seeds(uint64_t first, uint64_t n)
{
    int failed = 0;

    for (int varied = 0; varied < 2; varied++) {
        uint64_t passed = 0;
        for (uint64_t seed = first; seed < first + n; seed++) {
            struct toy_world *bed;
            bed_new(&bed, varied, seed, STEPS);
            passed += run(bed, seed, BED_SOUND);
            bed_free(bed);
        }
        printf("%s: %llu of %llu seeds\n", varied ? "varied" : "fixed",
               (unsigned long long)passed, (unsigned long long)n);
        failed |= passed * 5 < n * 4;
    }
    return failed;
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "check"))
        return check();
    if (argc == 4 && !strcmp(argv[1], "seeds"))
        return seeds(strtoull(argv[2], NULL, 10), strtoull(argv[3], NULL, 10));
    fprintf(stderr, "usage: exact check | exact seeds FIRST N\n");
    return 2;
}
