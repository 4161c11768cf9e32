/* fleet_people: the learner's end of the messages about people: pairs to the annotator, judgements into
 * the journal and their answers back. */

#ifndef LEARNER_FLEET_FLEET_PEOPLE_H
#define LEARNER_FLEET_FLEET_PEOPLE_H

#include "learner/fleet/fleet_link.h"

struct fleet_people;
void fleet_people_new(struct fleet_people **out, struct run_context *run);
void fleet_people_free(struct fleet_people *people); /* NULL is fine */

/* HB, EXPORT_OK or JUDGEMENT. Errors: fleet_link_say's. */
enum err fleet_people_hear(struct fleet_people *people, struct fleet_link *link,
                           const struct msg *msg) MUST_CHECK;
/* A group of the journal is durable: judgements in it are answered, pairs in it are said.
 * Errors: fleet_link_say's. */
enum err fleet_people_settle(struct fleet_people *people, struct fleet_link *link) MUST_CHECK;

#endif
