/* Trajectories: search trees of tool calls (ToolBench), results of agents (tau-bench).
 *
 * How it works: a tree is walked from the root; the path that ended in an answer is set
 * against branches that were given up, at the node where they part, so that both share a
 * prompt. An agent's run is a dialogue with a reward at its end: it becomes an unpaired
 * record. */
#include "base/mem.h"
#include "data/calls.h"
#include "data/dialogue.h"
#include "data/format.h"

#include <stdlib.h>
#include <string.h>

static void add_tools(json_t *tools, const json_t *functions)
{
    size_t i;
    json_t *item;

    json_array_foreach(functions, i, item) json_array_append_new(
        tools, json_pack("{s:s,s:O}", "type", "function", "function", item));
}

static json_t *message(const char *role, const char *content)
{
    return json_pack("{s:s,s:s}", "role", role, "content", content);
}

/* ---- ToolBench ---- */

/* Walked by recursion over what a file says: bounded. */
enum { PATH_MAX_NODES = 1024 };

/* Nodes from the root on. */
struct path {
    const json_t *node[PATH_MAX_NODES];
    size_t n;
};

static const char *type_of(const json_t *node)
{
    const char *type = json_string_value(json_object_get(node, "node_type"));

    return type ? type : "";
}

static const char *words_of(const json_t *node)
{
    const char *text = json_string_value(json_object_get(node, "description"));

    return text ? text : "";
}

/* Puts the way from `node` to the first leaf that is finished into the path. False when there
 * is none, or none within the path's room. */
static bool descend(struct path *path, const json_t *node)
{
    const json_t *children = json_object_get(node, "children");
    size_t i;
    json_t *child;

    if (path->n == PATH_MAX_NODES)
        return false;
    path->node[path->n++] = node;
    if (!json_array_size(children) && json_is_true(json_object_get(node, "finished")))
        return true;
    json_array_foreach(children, i, child) if (descend(path, child)) return true;
    path->n--;
    return false;
}

/* Thought, action and its input are one assistant turn; the observation is the tool's. */
static json_t *dialogue(const json_t *query, const struct path *path)
{
    json_t *messages = json_pack("[{s:s,s:O}]", "role", "user", "content", query);
    char *thought = mem_text("");
    const char *tool = NULL;

    for (size_t i = 0; i < path->n; i++) {
        const json_t *node = path->node[i], *seen = json_object_get(node, "observation");
        if (!strcmp(type_of(node), "Thought")) {
            char *more = mem_print("%s%s%s", thought, *thought ? "\n" : "", words_of(node));
            free(thought);
            thought = more;
        } else if (!strcmp(type_of(node), "Action")) {
            tool = words_of(node);
        } else if (!strcmp(type_of(node), "Action Input") && tool) {
            json_array_append_new(
                messages, json_pack("{s:s,s:s,s:[{s:s,s:{s:s,s:s}}]}", "role", "assistant",
                                    "content", thought, "tool_calls", "type", "function",
                                    "function", "name", tool, "arguments", words_of(node)));
            if (json_is_string(seen))
                json_array_append_new(messages, message("tool", json_string_value(seen)));
            free(thought);
            thought = mem_text("");
            tool = NULL;
        }
    }
    if (*thought)
        json_array_append_new(messages, message("assistant", thought));
    free(thought);
    return messages;
}

/* Calls that cannot be read are told here, with their place in the source. */
static enum err check(const json_t *messages, const char *field)
{
    size_t i;
    json_t *item;
    enum err err;

    json_array_foreach(messages, i, item) if ((err = calls_check(item, field, i))) return err;
    return OK;
}

/* One pair: what the two dialogues share is the prompt. */
static enum err pair(json_t *out, const json_t *row, const struct path *win,
                     const struct path *lose)
{
    const json_t *answer = json_object_get(row, "answer_generation");
    const json_t *query = json_object_get(answer, "query");
    json_t *chosen = dialogue(query, win), *rejected = dialogue(query, lose), *prompt = NULL;
    json_t *tools = json_array();
    enum err err = check(chosen, "chosen");

    add_tools(tools, json_object_get(answer, "function"));
    if (!err)
        err = check(rejected, "rejected");
    if (!err && !json_equal(chosen, rejected) && json_array_size(rejected) > 1) {
        err = dialogue_split(&prompt, &chosen, &rejected);
        if (!err && json_array_size(chosen) && json_array_size(rejected))
            json_array_append_new(out,
                                  json_pack("{s:O,s:O,s:O,s:O}", "prompt", prompt, "chosen",
                                            chosen, "rejected", rejected, "tools", tools));
    }
    json_decref(prompt);
    json_decref(chosen);
    json_decref(rejected);
    json_decref(tools);
    return err;
}

/* Every leaf that did not win ends a branch that was given up: the way to it loses against the
 * winning one. `left`: pairs that may still be made. */
static enum err losers(json_t *out, const json_t *row, const struct path *win, struct path *way,
                       const json_t *node, size_t *left)
{
    const json_t *children = json_object_get(node, "children");
    const size_t before = json_array_size(out);
    size_t i;
    json_t *child;
    enum err err = OK;

    if (way->n == PATH_MAX_NODES)
        return OK;
    way->node[way->n++] = node;
    if (!json_array_size(children) && *left && !json_is_true(json_object_get(node, "finished")))
        err = pair(out, row, win, way);
    /* Counted by what came out: a pair whose two ways are the same gives nothing, and uses
     * nothing up. */
    *left -= json_array_size(out) - before;
    json_array_foreach(children, i, child) if (!err) err =
        losers(out, row, win, way, child, left);
    way->n--;
    return err;
}

enum err format_tools_bench(json_t *out, const json_t *row, const struct format_rule *rule)
{
    const json_t *root = json_object_get(json_object_get(row, "tree"), "tree");
    const json_t *answer = json_object_get(row, "answer_generation");
    struct path *win = mem_new(1, sizeof(*win)), *way = mem_new(1, sizeof(*way));
    size_t left = (size_t)rule->pairs;
    enum err err = OK;

    if (!json_is_object(root) || !json_is_string(json_object_get(answer, "query")))
        err = err_set(ERR_PARSE, "'tree.tree' or 'answer_generation.query' is missing");
    else if (!json_is_true(json_object_get(row, "win")))
        left = 0; /* nothing won */
    else if (!descend(win, root))
        err = err_set(ERR_PARSE, "'tree': won, but no leaf of at most %d nodes is finished",
                      PATH_MAX_NODES);
    if (!err && left)
        err = losers(out, row, win, way, root, &left);
    free(win);
    free(way);
    return err;
}

/* ---- tau-bench ---- */

static enum err display(json_t *out, const char *text)
{
    static const char *const roles[] = {"user: ", "assistant: ", "tool: ", "system: "};
    json_t *messages = json_array();

    while (*text) {
        const char *role = NULL, *end = NULL;
        size_t n;
        for (int i = 0; i < 4 && !role; i++)
            if (!strncmp(text, roles[i], strlen(roles[i])))
                role = roles[i];
        if (!role) {
            json_decref(messages);
            return err_set(ERR_PARSE, "'messages_display': expected a line that begins with "
                                      "user:, assistant:, tool: or system:");
        }
        text += strlen(role);
        for (int i = 0; i < 4; i++) {
            char *mark = mem_print("\n%s", roles[i]);
            const char *found = strstr(text, mark);
            if (found && (!end || found < end))
                end = found;
            free(mark);
        }
        n = end ? (size_t)(end - text) : strlen(text);
        if (strncmp(text, "None", n) || n != 4) /* a call that the display does not show */
            json_array_append_new(messages, json_pack("{s:s%,s:s%}", "role", role,
                                                      strlen(role) - 2, "content", text, n));
        text += n + (end ? 1 : 0);
    }
    json_array_append_new(out, json_pack("{s:o}", "messages", messages));
    return OK;
}

/* The task's actions, {"name", "kwargs"}, in the compact form; NULL if it names none. */
static json_t *gold_actions(const json_t *row)
{
    const json_t *task = json_object_get(json_object_get(row, "info"), "task");
    json_t *gold, *item;
    size_t i;

    if (!json_is_array(json_object_get(task, "actions")))
        return NULL;
    gold = json_array();
    json_array_foreach(json_object_get(task, "actions"), i, item)
    {
        json_t *args = json_object_get(item, "kwargs");
        if (json_is_string(json_object_get(item, "name")))
            json_array_append_new(gold,
                                  json_pack("{s:O,s:o}", "tool", json_object_get(item, "name"),
                                            "args", args ? json_incref(args) : json_object()));
    }
    return gold;
}

enum err format_tools_tau(json_t *out, const json_t *row, const struct format_rule *rule)
{
    const char *text = json_string_value(json_object_get(row, "messages_display"));
    const json_t *traj = json_object_get(row, "traj"), *reward = json_object_get(row, "reward");
    json_t *prompt, *rest, *made, *item, *gold;
    enum err err;
    size_t i;

    (void)rule;
    if (text)
        return display(out, text);
    if (!json_is_array(traj) || !json_array_size(traj))
        return err_set(ERR_PARSE, "'traj' is missing or not a list of messages");
    if (!json_is_number(reward))
        return err_set(ERR_PARSE, "'reward' is missing or not a number");
    err = check(traj, "traj");
    if (err)
        return err;
    prompt = json_array();
    rest = json_array();
    json_array_foreach(traj, i, item)
    {
        const char *role = json_string_value(json_object_get(item, "role"));
        /* The prompt is all before the agent's first turn. */
        const bool asked = !json_array_size(rest) && role && strcmp(role, "assistant");
        json_array_append(asked ? prompt : rest, item);
    }
    /* A success is a reward of 1, but for rounding. */
    made = json_pack("{s:o,s:o,s:b}", "prompt", prompt, "completion", rest, "label",
                     json_number_value(reward) >= 1 - 1e-6);
    if (json_object_get(row, "task_id"))
        json_object_set(made, "task_id", json_object_get(row, "task_id"));
    gold = gold_actions(row);
    if (gold)
        json_object_set_new(made, "gold", gold);
    json_array_append_new(out, made);
    return OK;
}
