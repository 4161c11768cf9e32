/* run_replay: the journal's steps trained again, from the checkpoint to the last announced
 * version. */

#ifndef LEARNER_CONTEXT_RUN_REPLAY_H
#define LEARNER_CONTEXT_RUN_REPLAY_H

#include "learner/context/run_context.h"

/* Each step must give the hash that was announced; run->snapshot gets the images that tasks may
 * still name. Errors: ERR_STATE shows both hashes, or says what the journal lacks; ERR_IO,
 * ERR_PARSE of images and files. */
enum err run_replay(struct run_context *run) MUST_CHECK;

#endif
