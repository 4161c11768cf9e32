/* pace: how fast each actor is, as its answers show. Inside broker/ only.
 *
 * Speed is in tokens of taken answers per ms that a sample was in an actor's hands: an actor that
 * decodes eight at once and one that decodes one have the same if a sample takes as long with
 * either. Samples that have not come back count with their time, so who is stuck becomes slow
 * without a word of its own. 0: nobody's is known yet; or (m->quiet) nothing is heard of it. */

#ifndef BROKER_PACE_H
#define BROKER_PACE_H

#include <stdint.h>

struct broker;
struct broker_member;
struct pace;

void pace_fini(struct pace *pace);

/* `more` samples came into its hands, or left them. */
void pace_hold(struct broker_member *actor, int64_t more, int64_t now_ms);
/* It brought an answer of a sample that it had by lease. */
void pace_answer(struct broker *b, struct broker_member *actor, uint32_t tokens,
                 int64_t now_ms);
/* Each tick: what is usual, and who is slow. */
void pace_tick(struct broker *b, int64_t now_ms);
/* Each second: of who has nothing to do, what was seen counts less. */
void pace_second(struct broker *b);
/* How long a sample takes, in ms: of this actor, of a usual one. Only while usual is known. */
double pace_takes_ms(const struct broker *b, const struct broker_member *actor);
double pace_usual_ms(const struct broker *b);
/* How many samples must wait before one for this actor not to be late with it: the others would
 * not have done all these, and then that one, sooner. 0: it is not slow. */
double pace_from(const struct broker *b, const struct broker_member *actor);

#endif
