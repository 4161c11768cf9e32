/* Berkeley function calling: a task, the functions it may use, the calls that solve it.
 *
 * How it works: a task becomes a dialogue whose answer is the gold calls. Those stand in a
 * file of their own (rule->answers, by id) as lists of acceptable values, of which the first
 * is taken; in tasks of many turns they are lines of Python (pycall.c), and the functions
 * come from a folder of documents, class by class (rule->tools). Schemas are put into JSON's
 * words. */
#include "base/mem.h"
#include "data/calls.h"
#include "data/format.h"
#include "data/pycall.h"

#include <string.h>

/* "dict", "float" and "tuple" are JSON schema's object, number and array; "any" says nothing.
 */
static json_t *schema(const json_t *value)
{
    static const struct {
        const char *from, *to;
    } words[] = {{"dict", "object"}, {"float", "number"}, {"tuple", "array"}, {"any", NULL}};
    json_t *out = json_object(), *item;
    const char *key;

    json_object_foreach((json_t *)(uintptr_t)value, key, item)
    {
        const char *type = strcmp(key, "type") ? NULL : json_string_value(item);
        const char *to = type;
        for (size_t i = 0; type && i < sizeof(words) / sizeof(words[0]); i++)
            if (!strcmp(type, words[i].from))
                to = words[i].to;
        if (type && to)
            json_object_set_new(out, key, json_string(to));
        else if (!type)
            json_object_set_new(out, key,
                                json_is_object(item) ? schema(item) : json_incref(item));
    }
    return out;
}

static void add_tools(json_t *tools, const json_t *functions)
{
    size_t i;
    json_t *item;

    json_array_foreach(functions, i, item) json_array_append_new(
        tools, json_pack("{s:s,s:o}", "type", "function", "function", schema(item)));
}

/* The parameters of the function that the line calls: they name its positional arguments. */
static const json_t *parameters_of(const json_t *tools, const char *call)
{
    size_t i;
    json_t *item;

    json_array_foreach(tools, i, item)
    {
        const json_t *function = json_object_get(item, "function");
        const char *name = json_string_value(json_object_get(function, "name"));
        if (name && !strncmp(name, call, strlen(name)) && call[strlen(name)] == '(')
            return json_object_get(json_object_get(function, "parameters"), "properties");
    }
    return NULL;
}

/* One gold call: {"name": {argument: [acceptable values]}}, or Python's text of it. */
static enum err gold_call(json_t *gold, const json_t *item, const json_t *tools)
{
    const char *text = json_string_value(item), *name;
    json_t *call = NULL, *any;
    enum err err = OK;

    if (text) {
        err = pycall_read(&call, text, parameters_of(tools, text));
    } else if (json_object_size(item) == 1) {
        json_object_foreach((json_t *)(uintptr_t)item, name, any) call =
            json_pack("{s:s,s:O}", "tool", name, "any", any);
    } else {
        err = err_set(ERR_PARSE, "the answer's call is neither {name: {...}} nor a text");
    }
    if (!err)
        json_array_append_new(gold, call);
    return err;
}

static void say(json_t *messages, const json_t *call)
{
    json_t *one = json_pack("[o]", calls_first(call)), *said = NULL;
    size_t i;
    json_t *item;

    if (!calls_expand(&said, one))
        json_array_foreach(said, i, item) json_array_append(messages, item);
    json_decref(said);
    json_decref(one);
}

/* What should be called in a turn; in a dialogue the assistant is seen to call it. */
static enum err gold_turn(json_t *gold, json_t *messages, const json_t *calls,
                          const json_t *tools)
{
    size_t i;
    json_t *item;

    json_array_foreach(calls, i, item)
    {
        const enum err err = gold_call(gold, item, tools);
        if (err)
            return err;
        say(messages, json_array_get(gold, json_array_size(gold) - 1));
    }
    return OK;
}

/* All functions of the classes that the task involves. */
static enum err class_tools(json_t *tools, const json_t *row, const json_t *known)
{
    size_t i;
    json_t *name;

    json_array_foreach(json_object_get(row, "involved_classes"), i, name)
    {
        const json_t *functions = json_object_get(known, json_string_value(name));
        if (!functions && known)
            return err_set(ERR_PARSE, "'involved_classes': no functions of %s are at hand",
                           json_string_value(name) ? json_string_value(name) : "?");
        add_tools(tools, functions);
    }
    return OK;
}

/* One turn: a prompt and its completion. Several: a dialogue; what the tools said is not in
 * the files. */
static enum err task(json_t *out, const json_t *row, const json_t *answer, json_t *tools)
{
    const json_t *turns = json_object_get(row, "question");
    json_t *all = json_array(), *gold = json_array(), *made, *turn, *item;
    const bool many = json_array_size(turns) > 1;
    size_t i, k;
    enum err err = OK;

    json_array_foreach(turns, i, turn)
    {
        json_array_foreach(turn, k, item) if (many) json_array_append(all, item);
        if (!err)
            err = gold_turn(gold, all, many ? json_array_get(answer, i) : answer, tools);
    }
    if (!err) {
        made = many ? json_pack("{s:O}", "messages", all)
                    : json_pack("{s:O}", "prompt", json_array_get(turns, 0));
        if (!many && answer)
            json_object_set(made, "completion", all);
        if (json_array_size(tools))
            json_object_set(made, "tools", tools);
        if (answer)
            json_object_set(made, "gold", gold);
        json_object_set(made, "id", json_object_get(row, "id"));
        json_array_append_new(out, made);
    }
    json_decref(all);
    json_decref(gold);
    return err;
}

enum err format_bfcl(json_t *out, const json_t *row, const struct format_rule *rule)
{
    const json_t *turns = json_object_get(row, "question"), *answer = NULL;
    const char *id;
    json_t *tools;
    enum err err = format_text(&id, row, "id");

    if (err)
        return err;
    if (!json_is_array(turns) || !json_array_size(turns) ||
        !json_is_array(json_array_get(turns, 0)))
        return err_set(ERR_PARSE, "'question' is not a list of turns");
    if (rule->answers && !(answer = json_object_get(rule->answers, id)))
        return err_set(ERR_PARSE, "'id' %.60s: the file of answers has none for it", id);
    tools = json_array();
    add_tools(tools, json_object_get(row, "function"));
    err = class_tools(tools, row, rule->tools);
    if (!err)
        err = task(out, row, answer, tools);
    json_decref(tools);
    return err;
}
