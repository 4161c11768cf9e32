/* scores: requests to rewarders. Inside broker/ only. */

#ifndef BROKER_SCORES_H
#define BROKER_SCORES_H

#include "broker/state.h"

/* A sample has its body: it is ready if no score is wanted, else asked about. */
void scores_ready(struct broker *b, struct open_task *task, uint32_t sample, int64_t now_ms);
/* The pump: tickets for what is queued, to who has room. */
void scores_ask(struct broker *b, int64_t now_ms);
/* Each tick: deadlines of tickets, and what rested long enough. */
void scores_tick(struct broker *b, int64_t now_ms);
/* Asks again for what of a ticket has no answer. */
void scores_requeue(struct broker *b, const struct ticket *ticket);
/* The same of all that a rewarder has: it is gone, or says HELLO. Counts as given again. */
void scores_take_back(struct broker *b, struct broker_member *rewarder);
void scores_forget(struct broker *b); /* all tickets, queues and pauses */

/* Whom a ticket was given to failed: may pause the scorer, and the learner hears of the first of
 * a row. */
void scores_failed(struct broker *b, const struct ticket *ticket,
                   const struct broker_member *by, const char *words, int64_t now_ms);
/* A rewarder died: what it worked on failed. */
void scores_died(struct broker *b, const struct broker_member *rewarder, int64_t now_ms);
/* HB of a rewarder: what it has room for. Always OK. */
enum err scores_on_hb(struct broker *b, struct broker_member *rewarder, const struct msg *msg,
                      int64_t now);

#endif
