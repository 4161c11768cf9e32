/* Fields of the messages about people, in the order of docs/PROTOCOL.md §3.2, which a test
 * compares with these tables. */

#include "proto/codec_table.h"

static const struct field answer[] = {
    UINT(msg_answer, sample, MAX_SAMPLES - 1),
    HASH(msg_answer, hash),
    TEXT(msg_answer, text, MAX_SHOWN),
};
const struct field_table codec_people_answer = TABLE(msg_answer, answer);

static const struct field export[] = {
    ID(msg_export, pair),
    HEAD_TASK(msg_export, task, LIMIT_TASK),
    UINT(msg_export, iteration, LIMIT_VERSION),
    VERSION(msg_export, version),
    UINT(msg_export, max_age, LIMIT_SHOWN),
    BOOL(msg_export, chat),
    TEXT(msg_export, prompt, MAX_SHOWN),
    MAP(msg_export, a, codec_people_answer),
    MAP(msg_export, b, codec_people_answer),
};
const struct field_table codec_people_export = TABLE(msg_export, export);

static const struct field export_ok[] = {
    COLUMN(msg_export_ok, pair, n_pair, MAX_PAIRS, codec_noun_id),
};
const struct field_table codec_people_export_ok = TABLE(msg_export_ok, export_ok);

static const struct field judgement[] = {
    ID(msg_judgement, id),
    ID(msg_judgement, pair),
    HASH(msg_judgement, a),
    HASH(msg_judgement, b),
    UINT(msg_judgement, verdict, VERDICT_BOTH_BAD),
    ID(msg_judgement, undo),
    TEXT(msg_judgement, annotator, MAX_NAME),
};
const struct field_table codec_people_judgement = TABLE(msg_judgement, judgement);

static const struct field_row judged_answer = {4, 1, {{CELL_32, 0, JUDGED_ANSWERS - 1}}};

static const struct field judged[] = {
    COLUMN(msg_judged, id, n_id, MAX_PAIRS, codec_noun_id),
    BESIDE(msg_judged, answer, n_id, MAX_PAIRS, judged_answer),
};
const struct field_table codec_people_judged = TABLE(msg_judged, judged);
