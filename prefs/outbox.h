/* outbox: judgements of a fleet's pairs that its run has not acknowledged yet.
 *
 * A judgement that is made here of an item that has an origin (origin.h) joins the outbox in the same
 * group as its row, and so does what takes one back: an undo, or a judgement that was dropped because
 * somebody is to be forgotten. It leaves when the run says that it has it. Skips and repeats are no
 * judgements for a run; what was imported was judged elsewhere, and is sent by whoever judged it. */

#ifndef PREFS_OUTBOX_H
#define PREFS_OUTBOX_H

#include "prefs/origin.h"

struct prefs_outgoing {
    int64_t seq;          /* of its row */
    uint8_t id[PREFS_ID]; /* its name outside: the same whenever it is read */
    struct prefs_origin origin;
    enum prefs_verdict verdict; /* PREFS_CHOSEN, PREFS_TIE, PREFS_BOTH_BAD; PREFS_UNDO */
    int choice;                 /* PREFS_CHOSEN: candidate 0 or 1 */
    uint8_t undoes[PREFS_ID];   /* PREFS_UNDO: what is taken back */
    char annotator[PREFS_PSEUDONYM];
};

/* What may be sent to `run` now, in the order in which it was said, at most `room`; *n: how many.
 * Of what somebody said of an item (a judgement, its undo, another judgement) only the first that is
 * in the outbox: the next is sent when that one is acknowledged, whatever is lost on the way. Errors:
 * the store's. */
enum err prefs_outbox_read(struct prefs *prefs, const uint8_t *run, struct prefs_outgoing *out,
                           size_t room, size_t *n) MUST_CHECK;

/* The run has it. Into the open group; what is not in the outbox is fine. */
enum err prefs_outbox_done(struct prefs *prefs, int64_t seq) MUST_CHECK;

#endif
