/* agreement: how far those who judged say the same, with intervals.
 *
 *   percent             share of agreeing pairs of judgements, averaged over items with two or more
 *   Krippendorff alpha  stats/alpha.h, at the level of the judgements
 *   Fleiss kappa        where every item has as many judgements; words and pairs only
 *   Cohen kappa         of each two annotators, on the items that both judged (matrix.h)
 *
 * All by prompt where there are prompts, and then the interval of items taken one by one
 * beside it. A figure that cannot be had is NAN, with a reason. What a strategy chose is a
 * block of its own, for it is no random item. */

#ifndef RATINGS_AGREEMENT_H
#define RATINGS_AGREEMENT_H

#include "ratings/judgements.h"

#include <stdio.h>

struct agreement_conf {
    int overlap;   /* planned judgements of an item that count; 0: all */
    int resamples; /* draws of a bootstrap; 0: 2000 */
    uint64_t seed;
};

struct agreement_figure {
    double value, low, high; /* NAN: none */
    double low_by_item,
        high_by_item;   /* as if items of one prompt were strangers; NAN: no prompts */
    const char *method; /* of the interval; NULL: none */
    const char *why;    /* NULL, or why there is no value, or no interval */
};

struct agreement_block {
    uint32_t strategy;   /* JUDGEMENTS_NONE: what was planned */
    size_t asked, items; /* that somebody was asked about; that have two judgements or more */
    size_t judgements, annotators, prompts;  /* of these items */
    size_t overlap, unfinished, open, extra; /* units.h */
    struct agreement_figure percent, alpha, fleiss;
};

struct agreement {
    struct agreement_block *block; /* [blocks]: what was planned, then each strategy's */
    size_t blocks;
    size_t left_out[WHYS]; /* rows that no figure is about, by why they were asked for */
    bool by_prompt;
};

/* `all` behind judgements_end. Errors: ERR_RANGE (conf; more different values than a level
 * holds). Free with agreement_fini. */
enum err agreement_run(struct agreement *out, const struct judgements *all,
                       const struct agreement_conf *conf) MUST_CHECK;
void agreement_fini(struct agreement *agreement);

/* {"value", "low", "high", "method"}, null for NAN, with "why" where there is one and
 * "by_item" where there are prompts. */
json_t *agreement_tell_figure(const struct agreement_figure *figure);
json_t *agreement_tell_number(double value); /* null for NAN */

/* {"items", "annotators", "percent", "krippendorff_alpha", "fleiss_kappa", ..., "active"} */
json_t *agreement_tell_json(const struct agreement *agreement, const struct judgements *all);

/* The same as lines for people. */
void agreement_tell_say(FILE *to, const struct agreement *agreement,
                        const struct judgements *all);
void agreement_tell_line(FILE *to, const char *name, const struct agreement_figure *figure);

#endif
