/* exact: PPO against worlds whose best policy is known; each seeded bug must fail.
 *
 *     exact check           one seed of each world, and every seeded bug
 *     exact seeds FIRST N   N seeds of each world; at least 4 of 5 must pass
 *
 * Bounds: at least .95 of the achievable gain and KL(pi || pi*) at most .08 nats. */
#include "tests/learner/toy_world.h"

#include "base/clock.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 400, ITERATIONS = 200 };

static bool passes(const struct toy_worth *worth)
{
    return worth->share >= .95 && worth->kl_best <= .08;
}

static bool run(const struct toy_world *toy, uint64_t seed, enum toy_bug bug)
{
    const int64_t begun = clock_mono_ms();
    struct toy_worth w;

    toy_ppo(&w, toy, seed, ITERATIONS, bug);
    printf("%-8s seed %llu %-18s gain %6.3f  KL(pi|pi*) %.4f  KL(pi|ref) %.3f of %.3f  "
           "E r %.3f  E len %.2f  identity %.1e  %.1f s  %s\n",
           toy->varied ? "varied" : "fixed", (unsigned long long)seed, toy_bug_name(bug),
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
        enum toy_bug bug;
        bool varied;
    } bugs[] = {{TOY_SIGN, false},
                {TOY_NO_KL, false},
                {TOY_SHIFTED, false},
                {TOY_UNMASKED, true},
                {TOY_CENTRED, true}};
    struct toy_world *toy[2];
    int wrong = 0;

    for (int varied = 0; varied < 2; varied++) {
        toy_new(&toy[varied], varied, 0, STEPS);
        wrong += !run(toy[varied], 0, TOY_SOUND);
    }
    wrong += !run(toy[1], 0, TOY_WHITENED);
    for (size_t i = 0; i < sizeof bugs / sizeof bugs[0]; i++)
        wrong += run(toy[bugs[i].varied], 0, bugs[i].bug);
    toy_free(toy[0]);
    toy_free(toy[1]);
    printf("%s\n", wrong ? "FAILED" : "ok");
    return wrong != 0;
}

static int seeds(uint64_t first, uint64_t n)
{
    int failed = 0;

    for (int varied = 0; varied < 2; varied++) {
        uint64_t passed = 0;
        for (uint64_t seed = first; seed < first + n; seed++) {
            struct toy_world *toy;
            toy_new(&toy, varied, seed, STEPS);
            passed += run(toy, seed, TOY_SOUND);
            toy_free(toy);
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
