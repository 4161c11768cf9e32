/* answers: what rewarders answer. Inside broker/ only. */

#ifndef BROKER_ANSWERS_H
#define BROKER_ANSWERS_H

#include "broker/members.h"

struct broker;

enum err answers_on_score(struct broker *b, struct broker_member *from, const struct msg *msg,
                          int64_t now);
enum err answers_on_fail(struct broker *b, struct broker_member *from, const struct msg *msg,
                         int64_t now);
/* A frame of it could not be read: an answer, perhaps. */
void answers_on_bad(struct broker *b, struct broker_member *from, const char *words,
                    int64_t now_ms);

#endif
