/* Solutions in steps, for process reward models: one sequence a record, with a target where a
 * step ends and nothing elsewhere. The texts become tokens in lm/text/steps; here they are only
 * appended. Two arrays follow the corpus' own as those grow: target by token, owner by record.
 * The owner is the first record with the same prompt: figures of an evaluation are uncertain by
 * whole problems, not by steps. */
#include "learner/corpus/corpus_steps.h"

#include "base/mem.h"
#include "base/spool.h"
#include "data/example.h"
#include "data/record_kind.h"
#include "data/record_text.h"

#include <stdlib.h>
#include <string.h>

/* Records of one prompt share a number: that of the first of them. */
static uint32_t owner_of(json_t *known, const json_t *prompt, size_t record)
{
    char name[HASH_TEXT];
    const struct hash hash = record_text_hash(prompt);
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
    /* corpus_append has just made room: the same room is needed here. */
    if (c->room_records != records)
        c->owner = mem_grow(c->owner, c->room_records, sizeof(*c->owner));
    return c->room_tokens == tokens
               ? OK
               : spool_room(c->targets, c->room_tokens * sizeof(*c->target), &c->target);
}

static enum err add(struct corpus *c, const struct steps *s, json_t *known,
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
                     const struct corpus_rule *rule, const struct steps_rule *how)
{
    static const char *const read[] = {"prompt", "completions", "labels", NULL};
    json_t *known = json_object();
    enum err err = OK;

    for (size_t i = 0; i < set->n && !err; i++) {
        struct steps steps = {0};
        json_t *row = NULL;
        err = dataset_record(&row, set, i);
        if (!err)
            err = steps_encode(&steps, row, &rule->encode, how);
        if (!err && rule->unused)
            example_check_unread(rule->unused, row, read);
        if (!err)
            err = add(c, &steps, known, json_object_get(row, "prompt"));
        steps_free(&steps);
        json_decref(row);
        if (err == ERR_PARSE && !rule->strict) {
            dataset_left_out(set, i, &c->skipped);
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
    struct steps_rule how = *rule->steps;
    struct corpus *c = corpus_new(rule, 1);
    enum err err;

    how.max_length = rule->max_length;
    how.bos = rule->bos;
    /* Measuring the last step alone would hide how the steps before it are judged. */
    if (strcmp(what, "training") != 0)
        how.last_only = false; /* TRL evaluates every step */
    err = fill(c, set, rule, &how);
    return corpus_end(out, c, err, set, rule, what);
}
