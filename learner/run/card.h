/* card: the start model as a run means it: its card with the template and the end token that
 * the configuration names. */

#ifndef LEARNER_RUN_CARD_H
#define LEARNER_RUN_CARD_H

#include "learner/run/keys.h"
#include "lm/file/bundle.h"

/* *out is the caller's (bundle_free). *eos is the end token's text (free it), NULL when there
 * is none. Errors: any, in words for the user. */
enum err card_open(struct bundle **out, const struct keys *keys, enum bundle_want want,
                   char **eos) MUST_CHECK;

#endif
