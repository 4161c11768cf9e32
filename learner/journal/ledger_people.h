/* ledger_people: what a ledger knows of people (people.h): pairs that they are asked about, what they
 * said, what was learnt of that. */

#ifndef LEARNER_JOURNAL_LEDGER_PEOPLE_H
#define LEARNER_JOURNAL_LEDGER_PEOPLE_H

#include "learner/journal/ledger.h"
#include "learner/journal/people.h"

/* Until the ledger hears of something else. */
const struct people *ledger_people(const struct ledger *ledger);
/* What became of a pair in this process. */
void ledger_people_way(struct ledger *ledger, int64_t pair, enum people_way way);

/* The oldest version that wrote a token of either answer. */
struct version ledger_people_version(const struct record_sample *a,
                                     const struct record_sample *b);
/* Before an iteration's STEP, in its group: pairs of its answers for people, in the order of
 * asking, and what of their judgements it has learnt. Both take what they are given. */
void ledger_people_export(struct ledger *ledger, struct record_exported *exported);
void ledger_people_learn(struct ledger *ledger, struct record_people *people);

/* Somebody said something. What it is answered; of JUDGED_KEPT *durable says whether yet: else it
 * is noted, and is answered once people_is_durable. */
enum judged_answer ledger_people_judge(struct ledger *ledger,
                                       const struct msg_judgement *judgement, bool *durable);

#endif
