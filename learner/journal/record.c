#include "learner/journal/record.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static uint8_t *room(struct record *to, size_t n)
{
    if (to->room - to->n < n) {
        to->room = 2 * to->room + n;
        to->byte = mem_grow(to->byte, to->room, 1);
    }
    to->n += n;
    return to->byte + to->n - n;
}

static void put_u32(struct record *to, uint32_t value)
{
    uint8_t *const at = room(to, 4);

    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static void put_u64(struct record *to, uint64_t value)
{
    put_u32(to, (uint32_t)value);
    put_u32(to, (uint32_t)(value >> 32));
}

static void put_f32(struct record *to, float value)
{
    uint32_t bits;

    memcpy(&bits, &value, 4);
    put_u32(to, bits);
}

static void put_bytes(struct record *to, const void *from, size_t n)
{
    uint8_t *const at = room(to, n);

    if (n)
        memcpy(at, from, n);
}

static void put_hash(struct record *to, const struct hash *hash)
{
    put_bytes(to, hash->byte, HASH_BYTES);
}

static void put_text(struct record *to, const char *text)
{
    put_u32(to, (uint32_t)strlen(text));
    put_bytes(to, text, strlen(text));
}

struct reader {
    const uint8_t *at, *end;
    bool bad; /* something was missing: all later reads give 0 */
};

static const uint8_t *take(struct reader *from, size_t n)
{
    if (from->bad || (size_t)(from->end - from->at) < n) {
        from->bad = true;
        return NULL;
    }
    from->at += n;
    return from->at - n;
}

static uint32_t get_u32(struct reader *from)
{
    const uint8_t *const at = take(from, 4);

    return at ? (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
                    (uint32_t)at[3] << 24
              : 0;
}

static uint64_t get_u64(struct reader *from)
{
    const uint64_t low = get_u32(from);

    return low | (uint64_t)get_u32(from) << 32;
}

static float get_f32(struct reader *from)
{
    const uint32_t bits = get_u32(from);
    float value;

    memcpy(&value, &bits, 4);
    return value;
}

static void get_bytes(struct reader *from, void *to, size_t n)
{
    const uint8_t *const at = take(from, n);

    if (at)
        memcpy(to, at, n);
}

static struct hash get_hash(struct reader *from)
{
    struct hash hash = {{0}};

    get_bytes(from, hash.byte, HASH_BYTES);
    return hash;
}

/* A count of things of at least `size` bytes each: never more than the bytes that are left. */
static uint32_t get_count(struct reader *from, size_t size)
{
    const uint32_t n = get_u32(from);

    if (n > (size_t)(from->end - from->at) / size)
        from->bad = true;
    return from->bad ? 0 : n;
}

static char *get_text(struct reader *from)
{
    const uint32_t length = get_count(from, 1);
    char *text = mem_new((size_t)length + 1, 1);

    get_bytes(from, text, length);
    return text;
}

static enum err finish(const struct reader *from, const char *what)
{
    if (from->bad)
        return err_set(ERR_PARSE, "%s record: cut short", what);
    if (from->at != from->end)
        return err_set(ERR_PARSE, "%s record: bytes left over", what);
    return OK;
}

void record_fini(struct record *record)
{
    free(record->byte);
    memset(record, 0, sizeof *record);
}

void record_put_start(struct record *to, const struct record_start *start)
{
    to->n = 0;
    put_u64(to, start->epoch);
    put_bytes(to, start->run.byte, ID_BYTES);
    put_u64(to, start->seed);
    put_u64(to, start->before);
    put_u64(to, start->train);
    put_u64(to, start->after);
    put_u64(to, start->batch);
}

enum err record_get_start(struct record_start *out, const uint8_t *from, size_t n)
{
    struct reader reader = {from, from + n, false};

    out->epoch = get_u64(&reader);
    get_bytes(&reader, out->run.byte, ID_BYTES);
    out->seed = get_u64(&reader);
    out->before = get_u64(&reader);
    out->train = get_u64(&reader);
    out->after = get_u64(&reader);
    out->batch = get_u64(&reader);
    return finish(&reader, "START");
}

static void put_writer(struct record *to, const struct record_writer *writer)
{
    put_bytes(to, writer->peer.byte, ID_BYTES);
    put_hash(to, &writer->key);
    put_text(to, writer->address ? writer->address : "");
    put_text(to, writer->name ? writer->name : "");
    put_text(to, writer->build ? writer->build : "");
}

void record_put_sample(struct record *to, const struct record_sample *sample)
{
    to->n = 0;
    put_u64(to, sample->task);
    put_u32(to, sample->sample);
    put_u32(to, sample->attempts);
    put_hash(to, &sample->hash);
    put_u32(to, sample->end);
    put_u32(to, sample->n);
    for (uint32_t i = 0; i < sample->n; i++)
        put_u32(to, (uint32_t)sample->token[i]);
    for (uint32_t i = 0; i < sample->n; i++)
        put_f32(to, sample->logprob[i]);
    put_bytes(to, sample->mask, sample->n);
    put_u32(to, sample->spans);
    for (uint32_t i = 0; i < sample->spans; i++) {
        put_u32(to, sample->span[i].start);
        put_u64(to, sample->span[i].version.number);
        put_hash(to, &sample->span[i].version.hash);
    }
    put_u32(to, sample->scores);
    for (uint32_t i = 0; i < sample->scores; i++) {
        put_hash(to, &sample->score[i].scorer);
        put_u32(to, sample->score[i].n);
        for (uint32_t k = 0; k < sample->score[i].n; k++)
            put_f32(to, sample->score[i].value[k]);
    }
    put_writer(to, &sample->writer);
    for (uint32_t i = 0; i < sample->scores; i++)
        put_writer(to, &sample->score[i].writer);
}

static void get_writer(struct reader *from, struct record_writer *out)
{
    get_bytes(from, out->peer.byte, ID_BYTES);
    out->key = get_hash(from);
    out->address = get_text(from);
    out->name = get_text(from);
    out->build = get_text(from);
}

static void get_scores(struct reader *from, struct record_sample *out)
{
    out->scores = get_count(from, HASH_BYTES + 4);
    out->score = mem_new(out->scores, sizeof *out->score);
    for (uint32_t i = 0; i < out->scores; i++) {
        struct record_score *const score = &out->score[i];
        score->scorer = get_hash(from);
        score->n = get_count(from, 4);
        score->value = mem_new(score->n, sizeof *score->value);
        for (uint32_t k = 0; k < score->n; k++)
            score->value[k] = get_f32(from);
    }
}

enum err record_get_sample(struct record_sample *out, const uint8_t *from, size_t n)
{
    struct reader reader = {from, from + n, false};

    memset(out, 0, sizeof *out);
    out->task = get_u64(&reader);
    out->sample = get_u32(&reader);
    out->attempts = get_u32(&reader);
    out->hash = get_hash(&reader);
    out->end = get_u32(&reader);
    out->n = get_count(&reader, 9);
    out->token = mem_new(out->n, sizeof *out->token);
    out->logprob = mem_new(out->n, sizeof *out->logprob);
    out->mask = mem_new(out->n, 1);
    for (uint32_t i = 0; i < out->n; i++)
        out->token[i] = (int32_t)get_u32(&reader);
    for (uint32_t i = 0; i < out->n; i++)
        out->logprob[i] = get_f32(&reader);
    get_bytes(&reader, out->mask, out->n);
    out->spans = get_count(&reader, 12 + HASH_BYTES);
    out->span = mem_new(out->spans, sizeof *out->span);
    for (uint32_t i = 0; i < out->spans; i++) {
        out->span[i].start = get_u32(&reader);
        out->span[i].version.number = get_u64(&reader);
        out->span[i].version.hash = get_hash(&reader);
    }
    get_scores(&reader, out);
    if (reader.at != reader.end) { /* else of version 1: nobody noted who wrote it */
        get_writer(&reader, &out->writer);
        for (uint32_t i = 0; i < out->scores; i++)
            get_writer(&reader, &out->score[i].writer);
    }
    const enum err err = finish(&reader, "SAMPLE");
    if (err)
        record_sample_fini(out);
    return err;
}

void record_sample_fini(struct record_sample *sample)
{
    for (uint32_t i = 0; i < sample->scores; i++) {
        free(sample->score[i].value);
        record_writer_fini(&sample->score[i].writer);
    }
    record_writer_fini(&sample->writer);
    free(sample->score);
    free(sample->span);
    free(sample->mask);
    free(sample->logprob);
    free(sample->token);
    memset(sample, 0, sizeof *sample);
}

void record_put_step(struct record *to, const struct record_step *step)
{
    to->n = 0;
    put_u64(to, step->iteration);
    put_u32(to, step->samples);
    for (uint32_t i = 0; i < step->samples; i++) {
        put_u64(to, step->sample[i].task);
        put_u32(to, step->sample[i].sample);
    }
    put_u32(to, step->drops);
    for (uint32_t i = 0; i < step->drops; i++) {
        put_u64(to, step->drop[i].task);
        put_u32(to, step->drop[i].sample);
        put_u32(to, step->drop[i].reason);
    }
    put_u64(to, step->next.number);
    put_hash(to, &step->next.hash);
}

enum err record_get_step(struct record_step *out, const uint8_t *from, size_t n)
{
    struct reader reader = {from, from + n, false};

    memset(out, 0, sizeof *out);
    out->iteration = get_u64(&reader);
    out->samples = get_count(&reader, 12);
    out->sample = mem_new(out->samples, sizeof *out->sample);
    for (uint32_t i = 0; i < out->samples; i++) {
        out->sample[i].task = get_u64(&reader);
        out->sample[i].sample = get_u32(&reader);
    }
    out->drops = get_count(&reader, 16);
    out->drop = mem_new(out->drops, sizeof *out->drop);
    for (uint32_t i = 0; i < out->drops; i++) {
        out->drop[i].task = get_u64(&reader);
        out->drop[i].sample = get_u32(&reader);
        out->drop[i].reason = get_u32(&reader);
    }
    out->next.number = get_u64(&reader);
    out->next.hash = get_hash(&reader);
    const enum err err = finish(&reader, "STEP");
    if (err)
        record_step_fini(out);
    return err;
}

void record_step_fini(struct record_step *step)
{
    free(step->sample);
    free(step->drop);
    memset(step, 0, sizeof *step);
}

void record_put_attempt(struct record *to, const struct record_attempt *attempt)
{
    to->n = 0;
    put_u64(to, attempt->task);
    put_u32(to, attempt->sample);
    put_u32(to, attempt->attempts);
    put_text(to, attempt->who);
    put_text(to, attempt->reason);
}

enum err record_get_attempt(struct record_attempt *out, const uint8_t *from, size_t n)
{
    struct reader reader = {from, from + n, false};

    memset(out, 0, sizeof *out);
    out->task = get_u64(&reader);
    out->sample = get_u32(&reader);
    out->attempts = get_u32(&reader);
    out->who = get_text(&reader);
    out->reason = get_text(&reader);
    const enum err err = finish(&reader, "ATTEMPT");
    if (err)
        record_attempt_fini(out);
    return err;
}

void record_attempt_fini(struct record_attempt *attempt)
{
    free(attempt->who);
    free(attempt->reason);
    memset(attempt, 0, sizeof *attempt);
}

void record_put_refused(struct record *to, const struct record_refused *refused)
{
    to->n = 0;
    put_u64(to, refused->task);
    put_u32(to, refused->sample);
    put_u32(to, refused->reason);
    put_hash(to, &refused->hash);
    put_hash(to, &refused->scorer);
    put_writer(to, &refused->writer);
    put_text(to, refused->words ? refused->words : "");
}

enum err record_get_refused(struct record_refused *out, const uint8_t *from, size_t n)
{
    struct reader reader = {from, from + n, false};
    enum err err;

    memset(out, 0, sizeof *out);
    out->task = get_u64(&reader);
    out->sample = get_u32(&reader);
    out->reason = get_u32(&reader);
    out->hash = get_hash(&reader);
    out->scorer = get_hash(&reader);
    get_writer(&reader, &out->writer);
    out->words = get_text(&reader);
    err = finish(&reader, "REFUSED");
    if (!err && (out->reason < RECORD_UNTAKEN || out->reason > RECORD_GROUP))
        err = err_set(ERR_PARSE, "REFUSED record: reason %u", (unsigned)out->reason);
    if (err)
        record_refused_fini(out);
    return err;
}

void record_refused_fini(struct record_refused *refused)
{
    record_writer_fini(&refused->writer);
    free(refused->words);
    memset(refused, 0, sizeof *refused);
}

void record_put_end(struct record *to, const struct record_end *end)
{
    to->n = 0;
    put_u64(to, end->version.number);
    put_hash(to, &end->version.hash);
    put_hash(to, &end->weights);
}

enum err record_get_end(struct record_end *out, const uint8_t *from, size_t n)
{
    struct reader reader = {from, from + n, false};

    out->version.number = get_u64(&reader);
    out->version.hash = get_hash(&reader);
    out->weights = get_hash(&reader);
    return finish(&reader, "END");
}

const float *record_score(const struct record_sample *sample, const struct hash *scorer,
                          uint32_t *n)
{
    for (uint32_t i = 0; i < sample->scores; i++) {
        if (hash_same(&sample->score[i].scorer, scorer)) {
            *n = sample->score[i].n;
            return sample->score[i].value;
        }
    }
    *n = 0;
    return NULL;
}
