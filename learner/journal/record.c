/* One table a kind of record, and one row that names it: writing, reading and freeing follow from it
 * (record_fields.c). A new kind is its number and struct in record.h, and a table and a row here;
 * what it does to the ledger is a row of ledger_kinds.c. The order of the fields is the order of
 * the bytes, and a journal is read by every later program: fields are only added behind a
 * RECORD_LATER, and no number is used again. */

#include "learner/journal/record.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define U32(s, m) RECORD_U32, offsetof(struct s, m), 0, 4, NULL
#define U64(s, m) RECORD_U64, offsetof(struct s, m), 0, 8, NULL
#define BYTES(s, m) RECORD_BYTES, offsetof(struct s, m), 0, sizeof(((struct s *)0)->m), NULL
#define TEXT(s, m) RECORD_TEXT, offsetof(struct s, m), 0, 0, NULL
#define INSIDE(s, m, t) RECORD_STRUCT, offsetof(struct s, m), 0, 0, &(t)
#define COUNT(s, c) RECORD_COUNT, offsetof(struct s, c), 0, 4, NULL
#define COLUMN(s, m, c) \
    RECORD_COLUMN, offsetof(struct s, m), offsetof(struct s, c), sizeof(*((struct s *)0)->m), \
        NULL
#define LIST(s, m, c, t) RECORD_LIST, offsetof(struct s, m), offsetof(struct s, c), 0, &(t)
#define EACH(s, m, c, t) RECORD_EACH, offsetof(struct s, m), offsetof(struct s, c), 0, &(t)
#define LATER RECORD_LATER, 0, 0, 0, NULL
#define TABLE(s, rows) sizeof(struct s), rows, (int)(sizeof(rows) / sizeof(rows)[0])

/* ---- what is inside others */

static const struct record_field version_fields[] = {
    {U64(version, number)},
    {BYTES(version, hash)},
};
static const struct record_table version = {TABLE(version, version_fields)};

static const struct record_field writer_fields[] = {
    {BYTES(record_writer, peer)}, {BYTES(record_writer, key)},  {TEXT(record_writer, address)},
    {TEXT(record_writer, name)},  {TEXT(record_writer, build)},
};
static const struct record_table writer = {TABLE(record_writer, writer_fields)};

static const struct record_field span_fields[] = {
    {U32(span, start)},
    {INSIDE(span, version, version)},
};
static const struct record_table span = {TABLE(span, span_fields)};

static const struct record_field score_fields[] = {
    {BYTES(record_score, scorer)},
    {COUNT(record_score, n_value)},
    {COLUMN(record_score, value, n_value)},
};
static const struct record_table score = {TABLE(record_score, score_fields)};
static const struct record_field score_writer_fields[] = {
    {INSIDE(record_score, writer, writer)},
};
static const struct record_table score_writer = {TABLE(record_score, score_writer_fields)};

static const struct record_field sample_name_fields[] = {
    {U64(record_name, task)},
    {U32(record_name, sample)},
};
static const struct record_table sample_name = {TABLE(record_name, sample_name_fields)};
static const struct record_field drop_fields[] = {
    {U64(record_name, task)},
    {U32(record_name, sample)},
    {U32(record_name, reason)},
};
static const struct record_table drop = {TABLE(record_name, drop_fields)};

/* ---- the kinds */

/* The plan stands here too: a journal that is read under another plan is refused. */
static const struct record_field start[] = {
    {U64(record_start, epoch)},  {BYTES(record_start, run)}, {U64(record_start, seed)},
    {U64(record_start, before)}, {U64(record_start, train)}, {U64(record_start, after)},
    {U64(record_start, batch)},
};

static const struct record_field sample[] = {
    {U64(record_sample, task)},
    {U32(record_sample, sample)},
    {U32(record_sample, attempts)},
    {BYTES(record_sample, hash)},
    {U32(record_sample, end)},
    {COUNT(record_sample, n_token)},
    {COLUMN(record_sample, token, n_token)},
    {COLUMN(record_sample, logprob, n_token)},
    {COLUMN(record_sample, mask, n_token)},
    {LIST(record_sample, span, n_span, span)},
    {LIST(record_sample, score, n_score, score)},
    {LATER}, /* in version 1 nobody noted who wrote it */
    {INSIDE(record_sample, writer, writer)},
    {EACH(record_sample, score, n_score, score_writer)},
};

/* Names alone: what they name stands before it. */
static const struct record_field step[] = {
    {U64(record_step, iteration)},
    {LIST(record_step, sample, n_sample, sample_name)},
    {LIST(record_step, drop, n_drop, drop)},
    {INSIDE(record_step, next, version)},
};

static const struct record_field attempt[] = {
    {U64(record_attempt, task)},     {U32(record_attempt, sample)},
    {U32(record_attempt, attempts)}, {TEXT(record_attempt, who)},
    {TEXT(record_attempt, reason)},
};

static const struct record_field end[] = {
    {INSIDE(record_end, version, version)},
    {BYTES(record_end, weights)},
};

/* `words` are for people; what decides is `reason`, and the hash, which must be that of the answer
 * that is there. */
static const struct record_field refused[] = {
    {U64(record_refused, task)},     {U32(record_refused, sample)},
    {U32(record_refused, reason)},   {BYTES(record_refused, hash)},
    {BYTES(record_refused, scorer)}, {INSIDE(record_refused, writer, writer)},
    {TEXT(record_refused, words)},
};

static enum err check_refused(const void *what)
{
    const struct record_refused *const r = what;

    return r->reason >= RECORD_UNTAKEN && r->reason <= RECORD_GROUP
               ? OK
               : err_set(ERR_PARSE, "REFUSED record: reason %u", (unsigned)r->reason);
}

static const struct record_field pair_fields[] = {
    {U64(record_pair, task)},     {U32(record_pair, a)},
    {U32(record_pair, b)},        {BYTES(record_pair, hash_a)},
    {BYTES(record_pair, hash_b)}, {INSIDE(record_pair, version, version)},
};
static const struct record_table pair = {TABLE(record_pair, pair_fields)};
static const struct record_field exported[] = {
    {U64(record_exported, iteration)},
    {LIST(record_exported, pair, n_pair, pair)},
};

static const struct record_field judged[] = {
    {BYTES(record_judged, id)},       {BYTES(record_judged, pair)},
    {U32(record_judged, verdict)},    {BYTES(record_judged, undo)},
    {TEXT(record_judged, annotator)},
};

static const struct record_field judgement_fields[] = {
    {BYTES(record_judgement, pair)},
    {BYTES(record_judgement, id)},
};
static const struct record_table judgement = {TABLE(record_judgement, judgement_fields)};
static const struct record_field people[] = {
    {U64(record_people, iteration)},
    {LIST(record_people, judgement, n_judgement, judgement)},
    {U64(record_people, counts.exported)},
    {U64(record_people, counts.judged)},
    {U64(record_people, counts.trained)},
    {U64(record_people, counts.too_old)},
    {U64(record_people, counts.unknown)},
    {U64(record_people, counts.waiting)},
    {U64(record_people, counts.taken_back)},
};

static const struct record_field refreshed[] = {
    {U64(record_refreshed, iteration)},
    {U64(record_refreshed, judgements)},
    {BYTES(record_refreshed, image)},
    {U64(record_refreshed, bytes)},
};

static const struct record_kind_row {
    const char *name;
    struct record_table table;
    enum err (*check)(const void *what); /* what fields cannot say; NULL: nothing */
} rows[JOURNAL_TYPES] = {
    [JOURNAL_START] = {"START", {TABLE(record_start, start)}, NULL},
    [JOURNAL_SAMPLE] = {"SAMPLE", {TABLE(record_sample, sample)}, NULL},
    [JOURNAL_STEP] = {"STEP", {TABLE(record_step, step)}, NULL},
    [JOURNAL_ATTEMPT] = {"ATTEMPT", {TABLE(record_attempt, attempt)}, NULL},
    [JOURNAL_END] = {"END", {TABLE(record_end, end)}, NULL},
    [JOURNAL_REFUSED] = {"REFUSED", {TABLE(record_refused, refused)}, check_refused},
    [JOURNAL_HALT] = {"HALT", {TABLE(record_step, step)}, NULL},
    [JOURNAL_EXPORTED] = {"EXPORTED", {TABLE(record_exported, exported)}, NULL},
    [JOURNAL_JUDGED] = {"JUDGED", {TABLE(record_judged, judged)}, NULL},
    [JOURNAL_PEOPLE] = {"PEOPLE", {TABLE(record_people, people)}, NULL},
    [JOURNAL_REFRESHED] = {"REFRESHED", {TABLE(record_refreshed, refreshed)}, NULL},
};

/* ---- the verbs */

static const struct record_kind_row *row_of(enum journal_type type)
{
    return type < JOURNAL_TYPES && rows[type].name ? &rows[type] : NULL;
}

const char *record_type_name(enum journal_type type)
{
    const struct record_kind_row *const row = row_of(type);

    return row ? row->name : NULL;
}

void record_write(struct record_bytes *to, enum journal_type type, const void *what)
{
    to->n = 0;
    record_fields_write(to, &rows[type].table, what);
}

enum err record_read(void *out, enum journal_type type, const uint8_t *from, size_t n)
{
    const struct record_kind_row *const row = row_of(type);
    enum err err;

    if (!row)
        return err_set(ERR_PARSE, "a record of type %d", (int)type);
    err = record_fields_read(out, &row->table, from, n, row->name);
    if (!err && row->check)
        err = row->check(out);
    if (err)
        record_fini(type, out);
    return err;
}

void record_fini(enum journal_type type, void *what)
{
    record_fields_fini(what, &rows[type].table);
}

enum err record_new(void **out, enum journal_type type, const uint8_t *from, size_t n)
{
    const struct record_kind_row *const row = row_of(type);
    void *const what = mem_new(1, row ? row->table.size : 1);
    const enum err err = record_read(what, type, from, n);

    *out = err ? NULL : what;
    if (err)
        free(what);
    return err;
}

void record_free(enum journal_type type, void *what)
{
    if (what)
        record_fini(type, what);
    free(what);
}

const float *record_score(const struct record_sample *s, const struct hash *scorer, uint32_t *n)
{
    for (uint32_t i = 0; i < s->n_score; i++) {
        if (hash_same(&s->score[i].scorer, scorer)) {
            *n = s->score[i].n_value;
            return s->score[i].value;
        }
    }
    *n = 0;
    return NULL;
}
