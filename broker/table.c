/* The table that one reads to know the broker. docs/PROTOCOL.md has the same rows, and a test
 * compares them (tests/broker/test_table.c); tasks_move asserts that no event makes a move that
 * its row does not have.
 *
 * A handler changes state and puts words into the outbox. It gives out no work and sends
 * nothing: after it the pump (broker.c) does that, in one order, as far as the row wakes it.
 * What has no row is a strike. */

#include "broker/table.h"

#include "broker/admin.h"
#include "broker/answers.h"
#include "broker/blame.h"
#include "broker/grant.h"
#include "broker/heartbeat.h"
#include "broker/learner.h"
#include "broker/opening.h"
#include "broker/people.h"
#include "broker/refused.h"
#include "broker/rollouts.h"
#include "broker/scores.h"

#define MOVE(from, to) TASKS_MOVE(SAMPLE_##from, SAMPLE_##to)

#define RUN TABLE_OF_RUN
#define WORK TABLE_WORK
#define ASK TABLE_ASK
#define LEARNER TABLE_LEARNER
#define NOW (TABLE_OF_RUN | TABLE_OF_EPOCH)

/* Settled: whatever a sample was. Returned: leased, and not done. */
#define SETTLES \
    (MOVE(WAITING, SETTLED) | MOVE(LEASED, SETTLED) | MOVE(SCORING, SETTLED) | \
     MOVE(READY, SETTLED) | MOVE(DROPPED, SETTLED))
#define DROPS \
    (MOVE(WAITING, DROPPED) | MOVE(LEASED, DROPPED) | MOVE(SCORING, DROPPED) | \
     MOVE(READY, DROPPED))
#define RETURNS MOVE(LEASED, WAITING)
#define ADOPTS MOVE(WAITING, LEASED)
#define POISONS MOVE(WAITING, DROPPED)

/* HELLO has no handler: broker_hello comes before all others, and knows members that are new.
 * Its rows say who may come at all, and the moves. Workers that leave need no moves: what they
 * had goes back once their connection is gone. */
const struct table_row table_rows[] = {
    {ROLE_LEARNER, MSG_HELLO, 0, NULL, SETTLES, 0},
    {ROLE_LEARNER, MSG_HB, NOW, learner_on_hb, SETTLES, WORK | LEARNER},
    {ROLE_LEARNER, MSG_OPEN, NOW, opening_on_open,
     MOVE(WAITING, SETTLED) | MOVE(DROPPED, WAITING) | ADOPTS, WORK | LEARNER},
    {ROLE_LEARNER, MSG_CANCEL, NOW, learner_on_cancel, DROPS, WORK | LEARNER},
    {ROLE_LEARNER, MSG_SETTLED, NOW, learner_on_settled, SETTLES, WORK | LEARNER},
    {ROLE_LEARNER, MSG_PUBLISH, NOW, learner_on_publish, 0, WORK},
    {ROLE_LEARNER, MSG_FAIL, NOW, blame_on_fail, 0, 0},
    {ROLE_LEARNER, MSG_REFUSED, NOW, refused_on_refused,
     MOVE(SCORING, WAITING) | MOVE(READY, WAITING) | RETURNS, WORK},
    {ROLE_LEARNER, MSG_EXPORT, NOW, people_on_export, 0, 0},
    {ROLE_LEARNER, MSG_JUDGED, NOW, people_on_judged, 0, 0},
    {ROLE_LEARNER, MSG_BYE, TABLE_OF_EPOCH, admin_on_bye, 0, 0},

    {ROLE_ACTOR, MSG_HELLO, 0, NULL, RETURNS | ADOPTS, 0},
    {ROLE_ACTOR, MSG_HB, 0, grant_on_hb, RETURNS, WORK},
    {ROLE_ACTOR, MSG_ROLLOUT, RUN, rollouts_on_rollout,
     MOVE(WAITING, SCORING) | MOVE(LEASED, SCORING) | MOVE(SCORING, READY) | RETURNS | POISONS,
     ASK | LEARNER},
    {ROLE_ACTOR, MSG_FAIL, 0, rollouts_on_fail, RETURNS | POISONS, WORK | LEARNER},
    {ROLE_ACTOR, MSG_BYE, 0, admin_on_bye, 0, 0},

    {ROLE_REWARDER, MSG_HELLO, 0, NULL, 0, 0},
    {ROLE_REWARDER, MSG_HB, 0, scores_on_hb, 0, ASK},
    {ROLE_REWARDER, MSG_SCORE, 0, answers_on_score, MOVE(SCORING, READY), ASK | LEARNER},
    {ROLE_REWARDER, MSG_FAIL, 0, answers_on_fail, 0, 0},
    {ROLE_REWARDER, MSG_BYE, 0, admin_on_bye, 0, 0},

    {ROLE_SUPERVISOR, MSG_HELLO, 0, NULL, 0, 0},
    {ROLE_SUPERVISOR, MSG_HB, 0, heartbeat_on_hb, 0, 0},
    {ROLE_SUPERVISOR, MSG_ADMIN, 0, admin_on_admit, 0, 0},
    {ROLE_SUPERVISOR, MSG_ADMIN_OK, 0, admin_on_admin_ok, 0, 0},
    {ROLE_SUPERVISOR, MSG_BYE, 0, admin_on_bye, 0, 0},

    {ROLE_OPERATOR, MSG_HELLO, 0, NULL, 0, 0},
    {ROLE_OPERATOR, MSG_HB, 0, heartbeat_on_hb, 0, 0},
    {ROLE_OPERATOR, MSG_ADMIN, 0, admin_on_admin, 0, 0},
    {ROLE_OPERATOR, MSG_BYE, 0, admin_on_bye, 0, 0},

    {ROLE_AUDITOR, MSG_HELLO, 0, NULL, 0, 0},
    {ROLE_AUDITOR, MSG_HB, 0, heartbeat_on_hb, 0, 0},
    {ROLE_AUDITOR, MSG_BYE, 0, admin_on_bye, 0, 0},

    {ROLE_GUEST, MSG_HELLO, 0, NULL, 0, 0},
    {ROLE_GUEST, MSG_HB, 0, heartbeat_on_hb, 0, 0},
    {ROLE_GUEST, MSG_ADMIN, 0, admin_on_admit, 0, 0},
    {ROLE_GUEST, MSG_BYE, 0, admin_on_bye, 0, 0},

    {ROLE_FOLLOWER, MSG_HELLO, 0, NULL, 0, 0},
    {ROLE_FOLLOWER, MSG_HB, 0, heartbeat_on_hb, 0, 0},
    {ROLE_FOLLOWER, MSG_BYE, 0, admin_on_bye, 0, 0},

    {ROLE_ANNOTATOR, MSG_HELLO, 0, NULL, 0, 0},
    {ROLE_ANNOTATOR, MSG_HB, 0, heartbeat_on_hb, 0, 0},
    {ROLE_ANNOTATOR, MSG_EXPORT_OK, RUN, people_on_export_ok, 0, 0},
    {ROLE_ANNOTATOR, MSG_JUDGEMENT, RUN, people_on_judgement, 0, 0},
    {ROLE_ANNOTATOR, MSG_BYE, 0, admin_on_bye, 0, 0},
};
const int table_n_row = sizeof table_rows / sizeof *table_rows;

const struct table_event_row table_events[TABLE_EVENTS] = {
    [TABLE_GONE] = {"gone", RETURNS | MOVE(LEASED, DROPPED), WORK | ASK},
    [TABLE_TICK] = {"tick", RETURNS | ADOPTS, WORK | ASK | LEARNER},
    [TABLE_PUMP] = {"pump", MOVE(WAITING, LEASED) | RETURNS | MOVE(READY, DROPPED), 0},
};

const struct table_row *table_find(enum role from, enum msg_type type)
{
    for (int i = 0; i < table_n_row; i++)
        if (table_rows[i].from == from && table_rows[i].type == type)
            return &table_rows[i];
    return NULL;
}
