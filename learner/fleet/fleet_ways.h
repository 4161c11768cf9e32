/* fleet_ways: what leads to a version for a host that holds another image of the run: a patch, or
 * the adapter where one learns. Made when a host that pulls over the wire asks (WREQ of kind 5), and
 * then offered as any artifact; a run of one machine makes none and keeps nothing for it. */

#ifndef LEARNER_FLEET_FLEET_WAYS_H
#define LEARNER_FLEET_FLEET_WAYS_H

#include "learner/inputs/initial_models.h"
#include "proto/msg_bulk.h"

struct fleet_versions;
struct fleet_ways;
struct loop;

struct fleet_ways_conf { /* all borrowed */
    struct loop *loop;
    struct fleet_versions *versions; /* and where they are offered */
    const struct initial_model
        *first; /* version 0 and its bytes, for as long as the run lasts */
};

void fleet_ways_new(struct fleet_ways **out, const struct fleet_ways_conf *conf);
/* NULL is fine. Before the loop is freed, which waits for what is being made. */
void fleet_ways_free(struct fleet_ways *ways);

/* fleet_bulk_conf.ways. Somebody lacks a version: what it may make of what it holds (ask->base) follows when it is made.
 * What is not of this run, or is no use, is passed over: the asker pulls the image. Errors:
 * loop_work's. */
enum err fleet_ways_ask(void *ways, const struct msg_wreq *ask) MUST_CHECK;

/* Versions came and went: what led to those that went is offered no longer. */
void fleet_ways_trim(struct fleet_ways *ways);

#endif
