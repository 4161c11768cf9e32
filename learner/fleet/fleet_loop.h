/* fleet_loop: what a run does next.
 *
 *   COLLECT --- the next iteration's answers are durable ---> TRAIN
 *   TRAIN ----- it is trained, its STEP was appended -------> ANNOUNCE
 *   TRAIN ----- answers were false, or it was abandoned ----> COLLECT
 *   ANNOUNCE -- its STEP is durable, its version was said --> COLLECT
 *   COLLECT --- a checkpoint is due ------------------------> SAVE
 *   SAVE ------ it is written ------------------------------> COLLECT
 *
 * Groups of the journal are committed in every state, one at a time. Knows no ledger, no
 * trainer, no socket and no clock: it is shown how things stand (struct loop_view) and says what
 * is to be done; fleet.c shows and does. */

#ifndef LEARNER_FLEET_FLEET_LOOP_H
#define LEARNER_FLEET_FLEET_LOOP_H

#include <stdbool.h>
#include <stdint.h>

enum loop_state {
    LOOP_COLLECT, /* the trainer rests; answers are committed as they come */
    LOOP_TRAIN,   /* it has an iteration */
    LOOP_ANNOUNCE, /* the iteration's STEP is on its way to the disk; its version waits for that */
    LOOP_SAVE,     /* it writes a checkpoint */
    LOOP_STATES,
};

enum loop_course { /* how far from its end the run is */
                   LOOP_GOES_ON,
                   LOOP_DONE, /* all is settled: it may leave */
                   LOOP_DRAINS, /* told to stop: what is under way may end, then comes a checkpoint */
                   LOOP_ABANDONS, /* told to, and the iteration took too long: it is thrown away */
                   LOOP_STOPPED, /* told to, and all is kept: it may leave */
                   LOOP_CLOSED,  /* it has left: what arrives is too late */
};

/* How things stand. */
struct loop_view {
    bool group;      /* the journal has a group to write, and writes none */
    bool idle;       /* it has none, and writes none */
    bool batch;      /* the next iteration may be trained, and has its answers */
    bool unsaved;    /* the trainer stands at the newest version, which no checkpoint holds */
    bool checkpoint; /* by the keys that version needs one now */
    bool settled;    /* all that is asked for is settled, and durable */
};

enum loop_action {
    LOOP_REST,    /* nothing until something happens */
    LOOP_COMMIT,  /* write the group */
    LOOP_ITERATE, /* give the trainer the next iteration */
    LOOP_STORE,   /* have it write a checkpoint */
    LOOP_ABANDON, /* tell it to end the iteration between micro-batches */
    LOOP_LEAVE,   /* say BYE: course says why */
};

struct fleet_loop { /* zeroed at first */
    enum loop_state state;
    enum loop_course course;
    int64_t abandon_ms; /* of a course that drains */
};

/* What is to be done now; asked again after it was done, until LOOP_REST. The state is then
 * what the action leads to. */
enum loop_action fleet_loop_next(struct fleet_loop *loop, const struct loop_view *view,
                                 int64_t now_ms);
/* Something came to its end: a move of the table above. */
void fleet_loop_move(struct fleet_loop *loop, enum loop_state to);

/* Told to stop by `deadline_ms`, of which the last `rest_ms` are for what follows an iteration;
 * told again: no more patience. */
void fleet_loop_drain(struct fleet_loop *loop, int64_t deadline_ms, int64_t rest_ms);
/* Was it told to? */
bool fleet_loop_draining(const struct fleet_loop *loop);
/* May it leave? */
bool fleet_loop_leaves(const struct fleet_loop *loop);

#endif
