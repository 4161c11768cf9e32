/* Fields of the messages of work, in the order of docs/PROTOCOL.md §3.2, which a test compares
 * with these tables. */

#include "proto/codec_table.h"

static const struct field open[] = {
    MAP(msg_open, task, codec_noun_task),
};
const struct field_table codec_work_open = TABLE(msg_open, open);

static const struct field cancel[] = {
    COLUMN(msg_cancel, task, n_task, MAX_TASKS, codec_noun_task_id),
    TEXT(msg_cancel, reason, MAX_WORDS),
};
const struct field_table codec_work_cancel = TABLE(msg_cancel, cancel);

static const struct field lease[] = {
    UINT(msg_lease, lease, LIMIT_SERIAL),
    ANY64(msg_lease, fence),
    HEAD_SAMPLE(msg_lease, first),
    UINT(msg_lease, count, MAX_SAMPLES),
    BOOL(msg_lease, text),
    MAP(msg_lease, task, codec_noun_task),
};
const struct field_table codec_work_lease = TABLE(msg_lease, lease);

static const struct field revoke[] = {
    COLUMN(msg_revoke, lease, n_lease, MAX_LEASES / 2, codec_noun_serial),
    COLUMN(msg_revoke, from, n_from, MAX_LEASES / 2, codec_noun_u32),
    BOOL(msg_revoke, over),
};
const struct field_table codec_work_revoke = TABLE(msg_revoke, revoke);

static const struct field want[] = {
    COLUMN(msg_want, claim, n_claim, MAX_CLAIMS, codec_noun_claim),
};
const struct field_table codec_work_want = TABLE(msg_want, want);

static const struct field rollout[] = {
    UINT(msg_rollout, lease, LIMIT_SERIAL),
    MAP(msg_rollout, rollout, codec_noun_rollout),
};
const struct field_table codec_work_rollout = TABLE(msg_rollout, rollout);

static const struct field fail[] = {
    HEAD_TASK(msg_fail, task, LIMIT_TASK),
    UINT(msg_fail, lease, LIMIT_SERIAL),
    UINT(msg_fail, ticket, LIMIT_SERIAL),
    HEAD_SAMPLE(msg_fail, sample),
    HASH(msg_fail, scorer),
    TEXT(msg_fail, reason, MAX_WORDS),
    TEXT(msg_fail, who, MAX_NAME),
};
const struct field_table codec_work_fail = TABLE(msg_fail, fail);

static const struct field item[] = {
    UINT(msg_item, task, LIMIT_TASK),
    UINT(msg_item, sample, MAX_SAMPLES - 1),
    UINT(msg_item, end, ROLLOUT_STOP_TEXT),
    HASH(msg_item, hash),
    COLUMN(msg_item, prompt, n_prompt, MAX_TOKENS, codec_noun_i32),
    COLUMN(msg_item, token, n_token, MAX_TOKENS, codec_noun_i32),
    COLUMN(msg_item, tail, n_tail, MAX_HOLD, codec_noun_i32),
    TEXT(msg_item, prompt_text, MAX_TEXT),
    TEXT(msg_item, text, MAX_TEXT),
    TEXT(msg_item, meta, MAX_JSON),
};
static const struct field_table item_table = TABLE(msg_item, item);

static const struct field ask[] = {
    UINT(msg_ask, ticket, LIMIT_SERIAL),
    HASH(msg_ask, scorer),
    ANY32(msg_ask, table),
    UINT(msg_ask, unit, UNIT_PAIR),
    REAL(msg_ask, temperature),
    LIST(msg_ask, item, n_item, MAX_SAMPLES, item_table),
};
const struct field_table codec_work_ask = TABLE(msg_ask, ask);

static const struct field score[] = {
    UINT(msg_score, ticket, LIMIT_SERIAL),
    MAP(msg_score, score, codec_noun_score),
};
const struct field_table codec_work_score = TABLE(msg_score, score);

static const struct field sample[] = {
    UINT(msg_sample, attempts, LIMIT_SHOWN),
    MAP(msg_sample, rollout, codec_noun_rollout),
    LIST(msg_sample, score, n_score, MAX_SCORERS, codec_noun_score),
    MAP(msg_sample, writer, codec_noun_writer),
    LIST(msg_sample, scored, n_scored, MAX_SCORERS, codec_noun_writer),
};
const struct field_table codec_work_sample = TABLE(msg_sample, sample);

static const struct field dropped[] = {
    HEAD_TASK(msg_dropped, task, LIMIT_TASK), HEAD_SAMPLE(msg_dropped, sample),
    UINT(msg_dropped, reason, DROP_POISON),   UINT(msg_dropped, attempts, LIMIT_SHOWN),
    TEXT(msg_dropped, error, MAX_WORDS),
};
const struct field_table codec_work_dropped = TABLE(msg_dropped, dropped);

static const struct field refused[] = {
    HEAD_TASK(msg_refused, task, LIMIT_TASK),
    HEAD_SAMPLE(msg_refused, sample),
    HASH(msg_refused, hash),
    HASH(msg_refused, scorer),
    MAP(msg_refused, writer, codec_noun_writer),
    TEXT(msg_refused, words, MAX_WORDS),
};
const struct field_table codec_work_refused = TABLE(msg_refused, refused);

static const struct field settled[] = {
    MAP(msg_settled, settled, codec_noun_settled),
};
const struct field_table codec_work_settled = TABLE(msg_settled, settled);

static const struct field publish[] = {
    VERSION(msg_publish, version),
    HASH(msg_publish, base),
    UINT(msg_publish, kind, ARTIFACT_FILE),
    UINT(msg_publish, bytes, LIMIT_ARTIFACT),
    UINT(msg_publish, smallest_live, LIMIT_VERSION),
    ANY32(msg_publish, golden),
};
const struct field_table codec_work_publish = TABLE(msg_publish, publish);
