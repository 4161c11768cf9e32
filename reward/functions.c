/* TRL names rewards by Python functions. Those of its own that a rule can say are rules here
 * (a pattern, the last number of the text); the one that punishes long answers is no
 * reward of an answer's text but of the method's lengths, and is handed on as such. Any other
 * name is Python that only its author has: the error says how it becomes a worker. */

#include "reward/functions.h"

#include <stdint.h>
#include <string.h>

static enum err add_function(json_t *out, const char *name, bool *overlong)
{
    if (!name)
        return err_set(ERR_PARSE, "reward_funcs: expected names");
    if (!strcmp(name, "get_soft_overlong_punishment"))
        *overlong = true;
    else if (!strcmp(name, "think_format_reward"))
        json_array_append_new(out, json_pack("{s:s, s:s, s:s}", "name", name, "rule", "regex",
                                             "pattern",
                                             "(?s)\\A<think>(?!.*<think>)(.*?)</think>.*"));
    else if (!strcmp(name, "accuracy_reward") || !strcmp(name, "reasoning_accuracy_reward"))
        json_array_append_new(out, json_pack("{s:s, s:s, s:s}", "name", name, "rule", "number",
                                             "column", "solution"));
    else
        return err_set(ERR_RANGE,
                       "reward_funcs: '%s' is Python: run it as a worker and name it under "
                       "rewards: [{name: mine, worker: %s}]",
                       name, name);
    return OK;
}

enum err functions_read(json_t **out, const json_t *list, const json_t *functions,
                        bool *overlong)
{
    const json_t *entry;
    size_t i;
    enum err err = OK;

    *overlong = false;
    *out = list ? json_copy((json_t *)(uintptr_t)list) : json_array();
    if (json_is_string(functions))
        return add_function(*out, json_string_value(functions), overlong);
    json_array_foreach((json_t *)(uintptr_t)functions, i, entry)
    {
        if (!err)
            err = add_function(*out, json_string_value(entry), overlong);
    }
    return err;
}
