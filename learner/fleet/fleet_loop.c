/* One decision at a time, in one order. Commits come first, for everything waits for them:
 * what is settled, what may be trained, what may be announced. A checkpoint goes before the next
 * iteration, since only the trainer that stands at the newest version can write it, and a run
 * that drains writes one instead of training on. Leaving comes last: only when there is neither.
 * Who asks again after each action comes to LOOP_REST, for every action either changes the state
 * or takes away its own reason. */

#include "learner/fleet/fleet_loop.h"

#include <assert.h>

static const bool allowed[LOOP_STATES][LOOP_STATES] = {
    [LOOP_COLLECT] = {[LOOP_TRAIN] = true, [LOOP_SAVE] = true},
    [LOOP_TRAIN] = {[LOOP_ANNOUNCE] = true, [LOOP_COLLECT] = true},
    [LOOP_ANNOUNCE] = {[LOOP_COLLECT] = true},
    [LOOP_SAVE] = {[LOOP_COLLECT] = true},
};

void fleet_loop_move(struct fleet_loop *loop, enum loop_state to)
{
    assert(allowed[loop->state][to]);
    loop->state = to;
}

bool fleet_loop_draining(const struct fleet_loop *loop)
{
    return loop->course >= LOOP_DRAINS && loop->course < LOOP_CLOSED;
}

bool fleet_loop_leaves(const struct fleet_loop *loop)
{
    return loop->course == LOOP_DONE || loop->course == LOOP_STOPPED;
}

void fleet_loop_drain(struct fleet_loop *loop, int64_t deadline_ms, int64_t rest_ms)
{
    const bool again = fleet_loop_draining(loop);

    if (!again)
        loop->course = LOOP_DRAINS;
    loop->abandon_ms = again ? INT64_MIN : deadline_ms - rest_ms;
}

/* What the trainer, at rest, is given. After an iteration was abandoned it stands between two
 * versions: nothing more is asked of it, nor when the run has left after that. */
static enum loop_action next_job(struct fleet_loop *loop, const struct loop_view *view)
{
    if (view->unsaved && loop->course < LOOP_ABANDONS &&
        (view->checkpoint || fleet_loop_draining(loop))) {
        fleet_loop_move(loop, LOOP_SAVE);
        return LOOP_STORE;
    }
    if (view->batch && !fleet_loop_draining(loop)) {
        fleet_loop_move(loop, LOOP_TRAIN);
        return LOOP_ITERATE;
    }
    return LOOP_REST;
}

/* A run that drains leaves when all that it appended is durable; one that is done when all is
 * settled. */
static enum loop_action may_leave(struct fleet_loop *loop, const struct loop_view *view)
{
    const bool draining = fleet_loop_draining(loop);

    if (fleet_loop_leaves(loop) || loop->state != LOOP_COLLECT ||
        !(draining ? view->idle : view->settled))
        return LOOP_REST;
    loop->course = draining ? LOOP_STOPPED : LOOP_DONE;
    return LOOP_LEAVE;
}

enum loop_action fleet_loop_next(struct fleet_loop *loop, const struct loop_view *view,
                                 int64_t now_ms)
{
    enum loop_action action = LOOP_REST;

    if (view->group)
        return LOOP_COMMIT;
    if (loop->state == LOOP_COLLECT)
        action = next_job(loop, view);
    if (action)
        return action;
    if (loop->course == LOOP_DRAINS && loop->state == LOOP_TRAIN &&
        now_ms >= loop->abandon_ms) {
        loop->course = LOOP_ABANDONS;
        return LOOP_ABANDON;
    }
    return may_leave(loop, view);
}
