/* codec_table: the rows of every message and noun; for codec_*.c only. */

#ifndef PROTO_CODEC_TABLE_H
#define PROTO_CODEC_TABLE_H

#include "proto/fields.h"
#include "proto/limit.h"
#include "proto/msg.h"

extern const struct field_row codec_noun_i32, codec_noun_f32, codec_noun_u8, codec_noun_u32,
    codec_noun_serial, codec_noun_task_id, codec_noun_count, codec_noun_hash, codec_noun_range,
    codec_noun_claim, codec_noun_version, codec_noun_span;
extern const struct field_table codec_noun_settled, codec_noun_artifact, codec_noun_scorer,
    codec_noun_task, codec_noun_rollout, codec_noun_score, codec_noun_writer;

/* One a message. */
extern const struct field_table codec_peer_hello, codec_peer_welcome, codec_peer_refuse,
    codec_peer_hb, codec_peer_admin, codec_peer_admin_ok, codec_peer_drain, codec_peer_bye,
    codec_peer_nothing, codec_peer_wait;
extern const struct field_table codec_work_open, codec_work_cancel, codec_work_lease,
    codec_work_revoke, codec_work_want, codec_work_rollout, codec_work_fail, codec_work_ask,
    codec_work_score, codec_work_sample, codec_work_dropped, codec_work_settled,
    codec_work_publish, codec_work_refused;
extern const struct field_table codec_bulk_offer, codec_bulk_wreq, codec_bulk_wchunk,
    codec_bulk_wnone, codec_bulk_stats;

/* What tables cannot say: members that belong together, ranges with meaning.
 * Errors: ERR_RANGE. */
enum err codec_check(const struct msg *msg) MUST_CHECK;

#endif
