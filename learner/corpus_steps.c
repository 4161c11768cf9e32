#include "learner/corpus_steps.h"

#include "base/mem.h"
#include "data/kind.h"

#include <stdlib.h>
#include <string.h>

/* Tokens in the making, with a target each. */
struct line {
    int *ids;
    float *target;
    size_t n, room;
};

static void put(struct line *line, const int *ids, size_t n)
{
    if (line->n + n > line->room) {
        line->room = 2 * (line->n + n) + 64;
        line->ids = mem_grow(line->ids, line->room, sizeof(*line->ids));
        line->target = mem_grow(line->target, line->room, sizeof(*line->target));
    }
    memcpy(line->ids + line->n, ids, n * sizeof(*ids));
    for (size_t i = 0; i < n; i++)
        line->target[line->n + i] = -1;
    line->n += n;
}

static enum err put_text(struct line *line, const struct encode *encode, const char *text,
                         size_t bytes)
{
    int *ids = NULL;
    size_t n = 0;
    const enum err err = tokenizer_encode(encode->tokenizer, text, bytes, true, &ids, &n);

    if (!err)
        put(line, ids, n);
    free(ids);
    return err;
}

/* Keeps the first or the last `limit` tokens. */
static void keep_last(struct line *line, int limit)
{
    const size_t cut = limit && line->n > (size_t)limit ? line->n - (size_t)limit : 0;

    line->n -= cut;
    memmove(line->ids, line->ids + cut, line->n * sizeof(*line->ids));
}

static void keep_first(struct line *line, int limit)
{
    if (limit && line->n > (size_t)limit)
        line->n = (size_t)limit;
}

static enum err put_prompt(struct line *line, const json_t *prompt, const struct encode *encode,
                           const struct corpus_steps_rule *rule)
{
    char *text = NULL;
    size_t n = 0;
    enum err err;

    if (!prompt)
        return err_set(ERR_PARSE, "'prompt' is missing");
    err = encode_text(encode, prompt, NULL, true, &text, &n);
    if (err)
        return err_add("'prompt'");
    if (rule->bos >= 0)
        put(line, &rule->bos, 1);
    err = put_text(line, encode, text, n);
    free(text);
    keep_last(line, rule->max_prompt);
    return err;
}

static enum err label_of(float *out, const json_t *label, size_t i)
{
    *out = 2;
    if (!label || json_is_null(label))
        return OK;
    if (json_is_boolean(label))
        *out = json_is_true(label) ? 1 : 0;
    else if (json_is_number(label) && json_number_value(label) >= 0 &&
             json_number_value(label) <= 1)
        *out = (float)json_number_value(label);
    else
        return err_set(ERR_PARSE,
                       "'labels'[%zu]: expected true, false, null or a number in [0, 1]", i);
    return OK;
}

static enum err put_steps(struct line *line, const json_t *steps, const json_t *labels,
                          const struct encode *encode, const struct corpus_steps_rule *rule)
{
    const size_t n = json_array_size(steps);
    bool wrong = false;
    enum err err = OK;

    for (size_t i = 0; i < n && !err; i++) {
        const json_t *step = json_array_get(steps, i);
        const size_t before = line->n;
        float label;
        if (!json_string_length(step))
            return err_set(ERR_PARSE, "'completions'[%zu] is empty or not a string", i);
        err = label_of(&label, json_array_get(labels, i), i);
        if (!err)
            err = put_text(line, encode, json_string_value(step), json_string_length(step));
        if (!err)
            err = put_text(line, encode, rule->separator, strlen(rule->separator));
        if (err)
            break;
        if (line->n == before)
            return err_set(ERR_PARSE, "'completions'[%zu] has no token", i);
        if ((rule->last_only && i + 1 < n) || (rule->first_error && wrong))
            label = 2;
        wrong = wrong || label < .5f;
        line->target[line->n - 1] = label;
    }
    keep_first(line, rule->max_completion);
    return err;
}

enum err corpus_steps_encode(struct corpus_steps *out, const json_t *row,
                             const struct encode *encode, const struct corpus_steps_rule *rule)
{
    const json_t *steps = json_object_get(row, "completions");
    const json_t *labels = json_object_get(row, "labels");
    struct line prompt = {0}, line = {0};
    enum err err = OK;

    *out = (struct corpus_steps){0};
    if (!json_is_array(steps) || !json_array_size(steps))
        err = err_set(ERR_PARSE, "'completions' is missing or not a list of steps");
    else if (labels && json_array_size(labels) != json_array_size(steps))
        err = err_set(ERR_PARSE, "'labels': %zu of them for %zu steps", json_array_size(labels),
                      json_array_size(steps));
    if (!err)
        err = put_prompt(&prompt, json_object_get(row, "prompt"), encode, rule);
    if (!err)
        err = put_steps(&line, steps, labels, encode, rule);
    if (!err) {
        out->prompt = (int)prompt.n;
        put(&prompt, line.ids, line.n);
        memcpy(prompt.target + out->prompt, line.target, line.n * sizeof(*line.target));
        keep_first(&prompt, rule->max_length);
        out->ids = prompt.ids;
        out->target = prompt.target;
        out->n = (int)prompt.n;
    } else {
        free(prompt.ids);
        free(prompt.target);
    }
    free(line.ids);
    free(line.target);
    return err;
}

void corpus_steps_free(struct corpus_steps *steps)
{
    free(steps->ids);
    free(steps->target);
    *steps = (struct corpus_steps){0};
}

/* ---- a data set ---- */

/* Records of one prompt share a number: that of the first of them. */
static uint32_t owner_of(json_t *known, const json_t *prompt, size_t record)
{
    char name[HASH_TEXT];
    const struct hash hash = kind_hash(prompt);
    const json_t *first;

    hash_text(name, &hash);
    first = json_object_get(known, name);
    if (first)
        return (uint32_t)json_integer_value(first);
    json_object_set_new(known, name, json_integer((json_int_t)record));
    return (uint32_t)record;
}

/* target and owner grow with the corpus' own arrays. */
static enum err follow(struct corpus *c, size_t records, size_t tokens)
{
    if (c->room_records != records)
        c->owner = mem_grow(c->owner, c->room_records, sizeof(*c->owner));
    if (c->room_tokens != tokens) {
        float *target = realloc(c->target, c->room_tokens * sizeof(*target));
        if (!target)
            return err_set(ERR_NOMEM, "no memory for %zu tokens of the data set",
                           c->room_tokens);
        c->target = target;
    }
    return OK;
}

static enum err add(struct corpus *c, const struct corpus_steps *s, json_t *known,
                    const json_t *prompt)
{
    const size_t records = c->room_records, tokens = c->room_tokens;
    uint8_t *learn = mem_new((size_t)s->n + 1, 1);
    bool any = false;
    enum err err = OK;

    for (int i = 0; i < s->n; i++) {
        learn[i] = s->target[i] >= 0 && s->target[i] <= 1;
        any = any || learn[i];
    }
    if (!any) {
        c->dropped++;
    } else {
        err = corpus_append(c, 0, s->ids, (size_t)s->n, learn, true);
        if (!err)
            err = follow(c, records, tokens);
        if (!err) {
            memcpy(c->target + c->seq[c->n], s->target, (size_t)s->n * sizeof(*s->target));
            c->owner[c->n] = owner_of(known, prompt, c->n);
            corpus_close(c);
        }
    }
    free(learn);
    return err;
}

static enum err fill(struct corpus *c, const struct dataset *set,
                     const struct corpus_rule *rule, const struct corpus_steps_rule *how)
{
    json_t *known = json_object();
    enum err err = OK;

    for (size_t i = 0; i < set->n && !err; i++) {
        const json_t *row = set->row[i].object;
        struct corpus_steps steps;
        err = corpus_steps_encode(&steps, row, &rule->encode, how);
        if (!err)
            err = add(c, &steps, known, json_object_get(row, "prompt"));
        corpus_steps_free(&steps);
        if (err == ERR_PARSE && !rule->strict) {
            c->skipped++;
            err = OK;
        } else if (err) {
            err = dataset_at(set, i);
        }
    }
    json_decref(known);
    return err;
}

enum err corpus_steps(struct corpus **out, const struct dataset *set,
                      const struct corpus_rule *rule, const char *what)
{
    struct corpus_steps_rule how = *rule->steps;
    struct corpus *c = mem_new(1, sizeof(*c));
    enum err err;

    *out = NULL;
    c->group = 1;
    how.max_length = rule->max_length;
    how.bos = rule->bos;
    if (strcmp(what, "training") != 0)
        how.last_only = false; /* TRL evaluates every step */
    err = fill(c, set, rule, &how);
    c->skipped += set->skipped;
    if (!err && !c->n)
        err = corpus_empty(c, set, rule, what);
    if (!err)
        corpus_trim(c);
    if (err)
        corpus_free(c);
    else
        *out = c;
    return err;
}
