/* people: the way of pairs to the annotator, and of judgements back. Inside broker/ only. */

#ifndef BROKER_PEOPLE_H
#define BROKER_PEOPLE_H

#include "broker/state.h"

/* May this HELLO of an annotator be answered? One is here at a time. False: with code and words. */
bool people_admits(struct broker *b, const struct broker_member *was,
                   const struct msg_hello *hello, enum refuse_code *code, const char **words);
/* An annotator said HELLO; the learner did: what was under way to either is said again. */
void people_came(struct broker *b);
void people_learner_came(struct broker *b, int64_t now_ms);
/* What HB tells the learner: another number after each HELLO of the one that is here; 0: none. */
uint64_t people_here(const struct broker *b);

/* Always OK. */
enum err people_on_export(struct broker *b, struct broker_member *from, const struct msg *msg,
                          int64_t now);
enum err people_on_export_ok(struct broker *b, struct broker_member *from,
                             const struct msg *msg, int64_t now);
enum err people_on_judgement(struct broker *b, struct broker_member *from,
                             const struct msg *msg, int64_t now);
enum err people_on_judged(struct broker *b, struct broker_member *from, const struct msg *msg,
                          int64_t now);

#endif
