/* A record is read as the kind that it says it is, by the data's own readers, and brought
 * into one or two items for an evaluator: a pair's two answers, or the answer of anything
 * else. Of a dialogue the answer is the assistant's last turn; steps are one text, a line
 * each, and stay at hand as steps for who reads those. The items point into the record, which
 * the caller keeps until it is scored. */

#include "eval/scored_record.h"

#include "base/mem.h"
#include "data/dialogue.h"
#include "data/record_kind.h"
#include "data/record_text.h"
#include "reward/judge/transcript.h"

#include <stdlib.h>
#include <string.h>

static json_t *mutable(const json_t *value)
{
    return (json_t *)(uintptr_t)value;
}

/* What `drover generate` wrote beside its answer counts tokens, and says how it ended. */
static enum err fill(struct scored_record *out, struct evaluator_item *item,
                     const json_t *answer, const json_t *meta)
{
    const json_t *ids = json_object_get(out->row, "ids");
    const char *finish = json_string_value(json_object_get(out->row, "finish_reason"));
    char **text = &out->text[item == &out->b];

    *text = transcript_of(answer);
    if (!*text)
        return err_set(ERR_PARSE, "an answer that is neither text nor messages");
    *item = (struct evaluator_item){
        out->example.prompt, answer, *text, evaluator_words(*text), true, meta, NULL,
        out->example.tools};
    if (!out->pair && json_is_array(ids))
        item->tokens = (int)json_array_size(ids);
    if (!out->pair && finish)
        item->finished = !strcmp(finish, "stop");
    return OK;
}

static enum err read_pair(struct scored_record *out)
{
    const struct example_rule rule = {RECORD_FOR_PAIRS, "text", false, NULL};
    struct example *e = &out->example;
    enum err err = example_read(e, out->row, &rule);

    out->pair = true;
    if (!err && !e->prompt)
        err = dialogue_split(&e->prompt, &e->chosen, &e->rejected);
    if (!err)
        err = fill(out, &out->a, e->chosen, e->meta);
    return err ? err : fill(out, &out->b, e->rejected, e->meta);
}

/* The prompt is what stands before the assistant's last turn. */
static enum err divide(struct example *e)
{
    size_t n = json_array_size(e->text);
    const char *role = NULL;

    e->prompt = json_array();
    e->completion = json_array();
    while (n && (!role || (strcmp(role, "assistant") && strcmp(role, "gpt"))))
        role = json_string_value(json_object_get(json_array_get(e->text, --n), "role"));
    if (!role || (strcmp(role, "assistant") && strcmp(role, "gpt")))
        return err_set(ERR_PARSE, "'messages': no answer of the assistant to score");
    for (size_t i = 0; i < json_array_size(e->text); i++)
        json_array_append(i < n ? e->prompt : e->completion, json_array_get(e->text, i));
    return OK;
}

static enum err read_one(struct scored_record *out)
{
    const struct example_rule rule = {RECORD_FOR_SFT, "text", false, NULL};
    struct example *e = &out->example;
    enum err err = example_read(e, out->row, &rule);

    if (!err && e->kind == KIND_MESSAGES)
        err = divide(e);
    if (err)
        return err;
    return fill(out, &out->a, e->completion ? e->completion : e->text, e->meta);
}

/* As one text, the steps stand a line each. */
static enum err read_steps(struct scored_record *out)
{
    struct example *e = &out->example;
    json_t *steps = json_object_get(out->row, "completions"), *message;
    char *text = record_text_words(steps);

    e->prompt = json_incref(json_object_get(out->row, "prompt"));
    e->completion = json_string(text);
    free(text);
    if (json_is_array(e->prompt)) {
        message = json_pack("[{s:s,s:o}]", "role", "assistant", "content", e->completion);
        e->completion = message;
    }
    enum err err = fill(out, &out->a, e->completion, out->row);
    out->a.steps = steps;
    return err;
}

static uint64_t hash_prompt(const json_t *prompt)
{
    struct hash hash;
    uint64_t out = 0;

    if (!prompt)
        return 0;
    hash = record_text_hash(prompt);
    memcpy(&out, hash.byte, sizeof out);
    return out;
}

enum err scored_record_read(struct scored_record *out, const json_t *row)
{
    enum record_kind kind;
    enum err err = record_kind_of(&kind, row);

    *out = (struct scored_record){.row = json_incref(mutable(row))};
    if (err)
        return err;
    switch (kind) {
    case KIND_PREFERENCE:
    case KIND_IMPLICIT:
        err = read_pair(out);
        break;
    case KIND_PROMPT:
        err = json_is_array(json_object_get(row, "completions"))
                  ? read_steps(out)
                  : err_set(ERR_PARSE, "a record of kind prompt has no answer to score");
        break;
    case KIND_STEPWISE:
        err = read_steps(out);
        break;
    case KIND_TOKENS:
        err = err_set(ERR_PARSE, "a record of token ids cannot be scored");
        break;
    default:
        err = read_one(out);
    }
    out->prompt = hash_prompt(out->example.prompt);
    return err;
}

void scored_record_free(struct scored_record *scored)
{
    example_free(&scored->example);
    json_decref(scored->row);
    free(scored->text[0]);
    free(scored->text[1]);
    *scored = (struct scored_record){0};
}
