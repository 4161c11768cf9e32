/* assign: who is given which item, why, in which order of candidates, and until when.
 *
 * * * Nobody gets an item twice but as a planned repeat. An assignment is a lease: it ends by
 * a judgement, a skip, when it is returned, or when nothing is heard for settings.lease_ms;
 * the item then is free for others again. A judgement that arrives after its lease is still
 * taken. */

#ifndef PREFS_ASSIGN_H
#define PREFS_ASSIGN_H

#include "prefs/prefs.h"

struct prefs_assignment {
    int64_t id, item, annotator;
    enum prefs_why why;
    char active[PREFS_NAME_MAX]; /* PREFS_ACTIVE: the strategy */
    double chance;               /* with which it was drawn, given what was open */
    int n;
    int order[PREFS_CANDIDATES_MAX]; /* order[place] = candidate; place 0 is left or first */
    enum prefs_state state;
    int guideline;  /* version shown; 0: none */
    int64_t repeat; /* of which assignment; 0: none */
    int64_t given, expires, ended;
};

enum prefs_offer {
    PREFS_GIVEN,    /* *out is filled */
    PREFS_FINISHED, /* nothing is left for this person */
    PREFS_LATER,    /* what is left is with others now: it may come back */
    PREFS_ON_PAUSE, /* paused: nothing new */
    PREFS_ON_HOLD,  /* the same, by an admin */
};

/* What `annotator` has open already, oldest first, its lease renewed; else something new.
 * Errors: ERR_RANGE (no such annotator), ERR_STATE (closed). */
enum err prefs_next(struct prefs *prefs, int64_t annotator, int64_t now,
                    enum prefs_offer *offer, struct prefs_assignment *out) MUST_CHECK;

/* Planned items that this person could still be given; not for the person to see. */
enum err prefs_left(struct prefs *prefs, int64_t annotator, int64_t *out) MUST_CHECK;
/* What the person is told is to go, what is open with him among it: about so many, and one less
 * with each that he judges or skips, be it by plan, gold or a repeat. */
enum err prefs_ahead(struct prefs *prefs, int64_t annotator, int64_t *out) MUST_CHECK;

/* The assignment. Errors: ERR_RANGE: there is none, or it is not this annotator's (0:
 * anyone's): the words are the same. */
enum err prefs_assignment_read(struct prefs *prefs, int64_t id, int64_t annotator,
                               struct prefs_assignment *out) MUST_CHECK;

/* Who has the item now (0: any item), and has not judged it. Errors: visit's. */
enum err prefs_open_visit(struct prefs *prefs, int64_t item,
                          enum err (*visit)(void *self, const struct prefs_assignment *it),
                          void *self) MUST_CHECK;

/* The person is still there. *expires: until when. Errors: ERR_STATE: not open any more. */
enum err prefs_extend(struct prefs *prefs, int64_t id, int64_t annotator, int64_t now,
                      int64_t *expires) MUST_CHECK;
/* Given back; the same person may get it again. Errors: ERR_STATE: not open. */
enum err prefs_return(struct prefs *prefs, int64_t id, int64_t annotator,
                      int64_t now) MUST_CHECK;
/* Ends leases that are over; prefs_next does it too. *n (may be NULL): how many. */
enum err prefs_expire(struct prefs *prefs, int64_t now, int *n) MUST_CHECK;

/* Items on which people differ after all that is planned, which no reviewer has decided: at
 * most `room` ids, oldest first; *n: how many there are in all. */
enum err prefs_differing(struct prefs *prefs, int64_t *item, size_t room, size_t *n) MUST_CHECK;
/* Gives an item to a reviewer or admin to decide. Errors: ERR_STATE (is decided; is with
 * another; no reviewer, or one who is held). */
enum err prefs_adjudicate(struct prefs *prefs, int64_t annotator, int64_t item, int64_t now,
                          struct prefs_assignment *out) MUST_CHECK;

#endif
