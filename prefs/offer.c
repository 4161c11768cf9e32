/* An item's balance comes first, because its overlap is small: with k = 2 every item is seen
 * both ways round. A person's follows by itself where items are shared, and by the coin where
 * the item leaves it open. */

#include "prefs/offer.h"

enum prefs_why offer_wish(double u, double gold_rate, double repeat_rate)
{
    if (u < gold_rate)
        return PREFS_GOLD;
    return u < gold_rate + repeat_rate ? PREFS_REPEAT : PREFS_PLAN;
}

int64_t offer_pick(double u, int64_t n)
{
    const int64_t at = (int64_t)(u * (double)n);

    return at < n ? at : n - 1;
}

static void order_two(int *order, const struct offer_balance *balance)
{
    double swap = 0.5;

    if (balance->item_lean)
        swap = balance->item_lean < 0;
    else if (balance->person_lean)
        swap = balance->person_lean < 0 ? 2.0 / 3 : 1.0 / 3;
    order[0] = balance->u < swap;
    order[1] = !order[0];
}

void offer_order(int *order, const struct offer_balance *balance)
{
    const int n = balance->n;
    int base[64] = {0};

    if (n == 2) {
        order_two(order, balance);
        return;
    }
    for (int i = 1; i < n; i++) { /* Fisher-Yates, inside out: the item's own order */
        const int at = (int)offer_pick(balance->base[i], i + 1);
        base[i] = base[at];
        base[at] = i;
    }
    for (int i = 0; i < n; i++) /* turned by one each time: a Latin square */
        order[i] = base[(i + balance->turn) % n];
}
