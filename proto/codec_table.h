/* codec_table: the rows of every message and noun; for codec_*.c only. */

#ifndef PROTO_CODEC_TABLE_H
#define PROTO_CODEC_TABLE_H

#include "proto/fields.h"
#include "proto/limit.h"
#include "proto/msg.h"

extern const struct field_row codec_noun_i32, codec_noun_f32, codec_noun_u8, codec_noun_u32,
    codec_noun_any32, codec_noun_serial, codec_noun_task_id, codec_noun_count, codec_noun_hash,
    codec_noun_id, codec_noun_range, codec_noun_claim, codec_noun_version, codec_noun_span;
extern const struct field_table codec_noun_settled, codec_noun_artifact, codec_noun_scorer,
    codec_noun_task, codec_noun_rollout, codec_noun_score, codec_noun_writer;

/* One a message; and what a list of them has. */
#define TABLE_OF(TYPE, member, name, table, max) extern const struct field_table table;
#define NO_TABLE(TYPE, name)
MSG_ROWS(TABLE_OF, NO_TABLE)
#undef TABLE_OF
#undef NO_TABLE
extern const struct field_table codec_peer_nothing, codec_peer_wait, codec_people_answer;

/* What tables cannot say: members that belong together, ranges with meaning.
 * Errors: ERR_RANGE. */
enum err codec_check(const struct msg *msg) MUST_CHECK;

#endif
