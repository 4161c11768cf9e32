/* pairs: the pairs of answers that a fleet's run sends to people, and what they say of them, for the
 * process where people judge.
 *
 * Joins the fleet (role annotator). The computing thread takes pairs, says which of them are kept,
 * and lays down what has been said and is not answered; the loop says it, again after each WELCOME of
 * the run. Whatever happens to the fleet ends nothing once its broker has let us in: judging goes on. */

#ifndef FOLLOW_PAIRS_H
#define FOLLOW_PAIRS_H

#include "proto/limit.h"
#include "proto/msg.h"

#include <signal.h>
#include <stdbool.h>

struct pairs;

struct pairs_conf {
    char *broker, *key, *ticket_file; /* as every worker's options; "": not given */
    /* In the computing thread, once. When it returns the process leaves the fleet. */
    enum err (*compute)(void *self, struct pairs *pairs);
    void *self;
};

/* Blocks until `compute` is done; the calling thread's signals are heard. Errors: compute's; before
 * the broker has let us in: ERR_STATE in its words, what is wrong with key or ticket. */
enum err pairs_run(const struct pairs_conf *conf) MUST_CHECK;

/* ---- for the computing thread */

/* Not 0: it is told to end. */
const volatile sig_atomic_t *pairs_end(const struct pairs *pairs);

struct pairs_pair {
    uint64_t coming; /* since which WELCOME */
    struct id run;
    struct msg_export said; /* its texts are the pair's own */
};
/* The one that came first of those that nobody has taken; NULL: none. A pair comes again, after a
 * connection was lost, until pairs_kept names it. pairs_free: NULL is fine. */
struct pairs_pair *pairs_take(struct pairs *pairs);
void pairs_free(struct pairs_pair *pair);
/* It lies in the store, synced; or it never can, which was said. Nobody hears it of one that came
 * before the last WELCOME: it comes again. */
void pairs_kept(struct pairs *pairs, const struct pairs_pair *pair);

/* All that is not answered, in the order in which it is to be said: what was laid down before and is
 * not in it is said no more, what is in both is not said twice. n <= WINDOW_JUDGEMENTS. */
void pairs_say(struct pairs *pairs, const struct id *run, const struct msg_judgement *said,
               size_t n);
/* Those of them that are answered; both [WINDOW_JUDGEMENTS]; how many. */
size_t pairs_answered(struct pairs *pairs, struct id *id, enum judged_answer *answer);

struct pairs_state {
    /* "joining" (none was there yet), "here", "away" (no broker answers), "over" (its run is done), "busy" (another annotator is
     * there), "refused" (it lets us in no more) */
    const char *word;
    char why[256]; /* of "away", "busy" and "refused"; of others: print it with care */
    bool known;    /* which run it serves: */
    struct id run;
    uint64_t newest;  /* version of its policy */
    uint64_t comings; /* rises with each WELCOME */
};
void pairs_look(struct pairs *pairs, struct pairs_state *out);

#endif
