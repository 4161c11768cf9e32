/* said: rows for tests, by hand or by simulation. */

#ifndef TESTS_RATINGS_SAID_H
#define TESTS_RATINGS_SAID_H

#include "base/mem.h"
#include "base/rng.h"
#include "ratings/judgements.h"
#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct judgements_said said_nothing = {
    .time = -1, .seconds = NAN, .length_a = NAN, .length_b = NAN};

/* How the same simulated rows are told. */
struct said_how {
    int order;      /* rows begin elsewhere and go in other steps */
    int names;      /* items, annotators and prompts are called otherwise */
    bool turned;    /* every third item has its candidates the other way round */
    bool extra;     /* one more judgement on each disagreement */
    int per_prompt; /* items of a prompt; 0: none are told */
};

/* 90 items, three of seven people each, who choose by a utility with noise; ties in between. */
static inline struct judgements *said_simulate(const struct said_how *how)
{
    enum { ITEMS = 90, EACH = 3, PEOPLE = 7 };
    static const char *const words[2][3] = {{"a", "b", "tie"}, {"b", "a", "tie"}};
    struct judgements *all = judgements_new(JUDGEMENTS_PAIRS);

    for (int k = 0; k < ITEMS * EACH; k++) {
        const int at = how->order ? (k * 7 + how->order) % (ITEMS * EACH) : k;
        const uint32_t i = (uint32_t)(at / EACH), j = (uint32_t)(at % EACH);
        const uint32_t who = (i * 2 + j * 3) % PEOPLE;
        const bool turned = how->turned && i % 3 == 0;
        const double length = rng_normal(5, RNG_TEST, i, 1, 0);
        double u = rng_normal(5, RNG_TEST, i, 0, 0) + rng_normal(5, RNG_TEST, i, 2 + who, 0);
        struct judgements_said said = said_nothing;
        char item[32], name[32], prompt[32];
        u += who == 3 ? 2 * length : 0;
        snprintf(item, sizeof item, "i%d", how->names ? (int)(i * 53 + 7) % 97 : (int)i);
        snprintf(name, sizeof name, "w%d", how->names ? (int)(who * 5 + 3) % 11 : (int)who);
        snprintf(prompt, sizeof prompt, "p%d",
                 how->per_prompt ? (int)i / how->per_prompt * (how->names ? -1 : 1) : 0);
        said.item = item;
        said.annotator = name;
        said.prompt = how->per_prompt ? prompt : NULL;
        said.value = words[turned][fabs(u) < .4 ? 2 : u < 0];
        said.time = at;
        said.length_a = exp(6 + (turned ? -length : length) / 2) - 1;
        said.length_b = exp(6 - (turned ? -length : length) / 2) - 1;
        assert_ok(judgements_add(all, &said));
        if (how->extra && j == 0) {
            said.annotator = "extra";
            said.why = "disagreement";
            said.value = "b";
            said.time = 1000 + at;
            assert_ok(judgements_add(all, &said));
        }
    }
    assert_ok(judgements_end(all));
    return all;
}

#endif
