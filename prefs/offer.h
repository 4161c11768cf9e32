/* offer: what kind of item a person is given next, and in which order its candidates stand:
 * pure functions of what was counted and of numbers in [0, 1). */

#ifndef PREFS_OFFER_H
#define PREFS_OFFER_H

#include "prefs/words.h"

#include <stddef.h>
#include <stdint.h>

/* PREFS_GOLD or PREFS_REPEAT at their rates, else PREFS_PLAN. */
enum prefs_why offer_wish(double u, double gold_rate, double repeat_rate);

/* Which of n (>= 1). */
int64_t offer_pick(double u, int64_t n);

struct offer_balance {
    int n;               /* candidates */
    int64_t item_lean;   /* of two: how often more this item was given as 1 0 than as 0 1 */
    int64_t person_lean; /* the same of this person's items */
    int64_t turn;        /* of more than two: how often the item was given */
    const double *base;  /* [n] of the item: in [0, 1) */
    double u;
};
/* order[place] = candidate. Of two: over an item's judgements both orders occur equally often
 * (or once more the one, at random which); where that leaves a choice, the person's balance is
 * favoured 2:1 (Efron 1971, the biased coin), so that nobody can count out what comes. Of
 * more: each candidate stands in each place equally often over n judgements of the item. */
void offer_order(int *order, const struct offer_balance *balance);

#endif
