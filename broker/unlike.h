/* unlike: builds that compute other bits than the learner's get no work. Inside broker/ only.
 *
 * HELLO says which bits a build computes (lm/kernel/numerics.h). Answers and scores of another
 * number would differ from those of this run's, and their writers would be taken for liars; so
 * they are turned away (REFUSE `numerics`) before they have any work, with words for both sides.
 *
 * The number is what a build says; what its machine really computes shows in golden numbers: one of
 * each image, from the learner and from whoever holds it (docs/PROTOCOL.md §3.1). */

#ifndef BROKER_UNLIKE_H
#define BROKER_UNLIKE_H

#include "broker/state.h"

/* May this HELLO go on? False: with REFUSE's code and words, which live as long as the broker. */
bool unlike_admits(struct broker *b, const struct msg_hello *hello, enum refuse_code *code,
                   const char **words, int64_t now_ms);
/* A: what it computes with the images that it holds. True: other bits than the learner does, so it
 * is refused, and has no work any more. */
bool unlike_hears(struct broker *b, struct broker_member *member, const struct msg_hb *hb,
                  int64_t now_ms);
/* A learner has come: who came before it and is unlike goes. */
void unlike_bound(struct broker *b, int64_t now_ms);
/* Workers whose build is another one than the learner's, though their bits are the same, in words;
 * "": there are none. Each build is logged once a run. */
void unlike_builds(struct broker *b, char *words, size_t room);
/* Was one turned away in the last minute? */
bool unlike_lately(const struct broker *b, int64_t now_ms);

#endif
