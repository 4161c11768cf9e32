/* turns: learners that wait until their run is served, in the order of their first HELLO. Inside
 * broker/ only.
 *
 * Nothing of it is kept: a learner that is silent for TURNS_SILENT_MS has left its place, and a
 * broker that was restarted hears from each of them again. */

#ifndef BROKER_TURNS_H
#define BROKER_TURNS_H

#include "broker/turns_state.h"

struct broker;

/* May this HELLO of a learner begin or go on? False: with the code and the words of REFUSE, which
 * live as long as the broker; who waits for its turn then has a place. `link`: the hub's. `was`:
 * the member that says it, or NULL. */
bool turns_admit(struct broker *b, struct broker_member *was, void *link, const struct msg *msg,
                 enum refuse_code *code, const char **words, int64_t now_ms);
/* A HELLO of anybody: a worker that names a run has worked for it, and its learner may be on its way. */
void turns_heard(struct broker *b, const struct msg *msg);
/* Who was not heard for long has left. */
void turns_tick(struct broker *b, int64_t now_ms);
/* We did not listen for so long: nobody was silent. */
void turns_slept(struct broker *b, int64_t slept_ms, int64_t now_ms);

/* At most `max` of them, first the next one; they point into `b`. Returns how many. */
uint32_t turns_list(const struct broker *b, struct msg_stats_turn *out, uint32_t max,
                    int64_t now_ms);

/* A run's name as people see it: what it calls itself, else the beginning of its id. */
void turns_name(char out[MEMBERS_NAME], const char *name, const struct id *run);

#endif
