/* answer: whether a rollout can be what its task asked for, as far as that shows without the
 * model: its bytes, its length, how it ends, its tokens, under which weights it was written. */

#ifndef PROTO_ANSWER_H
#define PROTO_ANSWER_H

#include "base/err.h"
#include "proto/noun.h"

/* Bytes of text that one token can be: the longest pieces of known vocabularies have 160. */
enum { ANSWER_PIECE = 512 };

/* `vocabulary`: tokens are below it; 0: nobody said. A task of any version (zero hash) takes
 * spans of versions that do not fall, none older than its own; whether they were ever
 * announced, the caller knows. `rollout` has passed the codec.
 * Errors: ERR_RANGE, in words. */
enum err answer_check(const struct task *task, const struct rollout *rollout,
                      uint32_t vocabulary) MUST_CHECK;

#endif
