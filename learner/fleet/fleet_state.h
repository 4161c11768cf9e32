/* fleet_state: what the files of fleet share; for fleet*.c only. */

#ifndef LEARNER_FLEET_FLEET_STATE_H
#define LEARNER_FLEET_FLEET_STATE_H

#include "learner/fleet/fleet.h"
#include "learner/fleet/serve.h"
#include "learner/journal/journal.h"
#include "net/worker.h"

enum { FLEET_TABLE = 1, FLEET_VERSIONS = FLEET_KEYS_LAG + 4 };

struct own_actor;
struct watch;

/* What libuv's pool is given while a group is written, and all that it touches. */
struct fleet_commit {
    const struct rundir *dir;
    struct journal_group group;
    struct fleet *fleet; /* for the loop, once it is done */
};

struct fleet {
    struct fleet_conf conf;
    struct member *member;
    struct peer *peer;
    struct worker *worker;
    struct serve *serve;
    struct own_actor *own;                     /* an actor for what nobody else may do */
    struct watch *watch;                       /* what a person is told of the others */
    struct snapshot *snapshot[FLEET_VERSIONS]; /* alive, ascending */
    uint32_t snapshots;

    uint64_t opened, acked;      /* sent on this connection; as the broker said last */
    uint64_t arrived;            /* SAMPLE and DROPPED on this connection */
    bool refused, welcome;       /* welcome: in the present epoch, ever */
    bool told_flat, told_critic; /* that nothing is learnt; that the critic is noise */
    char note[256];

    struct fleet_commit commit; /* lent to the pool while a group is written */
    bool writing;               /* it is lent */
    bool told;                  /* what is settled was said since it changed */
    struct trainer_job *done;   /* an iteration whose STEP is on its way to the disk */
    bool training, saving;
    uint64_t saved; /* version of the last checkpoint */
    int64_t saved_ms, begun_ms, stepped_ms;
    uint64_t tokens; /* trained, of answers */
    char *metrics;   /* JSON of the newest line */

    bool draining, abandoned, finished, closing;
    int64_t deadline_ms;
    int64_t said_ms; /* when `done` was first said */
    int64_t bye_ms;  /* when BYE was said; 0: not yet */
    bool bye_ok;
};

/* The next thing that can be done: commit, train, save. Call after anything changed. */
enum err fleet_train_advance(struct fleet *fleet, int64_t now_ms) MUST_CHECK;
/* worker_conf.given */
enum err fleet_train_given(void *fleet, void *job, int64_t now_ms) MUST_CHECK;
/* All is settled. */
bool fleet_train_over(const struct fleet *fleet);
/* Images of lower versions are not needed any more. */
uint64_t fleet_train_smallest(const struct fleet *fleet);

/* stop_if: does the iteration's line meet it, so that there is something to cut off? What met
 * it is said when that is durable; then the broker lets go of what was cut off. */
bool fleet_halt_met(const struct fleet *fleet, const struct trainer_job *job);
void fleet_halt_tell(struct fleet *fleet, const json_t *line);
enum err fleet_halt_let_go(struct fleet *fleet) MUST_CHECK;

/* Whether the answer is what was asked for. Errors: ERR_RANGE in words; *scorer: whose score is
 * wrong, NULL: the answer is. */
enum err fleet_check(const struct fleet *fleet, const struct msg_sample *message,
                     const struct record_sample *sample, const struct hash **scorer) MUST_CHECK;

/* An answer that fails it; one that the broker did not take. Both are noted. */
enum err fleet_refuse_untaken(struct fleet *fleet, const struct record_sample *sample,
                              const struct hash *scorer, const char *words) MUST_CHECK;
enum err fleet_refuse_told(struct fleet *fleet, const struct msg_refused *message) MUST_CHECK;
/* What the job found false: it is taken back with the next commit, in a new epoch. */
void fleet_refuse_false(struct fleet *fleet, const struct trainer_job *job);
/* After a commit: is there a new epoch? Then everybody hears of it. */
enum err fleet_refuse_epoch(struct fleet *fleet, int64_t now_ms) MUST_CHECK;
/* The broker has seen a later epoch of this run, and none of ours: goes above it. */
enum err fleet_refuse_fenced(struct fleet *fleet, uint64_t epoch, int64_t now_ms) MUST_CHECK;
/* Says again what was refused. */
enum err fleet_refuse_again(struct fleet *fleet) MUST_CHECK;

/* Says what is settled. */
enum err fleet_say_settled(struct fleet *fleet) MUST_CHECK;
/* Offers a version's image and announces it; takes the snapshot. */
enum err fleet_say_version(struct fleet *fleet, struct snapshot *snapshot) MUST_CHECK;

/* What the broker says of the others. open: before the member; meet: with it; stop: before it
 * is closed; close: after. */
void fleet_others_open(struct fleet *fleet);
void fleet_others_meet(struct fleet *fleet);
void fleet_others_hear(struct fleet *fleet, const struct msg_hb *hb, int64_t now_ms);
/* A task was opened: who failed it before. */
enum err fleet_others_opened(struct fleet *fleet, uint64_t task) MUST_CHECK;
void fleet_others_stop(struct fleet *fleet);
void fleet_others_close(struct fleet *fleet);

#endif
