/* sim_parts: what the parts of the simulation call of one another. */

#ifndef TESTS_BROKER_SIM_PARTS_H
#define TESTS_BROKER_SIM_PARTS_H

#include "proto/msg.h"

#include <stdbool.h>

struct sim;
struct sim_peer;
struct sim_queue;

/* draws */
uint64_t sim_draw(struct sim *sim, uint64_t below);
bool sim_chance(struct sim *sim, uint32_t in_1000);
void sim_break(struct sim *sim, const char *what, uint64_t a, uint64_t b);

/* sim_net.c */
void sim_up(struct sim *sim, struct sim_peer *peer, struct msg *msg);
void sim_net_step(struct sim *sim);
void sim_cut(struct sim *sim, struct sim_peer *peer, bool keep_some);
void sim_broker_start(struct sim *sim);
void sim_broker_kill(struct sim *sim);
void sim_broker_count(struct sim *sim); /* what it gave to another, before it is gone */
void sim_queue_clear(struct sim_queue *queue);
void sim_hub_step(struct sim *sim);

/* sim_learner.c, sim_worker.c: a step of one peer, and what it hears */
void sim_learner_hello(struct sim *sim, struct sim_peer *peer, struct msg *out);
void sim_learner_hear(struct sim *sim, struct sim_peer *peer, const struct msg *msg);
void sim_learner_step(struct sim *sim, struct sim_peer *peer);
void sim_learner_hb(struct sim *sim, struct sim_peer *peer, struct msg_hb *out);
bool sim_learner_done(const struct sim *sim);
struct version sim_version(uint64_t number);
float sim_value(const struct hash *scorer, const struct hash *rollout);

void sim_actor_hello(struct sim *sim, struct sim_peer *peer, struct msg *out);
void sim_actor_hear(struct sim *sim, struct sim_peer *peer, const struct msg *msg);
void sim_actor_step(struct sim *sim, struct sim_peer *peer);
void sim_actor_hb(struct sim *sim, struct sim_peer *peer, struct msg_hb *out);
void sim_rewarder_hear(struct sim *sim, struct sim_peer *peer, const struct msg *msg);
void sim_rewarder_step(struct sim *sim, struct sim_peer *peer);
void sim_rewarder_hb(struct sim *sim, struct sim_peer *peer, struct msg_hb *out);

#endif
