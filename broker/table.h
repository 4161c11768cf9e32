/* table: what the broker hears, from whom, and what may come of it. Inside broker/, and for tests.
 */

#ifndef BROKER_TABLE_H
#define BROKER_TABLE_H

#include "broker/state.h"

typedef enum err table_handler(struct broker *b, struct broker_member *from,
                               const struct msg *msg, int64_t now_ms);

/* What must hold, besides that WELCOME went out to it: else the words are only late. */
enum {
    TABLE_OF_RUN = 1,   /* about the run that is served */
    TABLE_OF_EPOCH = 2, /* of the learner's present epoch */
};

/* Which stages of the pump have something to do afterwards. What none of them wakes waits for the
 * next tick, 100 ms: so this is about speed, not about what is right. */
enum {
    TABLE_WORK = 1,    /* grant: somebody has room, or something waits */
    TABLE_ASK = 2,     /* scores: a body came, or a rewarder has room */
    TABLE_LEARNER = 4, /* to_learner: something is ready, or it has room */
};

struct table_row {
    enum role from;
    enum msg_type type;
    unsigned when;         /* TABLE_OF_... */
    table_handler *handle; /* NULL: HELLO, which broker_hello hears */
    uint64_t moves;        /* of samples: TASKS_MOVE */
    unsigned wakes;        /* TABLE_WORK ... */
};
extern const struct table_row table_rows[];
extern const int table_n_row;

/* The row, or NULL: a strike. */
const struct table_row *table_find(enum role from, enum msg_type type);

/* What happens besides messages, and the moves that it makes. */
enum table_event { TABLE_GONE, TABLE_TICK, TABLE_PUMP, TABLE_EVENTS };
extern const struct table_event_row {
    const char *name;
    uint64_t moves;
    unsigned wakes;
} table_events[TABLE_EVENTS];

#endif
