/* crew: the processes of a fleet on this machine: started, started again, scaled, ended in order.
 *
 * The head's supervisor has one with a broker and perhaps a learner, a host's with workers alone;
 * both speak of it to people by the same orders (orders.h). Time is an argument; the loop is the
 * owner's. */

#ifndef DEPLOY_CREW_H
#define DEPLOY_CREW_H

#include "deploy/hours.h"
#include "deploy/machine.h"
#include "deploy/replica.h"

struct endpoint;
struct loop;
struct ports;

struct crew_owner {
    /* The learner has ended by itself, with that status: its word is the run's. */
    void (*decided)(void *self, int status, int64_t now_ms);
    /* A process ended too often to be started again: all has to end. Never of a patient crew. */
    void (*gave_up)(void *self, int64_t now_ms);
    /* The key file of the process of that name ("actor-1"). Errors: it cannot start yet; it is
     * tried again soon. */
    enum err (*key)(void *self, enum plan_role role, const char *name, char path[4096]);
    void *self;
};

struct crew {
    const struct plan *plan;
    const struct endpoint *fleet; /* where they join */
    const struct ports *ports;    /* for the broker; NULL without */
    struct loop *loop;
    struct crew_owner owner;
    struct replicas replicas;
    struct machine machine; /* as it was at the last second */
    struct hours hours;
    int want[PLAN_WORKER + PLAN_WORKERS]; /* by role, workers by their place: when awake */
    bool patient; /* what fails is tried again for ever: somebody may mend it meanwhile */
    bool asleep;  /* outside its hours: nothing but what ends */
    bool ending;
    int hurried;  /* how often the end was asked for */
    int pipe[2];  /* whose end tells our programs that we are gone */
    int quiet[2]; /* the same for shells: ours make theirs non-blocking, for all who share it */
    int64_t looked_ms;
    int64_t told_ms;   /* when the workers were told to end, */
    bool told_again;   /* and told not to wait for their answers, */
    int64_t killed_ms; /* and when what is left is killed */
};

/* What is asked for at the beginning stands in the plan. The other members are filled in
 * already, or zeros. Errors: ERR_IO, ERR_PARSE (hours). crew_close also after an error. */
enum err crew_open(struct crew *crew) MUST_CHECK;
/* Broker and learner if the plan has them, then the workers. Errors: of starting one. */
enum err crew_start(struct crew *crew, int64_t now_ms) MUST_CHECK;
/* Several times a second: what is due is started, hours are kept, what ends is ended. */
void crew_tick(struct crew *crew, int64_t now_ms, int minute);
void crew_close(struct crew *crew); /* whatever is there is told to end */

/* There shall be n of the role (PLAN_ACTOR, PLAN_REWARDER; of workers: of place `kind`). Outside
 * its hours that is remembered. Errors: ERR_RANGE (plan_check, no such worker), ERR_STATE (the
 * end has begun), of starting one. */
struct crew_count {
    enum plan_role role;
    int kind, n;
    bool force;
};
enum err crew_scale(struct crew *crew, const struct crew_count *count,
                    int64_t now_ms) MUST_CHECK;
/* How many are wanted, in or out of its hours. */
int crew_wanted(const struct crew *crew, enum plan_role role, int kind);

/* Nothing is started any more; a learner is waited for, then workers end. The broker is ended by
 * the owner. */
void crew_end(struct crew *crew);
bool crew_ended(const struct crew *crew);   /* nothing is left */
bool crew_working(const struct crew *crew); /* is a worker left? */
/* Asked for the end once more: what is left is killed soon. */
void crew_hurry(struct crew *crew, int64_t now_ms);
void crew_signal(const struct crew *crew, enum plan_role role, int signal);

/* What is there, for people: a line; HB.metrics of this machine (free it). */
enum { CREW_WORDS = MACHINE_WORDS };
void crew_words(char out[CREW_WORDS], const struct crew *crew);
/* The newest thing to know of it: what is in the machine's way, what is down, what died within
 * the last minute; "" without. */
void crew_note(char out[CREW_WORDS], const struct crew *crew, int64_t now_ms);
char *crew_metrics(const struct crew *crew, int64_t now_ms);

#endif
