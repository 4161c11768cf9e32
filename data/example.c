/* How it works: example_read goes by what the method can use (rule->want), not by what the
 * row is: a row with both a prompt and messages is one thing to SFT and another to PPO. Each
 * reader takes the columns it needs, checks their types, and sets the kind; then read_extras
 * takes what all may have (tools, margin, the other columns as meta) and read_votes what
 * preferences have.
 *
 * What must hold: everything in the example is a reference of its own, so example_free may
 * follow at any point; on an error it has been freed already. Strings are shared with the
 * row, lists are copies, for messages are brought into one notation in place. The words of an
 * error name the column and what would be right: people read them more often than this file. */
#include "data/example.h"

#include "data/calls.h"
#include "data/dialogue.h"
#include "data/format.h"
#include "data/record_text.h"

#include <stdint.h>
#include <stdlib.h>

void example_free(struct example *example)
{
    json_decref(example->text);
    json_decref(example->prompt);
    json_decref(example->completion);
    json_decref(example->chosen);
    json_decref(example->rejected);
    json_decref(example->tools);
    json_decref(example->kwargs);
    json_decref(example->meta);
    json_decref(example->mask);
    *example = (struct example){0};
}

/* {"from", "value"} of old data sets becomes {"role", "content"}, its speakers by the names that
 * templates know; other keys stay. */
static enum err message(json_t *item, const char *field, size_t at)
{
    json_t *role, *content;

    if (!json_is_object(item))
        return err_set(ERR_PARSE, "%s[%zu]: expected {\"role\", \"content\"}", field, at);
    if (!json_object_get(item, "role") && json_object_get(item, "from")) {
        const char *from = json_string_value(json_object_get(item, "from"));
        json_object_set_new(item, "role",
                            from ? json_string(dialogue_role(from)) : json_null());
    }
    if (!json_object_get(item, "content") && json_object_get(item, "value"))
        json_object_set(item, "content", json_object_get(item, "value"));
    role = json_object_get(item, "role");
    content = json_object_get(item, "content");
    if (!json_is_string(role))
        return err_set(ERR_PARSE, "%s[%zu]: 'role' is missing or not a string", field, at);
    if (!json_is_string(content) && !json_object_get(item, "tool_calls"))
        return err_set(ERR_PARSE, "%s[%zu]: 'content' is missing or not a string", field, at);
    return calls_check(item, field, at);
}

/* A copy of row[field] with checked messages, or a string as it is. */
static enum err take(const json_t *row, const char *field, json_t **out)
{
    json_t *value = json_object_get(row, field);
    size_t i;
    json_t *item;

    if (!value || json_is_null(value))
        return err_set(ERR_PARSE, "'%s' is missing", field);
    if (json_is_string(value)) {
        *out = json_incref(value);
        return OK;
    }
    if (!json_is_array(value))
        return err_set(ERR_PARSE, "'%s' is neither a string nor a list of messages", field);
    if (calls_compact(value)) /* [{"tool", "args"}, ...]: what an agent did */
        return calls_expand(out, value) ? err_add("'%s'", field) : OK;
    value = json_deep_copy(value);
    json_array_foreach(value, i, item)
    {
        const enum err err = message(item, field, i);
        if (err) {
            json_decref(value);
            return err;
        }
    }
    *out = value;
    return OK;
}

/* A column that is null is not there. */
static bool has(const json_t *row, const char *field)
{
    const json_t *value = json_object_get(row, field);

    return value && !json_is_null(value);
}

/* Both strings, or both lists. */
static enum err same_kind(const json_t *a, const json_t *b, const char *names)
{
    if (json_is_string(a) == json_is_string(b))
        return OK;
    return err_set(ERR_PARSE, "%s: one is a string, the other a list of messages", names);
}

/* Ids as they are, with a mask of what to learn: made by another tokenizer than ours,
 * perhaps, so their range is checked where the vocabulary is known. */
static enum err read_tokens(struct example *out, const json_t *row)
{
    json_t *ids = json_object_get(row, "input_ids"), *item;
    json_t *mask = json_object_get(row, "completion_mask");
    size_t i;

    if (!json_is_array(ids) || !json_array_size(ids))
        return err_set(ERR_PARSE, "'input_ids' is not a list of token ids");
    json_array_foreach(ids, i, item) if (!json_is_integer(item)) return err_set(
        ERR_PARSE, "'input_ids'[%zu] is not a whole number", i);
    if (mask && (!json_is_array(mask) || json_array_size(mask) != json_array_size(ids)))
        return err_set(ERR_PARSE, "'completion_mask' is not a list as long as 'input_ids'");
    out->kind = KIND_TOKENS;
    out->text = json_incref(ids);
    out->mask = mask ? json_incref(mask) : NULL;
    return OK;
}

/* A string before messages is what the user says. */
static void asked(json_t **prompt, const json_t *answer)
{
    json_t *messages = dialogue_asked(*prompt, answer);

    json_decref(*prompt);
    *prompt = messages;
}

/* The answer decides whether the whole is a dialogue: a question may be a string before
 * either. */
static enum err read_completion(struct example *out, const json_t *row)
{
    enum err err = take(row, "prompt", &out->prompt);

    if (!err)
        err = take(row, "completion", &out->completion);
    if (!err) {
        asked(&out->prompt, out->completion);
        err = same_kind(out->prompt, out->completion, "'prompt' and 'completion'");
    }
    out->kind = KIND_COMPLETION;
    out->chat = !err && json_is_array(out->prompt);
    return err;
}

/* An empty dialogue teaches nothing and is a mistake in the data. */
static enum err read_messages(struct example *out, const json_t *row, const char *field)
{
    enum err err = take(row, field, &out->text);

    if (!err && (!json_is_array(out->text) || !json_array_size(out->text)))
        err = err_set(ERR_PARSE, "'%s' is not a list of messages", field);
    out->kind = KIND_MESSAGES;
    out->chat = true;
    return err;
}

/* One HH dialogue of `field`. */
static enum err take_hh(const json_t *row, const char *field, json_t **prompt, json_t **answer)
{
    const json_t *value = json_object_get(row, field);
    enum err err;

    if (!json_is_string(value))
        return err_set(ERR_PARSE, "'%s' is missing or not a string", field);
    err = dialogue_hh(json_string_value(value), prompt, answer);
    return err ? err_add("'%s'", field) : OK;
}

/* Both answers are whole dialogues; where they share no prompt, both stay whole. */
static enum err read_hh(struct example *out, const json_t *row)
{
    json_t *other = NULL;
    enum err err;

    out->kind = KIND_PREFERENCE;
    out->chat = true;
    err = take_hh(row, "chosen", &out->prompt, &out->chosen);
    if (!err)
        err = take_hh(row, "rejected", &other, &out->rejected);
    if (!err &&
        !json_equal(out->prompt, other)) { /* two dialogues: nothing is shared for sure */
        json_t *chosen = dialogue_join(out->prompt, out->chosen);
        json_t *rejected = dialogue_join(other, out->rejected);
        json_decref(out->chosen);
        json_decref(out->rejected);
        json_decref(out->prompt);
        out->chosen = chosen;
        out->rejected = rejected;
        out->prompt = NULL;
        out->kind = KIND_IMPLICIT;
    }
    json_decref(other);
    return err;
}

/* None of the columns that the method needs. */
static enum err columns(const json_t *row, const char *wanted)
{
    char *list = record_text_columns(row);
    const enum err err = err_set(ERR_PARSE, "needs %s; its columns are: %s", wanted, list);

    free(list);
    return err;
}

/* The prompt, where it has a column of its own. */
static enum err read_asked(struct example *out, const json_t *row)
{
    enum err err = take(row, "prompt", &out->prompt);

    if (err)
        return err;
    if (!out->chat && json_is_array(out->prompt))
        return err_set(ERR_PARSE, "'prompt' is a list of messages, 'chosen' and 'rejected' are "
                                  "strings");
    out->kind = KIND_PREFERENCE;
    if (!out->chat || json_is_array(out->prompt))
        return OK;
    if (dialogue_answers(out->chosen) != dialogue_answers(out->rejected))
        return err_set(ERR_PARSE, "'chosen' and 'rejected': one begins with the assistant, the "
                                  "other does not");
    asked(&out->prompt, out->chosen);
    if (json_is_string(out->prompt)) {
        json_decref(out->prompt); /* a note beside dialogues that hold their own prompt */
        out->prompt = NULL;
        out->kind = KIND_IMPLICIT;
    }
    return OK;
}

/* Two answers, and the question stands in a column of another name: to train on the answers
 * alone would be to train on something else. */
static enum err no_question(const struct example *e, const json_t *row)
{
    static const char *const names[] = {"question", "instruction", "input",        "query",
                                        "problem",  "task",        "user",         "human",
                                        "context",  "system",      "system_prompt"};
    const enum format format = format_of(row);
    const char *found = NULL;

    if (e->chat && !dialogue_answers(e->chosen))
        return OK;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !found; i++)
        if (has(row, names[i]) && !json_is_number(json_object_get(row, names[i])))
            found = names[i];
    if (!found)
        return OK;
    if (format == FORMAT_ORCA || format == FORMAT_ALPACA)
        return columns(row, "'prompt' beside 'chosen' and 'rejected'");
    return err_set(ERR_PARSE,
                   "no 'prompt', but '%s': if that is the prompt, say so with datasets: "
                   "[{path: FILE, rename: {%s: prompt}}]; if not, leave it out with columns: "
                   "[chosen, rejected]",
                   found, found);
}

/* Preferences: two answers of one notation, and the question if it has a column. */
static enum err read_pair(struct example *out, const json_t *row)
{
    enum err err;

    if (!has(row, "chosen") && !has(row, "rejected"))
        return columns(row, "'chosen' and 'rejected'");
    err = take(row, "chosen", &out->chosen);
    if (!err)
        err = take(row, "rejected", &out->rejected);
    if (!err)
        err = same_kind(out->chosen, out->rejected, "'chosen' and 'rejected'");
    if (err)
        return err;
    out->kind = KIND_IMPLICIT; /* unless there is a prompt */
    out->chat = json_is_array(out->chosen);
    return has(row, "prompt") ? read_asked(out, row) : no_question(out, row);
}

/* In TRL's order: ids, then a prompt with its completion, then messages, then a text. A prompt
 * alone beside messages is a note about them, as UltraChat has. */
static enum err read_sft(struct example *out, const json_t *row,
                         const struct example_rule *rule)
{
    enum err err;

    if (rule->hh) {
        err = read_hh(out, row);
        if (!err && !out->prompt)
            err = take_hh(row, "chosen", &out->prompt, &out->completion);
        else if (!err)
            out->completion = json_incref(out->chosen);
        out->kind = KIND_COMPLETION;
        return err;
    }
    if (has(row, "input_ids"))
        return read_tokens(out, row);
    if (has(row, "completion") ||
        (has(row, "prompt") && !has(row, "messages") && !has(row, "conversations")))
        return read_completion(out, row);
    if (has(row, "messages") || has(row, "conversations"))
        return read_messages(out, row, has(row, "messages") ? "messages" : "conversations");
    if (!has(row, rule->text_field))
        return columns(row, "'text', 'messages', or 'prompt' and 'completion'");
    if (!json_is_string(json_object_get(row, rule->text_field)))
        return err_set(ERR_PARSE, "'%s' is not a string", rule->text_field);
    out->kind = KIND_TEXT;
    return take(row, rule->text_field, &out->text);
}

/* What a fleet asks; of HH's dialogues the one with the chosen answer. */
static enum err read_prompt(struct example *out, const json_t *row,
                            const struct example_rule *rule)
{
    enum err err = OK;

    if (rule->hh) {
        err = take_hh(row, "chosen", &out->prompt, &out->completion);
        out->kind = KIND_PROMPT;
        out->chat = true;
        return err;
    }
    if (has(row, "input_ids"))
        return read_tokens(out, row);
    if (!has(row, "prompt"))
        return columns(row, "'prompt' (a string or messages) or 'input_ids'");
    err = take(row, "prompt", &out->prompt);
    out->kind = KIND_PROMPT;
    out->chat = !err && json_is_array(out->prompt);
    return err;
}

/* A label is true, false, 1 or 0. */
static enum err read_label(struct example *out, const json_t *row)
{
    const json_t *label = json_object_get(row, "label");
    const json_int_t number = json_is_integer(label) ? json_integer_value(label) : -1;

    if (!label || json_is_null(label))
        return err_set(ERR_PARSE, "'label' is missing");
    if (!json_is_boolean(label) && number != 0 && number != 1)
        return err_set(ERR_PARSE, "'label' is neither true nor false");
    out->label = json_is_true(label) || number == 1;
    out->kind = KIND_UNPAIRED;
    return OK;
}

/* Answers that are good or not; a pair is one of each, and is taken apart later. */
static enum err read_labelled(struct example *out, const json_t *row,
                              const struct example_rule *rule)
{
    enum err err;

    if (rule->hh)
        return read_hh(out, row);
    if (has(row, "chosen") && has(row, "rejected"))
        return read_pair(out, row);
    if (!has(row, "prompt") && !has(row, "completion"))
        return columns(row, "'prompt', 'completion' and 'label', or 'chosen' and 'rejected'");
    err = read_completion(out, row);
    return err ? err : read_label(out, row);
}

/* A number in a column, in 0..most; `otherwise` when it is not there. */
static enum err read_number(double *out, const json_t *row, const char *field, double otherwise,
                            double most)
{
    const json_t *value = json_object_get(row, field);

    *out = value && !json_is_null(value) ? json_number_value(value) : otherwise;
    if (value && !json_is_null(value) &&
        (!json_is_number(value) || !(*out >= 0) || *out > most))
        return err_set(ERR_PARSE, "'%s' is not a number from 0 to %g", field, most);
    return OK;
}

/* How heavy and how sure a preference is. */
static enum err read_votes(struct example *out, const json_t *row)
{
    const json_t *tie = json_object_get(row, "tie");
    enum err err = read_number(&out->weight, row, "weight", 1, 1e6);

    if (err)
        return err;
    if (!tie || json_is_null(tie))
        return read_number(&out->soft, row, "soft_label", 1, 1);
    if (!json_is_boolean(tie))
        return err_set(ERR_PARSE, "'tie' is neither true nor false");
    if (has(row, "soft_label"))
        return err_set(ERR_PARSE, "'tie' and 'soft_label' are both given");
    out->soft = json_is_true(tie) ? .5 : 1;
    return OK;
}

/* `tools` is a list, or the text of one. */
static enum err read_tools(struct example *out, const json_t *row)
{
    json_t *tools = json_object_get(row, "tools");

    if (!tools || json_is_null(tools))
        return OK;
    out->tools = json_is_string(tools) ? json_loads(json_string_value(tools), 0, NULL)
                                       : json_incref(tools);
    if (!json_is_array(out->tools))
        return err_set(ERR_PARSE, "'tools' is not a list of schemas");
    return OK;
}

/* Variables of the template for this dialogue alone. What a fleet is asked is rendered by the
 * run's own, as in TRL, and there the column is one among others. */
static enum err read_kwargs(struct example *out, const json_t *row, enum record_want want)
{
    json_t *kwargs = json_object_get(row, "chat_template_kwargs");

    if (!kwargs || json_is_null(kwargs) || !out->chat || out->kind == KIND_PROMPT ||
        want == RECORD_FOR_PROMPTS)
        return OK;
    if (!json_is_object(kwargs))
        return err_set(ERR_PARSE, "'chat_template_kwargs' is not a map of a template's "
                                  "variables");
    out->kwargs = json_incref(kwargs);
    return OK;
}

/* What is left is handed on as it is: rewards read answers and labels from it. */
static enum err read_extras(struct example *out, const json_t *row, const char *text_field,
                            enum record_want want)
{
    static const char *const known[] = {"prompt",    "completion",     "chosen", "rejected",
                                        "messages",  "conversations",  "tools",  "margin",
                                        "input_ids", "completion_mask"};
    const json_t *margin = json_object_get(row, "margin");
    enum err err = read_tools(out, row);

    if (err)
        return err;
    if (margin && !json_is_null(margin)) {
        if (!json_is_number(margin))
            return err_set(ERR_PARSE, "'margin' is not a number");
        out->has_margin = true;
        out->margin = json_number_value(margin);
    }
    out->meta = json_copy((json_t *)(uintptr_t)row);
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        json_object_del(out->meta, known[i]);
    if (text_field)
        json_object_del(out->meta, text_field);
    return read_kwargs(out, row, want);
}

/* The order of the steps decides which of several faults is told: lint and trainers agree by
 * it. */
enum err example_read(struct example *out, const json_t *row, const struct example_rule *rule)
{
    enum err err;

    *out = (struct example){0};
    switch (rule->want) {
    case RECORD_FOR_SFT:
        err = read_sft(out, row, rule);
        break;
    case RECORD_FOR_PAIRS:
        err = rule->hh ? read_hh(out, row) : read_pair(out, row);
        break;
    case RECORD_FOR_LABELS:
        err = read_labelled(out, row, rule);
        break;
    default:
        err = read_prompt(out, row, rule);
        break;
    }
    if (err == ERR_PARSE && !rule->hh)
        err = example_cure(row, rule->want);
    if (!err)
        err =
            read_extras(out, row, out->kind == KIND_TEXT ? rule->text_field : NULL, rule->want);
    if (!err && (rule->want == RECORD_FOR_PAIRS || rule->want == RECORD_FOR_LABELS))
        err = read_votes(out, row);
    if (!err && rule->unused)
        example_check_unused(rule->unused, out, row, rule);
    if (err)
        example_free(out);
    return err;
}
