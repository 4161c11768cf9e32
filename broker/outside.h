/* outside: what ports, doors and the bulk side know of and STATS tells: refusals, keys that were used,
 * the learner's line. Beside serve.c alone. */

#ifndef BROKER_OUTSIDE_H
#define BROKER_OUTSIDE_H

#include "broker/broker.h"

struct bulk;
struct dashboard;
struct doors;
struct hub;

/* As serve.c has them; doors NULL: no keys. */
struct outside {
    struct broker *broker;
    const struct hub *control;
    const struct bulk *bulk;
    const struct dashboard *board;
    const struct doors *doors;
};

/* Each tick, before the broker's. */
void outside_tell(const struct outside *outside, int64_t now_ms);
/* A snapshot for who has just subscribed: with the history and with who was here. */
void outside_stats(const struct outside *outside, int64_t now_ms);

#endif
