/* digest: names for what is scored and for what scores it. BLAKE2b-256 over a fixed layout. */

#ifndef PROTO_DIGEST_H
#define PROTO_DIGEST_H

#include "proto/msg_people.h"

/* Over u32 tokens, token i32[], logprob f32[], u32 spans, (u32 start, u64 number, hash)[],
 * u32 masks, mask bytes; all little-endian (docs/PROTOCOL.md §1: tokens, log-probabilities, version
 * runs, mask). Which task and sample it is, how it ended and its text are not part of it. */
struct hash digest_rollout(const struct rollout *rollout);

/* Over name, u32 kind, u32 unit, u32 (pure + 2 needs_text + 4 per_token), card, image, spec; a
 * text is its u32 length and its bytes. */
struct hash digest_scorer(const struct scorer *scorer);

/* Of a pair of answers: the first 16 bytes over run, u64 task, u32 sample of a and of b, hash of a
 * and of b. */
struct id digest_pair(const struct id *run, const struct msg_export *pair);

#endif
