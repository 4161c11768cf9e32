/* depot_sink: what the depot says, to whom and how long it waits; what it counts. */

#ifndef BROKER_DEPOT_SINK_H
#define BROKER_DEPOT_SINK_H

#include "base/shared_memory.h"
#include "proto/msg.h"

struct depot_sink {
    /* Errors: ERR_STATE (its pipe is full), ERR_IO (its connection is gone), ERR_RANGE. */
    enum err (*send)(void *self, void *link, struct msg *msg);
    /* Perhaps a process of this machine has it as pages. True: depot_lend will say so, or not,
     * within DEPOT_PAGES_MS; never from in here. NULL: nobody is asked. */
    bool (*pages)(void *self, const struct artifact *what);
    void *self;
};

enum {
    DEPOT_PARKED_MS = 1000, /* what nobody offers: an OFFER may be on its way */
    DEPOT_ALONE_MS = 3000,  /* nobody can be reached who has it: its askers hear that */
    DEPOT_LOST_MS = 60000,  /* no learner offers it any more: a learner's restart */
    DEPOT_IDLE_MS = 5000,   /* a full pipe: the child does not read */
    DEPOT_PAGES_MS = 1000,
    DEPOT_PARKED = 32, /* requests of one child for what nobody offers */
    DEPOT_WORDS = 512,
};

struct depot_stats {
    uint64_t asked, none;          /* requests, and those answered so */
    uint64_t pieces, bytes;        /* to children */
    uint64_t taken, from_learners; /* bytes from sources, and of these from learners */
    uint64_t chunks_false, moved;  /* chunks that were not what they should be; PARENTs */
    uint64_t held;                 /* bytes of chunks now */
    uint32_t owed;                 /* chunks that learners were asked for and owe now */
    int64_t failed_ms; /* when a child last left its parent, which is still here; 0: never */
    char failed[DEPOT_WORDS]; /* who left whom, and why, as it says */
};

#endif
