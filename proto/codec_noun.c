/* Fields of the nouns that several messages share, and the rows of columns: cells of fixed
 * width, little- endian, without gaps. The order of rows is the order on the wire. */

#include "proto/codec_table.h"

/* A cell is its width, its place in the struct and its largest value (0: any): columns are
 * checked cell by cell as they are read. */
const struct field_row codec_noun_i32 = {4, 1, {{CELL_32, 0, 0}}};
const struct field_row codec_noun_u32 = {
    4, 1, {{CELL_32, 0, MAX_TOKENS}}};                               /* values of a rollout */
const struct field_row codec_noun_any32 = {4, 1, {{CELL_32, 0, 0}}}; /* only compared */
const struct field_row codec_noun_f32 = {4, 1, {{CELL_F32, 0, 0}}};
/* As a scorer gave it: the broker has words for a number that is none (codec_check: SAMPLE). */
static const struct field_row any_f32 = {4, 1, {{CELL_32, 0, 0}}};
const struct field_row codec_noun_u8 = {1, 1, {{CELL_U8, 0, 0}}};
const struct field_row codec_noun_serial = {8, 1, {{CELL_64, 0, LIMIT_SERIAL}}};
const struct field_row codec_noun_task_id = {8, 1, {{CELL_64, 0, LIMIT_TASK}}};
const struct field_row codec_noun_count = {8, 1, {{CELL_64, 0, LIMIT_COUNT}}};
const struct field_row codec_noun_hash = {HASH_BYTES, 1, {{CELL_HASH, 0, 0}}};
const struct field_row codec_noun_id = {ID_BYTES, 1, {{CELL_ID, 0, 0}}};
const struct field_row codec_noun_range = {
    sizeof(struct range),
    3,
    {{CELL_64, offsetof(struct range, task), LIMIT_TASK},
     {CELL_32, offsetof(struct range, first), MAX_SAMPLES},
     {CELL_32, offsetof(struct range, count), MAX_SAMPLES}}};
const struct field_row codec_noun_claim = {
    sizeof(struct claim),
    4,
    {{CELL_64, offsetof(struct claim, task), LIMIT_TASK},
     {CELL_32, offsetof(struct claim, sample), MAX_SAMPLES - 1},
     {CELL_32, offsetof(struct claim, state), CLAIM_FREE},
     {CELL_HASH, offsetof(struct claim, hash), 0}}};
const struct field_row codec_noun_version = {
    sizeof(struct version),
    2,
    {{CELL_64, offsetof(struct version, number), LIMIT_VERSION},
     {CELL_HASH, offsetof(struct version, hash), 0}}};
const struct field_row codec_noun_span = {
    sizeof(struct span),
    3,
    {{CELL_32, offsetof(struct span, start), MAX_TOKENS},
     {CELL_64, offsetof(struct span, version.number), LIMIT_VERSION},
     {CELL_HASH, offsetof(struct span, version.hash), 0}}};

static const struct field settled[] = {
    UINT(settled, epoch, LIMIT_EPOCH),
    UINT(settled, watermark, LIMIT_TASK_END),
    COLUMN(settled, range, n_range, MAX_RANGES, codec_noun_range),
};
const struct field_table codec_noun_settled = TABLE(settled, settled);

static const struct field artifact[] = {
    HASH(artifact, hash),
    UINT(artifact, bytes, LIMIT_ARTIFACT),
    UINT(artifact, kind, ARTIFACT_KINDS - 1),
    TEXT(artifact, name, MAX_NAME),
    HASH(artifact, of),
    HASH(artifact, base),
};
const struct field_table codec_noun_artifact = TABLE(artifact, artifact);

static const struct field scorer[] = {
    UINT(scorer, id, MAX_SCORERS),
    HASH(scorer, hash),
    TEXT(scorer, name, MAX_NAME),
    UINT(scorer, kind, SCORER_KINDS - 1),
    UINT(scorer, unit, UNIT_PAIR),
    BOOL(scorer, pure),
    BOOL(scorer, needs_text),
    BOOL(scorer, per_token),
    HASH(scorer, card),
    HASH(scorer, image),
    TEXT(scorer, spec, MAX_JSON),
    UINT(scorer, timeout_ms, LIMIT_MS),
};
const struct field_table codec_noun_scorer = TABLE(scorer, scorer);

static const struct field decoding[] = {
    REAL(decoding, temperature),
    REAL(decoding, top_p),
    REAL(decoding, min_p),
    UINT(decoding, top_k, LIMIT_TOP_K),
    UINT(decoding, max_new, MAX_TOKENS),
    COLUMN(decoding, stop, n_stop, MAX_STOPS, codec_noun_i32),
    TEXTS(decoding, stop_text, n_stop_text, MAX_STOPS),
};
static const struct field_table decoding_table = TABLE(decoding, decoding);

static const struct field earlier[] = {
    COLUMN(earlier, each, n_each, MAX_EARLIER, codec_noun_u32),
    COLUMN(earlier, token, n_token, MAX_EARLIER_TOKENS, codec_noun_i32),
    BESIDE(earlier, share, n_token, MAX_EARLIER_TOKENS, codec_noun_u8),
};
static const struct field_table earlier_table = TABLE(earlier, earlier);

static const struct field task[] = {
    HEAD_TASK(task, id, LIMIT_TASK),
    ANY64(task, seed),
    UINT(task, samples, MAX_SAMPLES),
    COLUMN(task, prompt, n_prompt, MAX_TOKENS, codec_noun_i32),
    MAP(task, decoding, decoding_table),
    VERSION(task, version),
    KEYED32(task, table, "scorers"),
    COLUMN(task, tail, n_tail, MAX_HOLD, codec_noun_i32),
    TEXT(task, prompt_text, MAX_TEXT),
    TEXT(task, meta, MAX_JSON),
    MAP(task, earlier, earlier_table),
};
const struct field_table codec_noun_task = TABLE(task, task);

static const struct field rollout[] = {
    HEAD_TASK(rollout, task, LIMIT_TASK),
    HEAD_SAMPLE(rollout, sample),
    HASH(rollout, hash),
    UINT(rollout, end, ROLLOUT_STOP_TEXT),
    COLUMN(rollout, token, n_token, MAX_TOKENS, codec_noun_i32),
    BESIDE(rollout, logprob, n_token, MAX_TOKENS, codec_noun_f32),
    COLUMN(rollout, mask, n_mask, MAX_TOKENS / 8, codec_noun_u8),
    COLUMN(rollout, span, n_span, MAX_SPANS, codec_noun_span),
    TEXT(rollout, text, MAX_TEXT),
};
const struct field_table codec_noun_rollout = TABLE(rollout, rollout);

static const struct field writer[] = {
    ID(writer, peer),
    HASH(writer, key),
    TEXT(writer, address, MAX_NAME),
    TEXT(writer, name, MAX_NAME),
    TEXT(writer, build, MAX_NAME),
};
const struct field_table codec_noun_writer = TABLE(writer, writer);

static const struct field score[] = {
    HASH(score, scorer),
    COLUMN(score, rollout, n_rollout, MAX_SAMPLES, codec_noun_hash),
    BESIDE(score, each, n_rollout, MAX_SAMPLES, codec_noun_u32),
    COLUMN(score, value, n_value, MAX_TOKENS, any_f32),
    TEXT(score, diagnostics, MAX_JSON),
};
const struct field_table codec_noun_score = TABLE(score, score);
