/* make_pairs: items out of a model's own answers: a prompt, and two or more answers to compare. */

#ifndef ANNOTATE_MAKE_PAIRS_H
#define ANNOTATE_MAKE_PAIRS_H

#include "eval/sampling_options.h"

struct prefs;

struct make_pairs {
    struct prefs *prefs;                   /* borrowed; committed as items come */
    const struct sampling_options *asked;  /* model, temperature, seed, ... */
    const char *prompts;                   /* file of records that have a prompt */
    int pairs, answers;                    /* items; answers to each: 2, or more to rank */
    void (*step)(void *self, size_t done); /* may be NULL */
    void *self;
    /* what came of it */
    int added, there,
        equal; /* items; that were there already; whose answers were all the same */
};

/* Item i is a function of model, seed, i and prompt, and is named by them: what is there already is
 * not made again, so that a run that was interrupted goes on. With more pairs than prompts these are
 * taken in turn, each time with other draws. Errors: dataset_load's, open_model's, the store's. */
enum err make_pairs(struct make_pairs *make, int64_t (*now)(void)) MUST_CHECK;

#endif
