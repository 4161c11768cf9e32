/* Answers that people compared or rated: SHP, WebGPT, HelpSteer, OpenAssistant, and lists of
 * answers with a rating each, as Argilla's and distilabel's exports have them.
 *
 * How it works: two answers and who of them won become {prompt, chosen, rejected}; where they
 * tie, nothing, for nobody preferred anything. HelpSteer's single answers become unpaired
 * records, good from 3 of 4 points of helpfulness on (`drover data convert to=preference`
 * makes pairs of those with the same prompt). OpenAssistant's trees have ranks among the
 * replies to one message: the first is set against each of the others, at every turn. */
#include "data/format.h"

#include "base/mem.h"

#include <stdint.h>
#include <string.h>

/* A message of one speaker. */
static json_t *says(const char *role, const char *text)
{
    return json_pack("{s:s,s:s}", "role", role, "content", text);
}

/* A pair of texts behind `prompt` (a reference that is given up), with the row's columns of
 * these names (NULL-ended) behind. */
static void pair(json_t *out, json_t *prompt, const char *good, const char *bad,
                 const json_t *row, const char *const *along)
{
    json_t *made = json_pack("{s:o,s:[o],s:[o]}", "prompt", prompt, "chosen",
                             says("assistant", good), "rejected", says("assistant", bad));

    for (int i = 0; along && along[i]; i++)
        if (json_object_get(row, along[i]))
            json_object_set(made, along[i], json_object_get(row, along[i]));
    json_array_append_new(out, made);
}

/* Stanford Human Preferences: labels 1 says that A was preferred. */
enum err format_rated_shp(json_t *out, const json_t *row, const struct format_rule *rule)
{
    static const char *const along[] = {"post_id", "domain",      "score_A",
                                        "score_B", "score_ratio", NULL};
    const json_t *label = json_object_get(row, "labels");
    const char *history, *a, *b;
    enum err err = format_text(&history, row, "history");

    (void)rule;
    if (!err)
        err = format_text(&a, row, "human_ref_A");
    if (!err)
        err = format_text(&b, row, "human_ref_B");
    if (!err && (!json_is_integer(label) ||
                 (json_integer_value(label) != 0 && json_integer_value(label) != 1)))
        err = err_set(ERR_PARSE, "'labels' is neither 0 (B) nor 1 (A)");
    if (!err)
        pair(out, json_pack("[o]", says("user", history)), json_integer_value(label) ? a : b,
             json_integer_value(label) ? b : a, row, along);
    return err;
}

/* WebGPT comparisons: the scores of the two answers sum to 0. */
enum err format_rated_webgpt(json_t *out, const json_t *row, const struct format_rule *rule)
{
    const json_t *asked = json_object_get(row, "question");
    const json_t *score[2] = {json_object_get(row, "score_0"), json_object_get(row, "score_1")};
    const char *question, *answer[2];
    enum err err = format_text(&question, asked, "full_text");
    int best;

    (void)rule;
    if (err)
        return err_add("'question'");
    err = format_text(&answer[0], row, "answer_0");
    if (!err)
        err = format_text(&answer[1], row, "answer_1");
    if (!err && (!json_is_number(score[0]) || !json_is_number(score[1])))
        err = err_set(ERR_PARSE, "'score_0' or 'score_1' is missing or not a number");
    if (err || json_number_value(score[0]) == json_number_value(score[1]))
        return err;
    best = json_number_value(score[1]) > json_number_value(score[0]);
    pair(out, json_pack("[o]", says("user", question)), answer[best], answer[!best], row, NULL);
    return OK;
}

/* HelpSteer2 writes several turns into one text, each behind "<extra_id_1>User\n" or
 * "<extra_id_1>Assistant\n". */
static json_t *turns(const char *text)
{
    static const char mark[] = "<extra_id_1>", user[] = "User\n", assistant[] = "Assistant\n";
    json_t *list = json_array();
    const char *role = "user";

    for (;;) {
        const char *next = strstr(text, mark);
        size_t n = next ? (size_t)(next - text) : strlen(text);
        while (n && text[n - 1] == '\n')
            n--;
        if (n || !next) /* nothing stands before a mark at the very start */
            json_array_append_new(list,
                                  json_pack("{s:s,s:s%}", "role", role, "content", text, n));
        if (!next)
            return list;
        text = next + sizeof(mark) - 1;
        if (!strncmp(text, user, sizeof(user) - 1)) {
            role = "user";
            text += sizeof(user) - 1;
        } else if (!strncmp(text, assistant, sizeof(assistant) - 1)) {
            role = "assistant";
            text += sizeof(assistant) - 1;
        }
    }
}

/* HelpSteer3's and HelpSteer2's comparisons: below 0 the first of the two is better. */
static enum err compared(json_t *out, const json_t *row, const char *const *names)
{
    const json_t *strength = json_object_get(row, names[2]);
    json_t *context = json_object_get(row, "context");
    const char *text[2], *prompt = json_string_value(json_object_get(row, "prompt"));
    enum err err = format_text(&text[0], row, names[0]);
    double sign;

    if (!err)
        err = format_text(&text[1], row, names[1]);
    if (!err && !json_is_number(strength))
        err = err_set(ERR_PARSE, "'%s' is missing or not a number", names[2]);
    if (!err && !prompt && !json_array_size(context))
        err = err_set(ERR_PARSE, "neither 'prompt', a string, nor 'context', messages");
    sign = json_number_value(strength);
    if (err || sign == 0)
        return err;
    pair(out, prompt ? turns(prompt) : json_incref(context), text[sign > 0], text[sign < 0],
         row, names + 2);
    return OK;
}

/* By which of its three shapes the row has. What people said of an answer beside how much it
 * helped goes along, for rewards and reports. */
enum err format_rated_helpsteer(json_t *out, const json_t *row, const struct format_rule *rule)
{
    static const char *const two[] = {"response_1", "response_2", "preference_strength", NULL};
    static const char *const three[] = {"response1", "response2", "overall_preference", NULL};
    static const char *const scores[] = {"helpfulness", "correctness", "coherence",
                                         "complexity",  "verbosity",   NULL};
    enum { GOOD = 3 };
    const json_t *points = json_object_get(row, "helpfulness");
    const char *prompt, *response;
    enum err err;
    json_t *made;

    (void)rule;
    if (json_object_get(row, three[0]))
        return compared(out, row, three);
    if (json_object_get(row, two[0]))
        return compared(out, row, two);
    err = format_text(&prompt, row, "prompt");
    if (!err)
        err = format_text(&response, row, "response");
    if (!err && !json_is_number(points))
        err = err_set(ERR_PARSE, "'helpfulness' is missing or not a number");
    if (err)
        return err;
    made = json_pack("{s:o,s:[o],s:b}", "prompt", turns(prompt), "completion",
                     says("assistant", response), "label", json_number_value(points) >= GOOD);
    for (int i = 0; scores[i]; i++)
        if (json_object_get(row, scores[i]))
            json_object_set(made, scores[i], json_object_get(row, scores[i]));
    json_array_append_new(out, made);
    return OK;
}

/* {instruction, generations: [text], ratings: [number or null]}: the best against the worst. */
enum err format_rated_list(json_t *out, const json_t *row, const struct format_rule *rule)
{
    static const char *const questions[] = {"instruction", "input", "prompt"};
    const json_t *texts = json_object_get(row, "generations");
    const json_t *ratings = json_object_get(row, "ratings"), *best = NULL, *worst = NULL;
    const char *question = NULL;
    size_t high = 0, low = 0;
    json_t *item;
    size_t i;

    (void)rule;
    if (!json_is_array(ratings))
        ratings = json_object_get(row, "rating");
    for (i = 0; i < 3 && !question; i++)
        question = json_string_value(json_object_get(row, questions[i]));
    if (!question)
        return err_set(ERR_PARSE, "neither 'instruction', 'input' nor 'prompt' is a string");
    if (!json_is_array(texts) || json_array_size(texts) != json_array_size(ratings))
        return err_set(ERR_PARSE, "'generations' is not a list as long as 'ratings'");
    json_array_foreach((json_t *)(uintptr_t)ratings, i, item)
    {
        if (!json_is_string(json_array_get(texts, i)))
            return err_set(ERR_PARSE, "'generations'[%zu] is not a string", i);
        if (!json_is_number(item))
            continue;
        if (!best || json_number_value(item) > json_number_value(best))
            best = item, high = i;
        if (!worst || json_number_value(item) < json_number_value(worst))
            worst = item, low = i;
    }
    if (best && json_number_value(best) > json_number_value(worst))
        pair(out, json_pack("[o]", says("user", question)),
             json_string_value(json_array_get(texts, high)),
             json_string_value(json_array_get(texts, low)), row, NULL);
    return OK;
}

/* ---- OpenAssistant ---- */

/* Walked by recursion over what a file says: bounded. */
enum { TREE_DEEP = 256 };

/* NULL when it was taken back, or says nothing. */
static const char *text_of(const json_t *node)
{
    const char *text = json_string_value(json_object_get(node, "text"));

    return !text || !*text || json_is_true(json_object_get(node, "deleted")) ? NULL : text;
}

/* OpenAssistant calls people prompter. */
static bool is_assistant(const json_t *node)
{
    const char *role = json_string_value(json_object_get(node, "role"));

    return role && !strcmp(role, "assistant");
}

/* The reply of the lowest rank among the assistant's; NULL when fewer than two have one. */
static const json_t *best_of(const json_t *replies)
{
    const json_t *best = NULL;
    json_t *item;
    size_t i, ranked = 0;

    json_array_foreach((json_t *)(uintptr_t)replies, i, item)
    {
        const json_t *rank = json_object_get(item, "rank");
        if (!is_assistant(item) || !text_of(item) || !json_is_integer(rank))
            continue;
        ranked++;
        if (!best ||
            json_integer_value(rank) < json_integer_value(json_object_get(best, "rank")))
            best = item;
    }
    return ranked > 1 ? best : NULL;
}

/* `so_far` are the messages up to this node's parent; it is the same when we return. */
static enum err walk(json_t *out, const json_t *node, json_t *so_far, size_t *left)
{
    const json_t *replies = json_object_get(node, "replies"), *best = best_of(replies);
    const char *text = text_of(node);
    json_t *item;
    size_t i;
    enum err err = OK;

    if (!text)
        return OK; /* a thread ends where a message is gone */
    if (json_array_size(so_far) == TREE_DEEP)
        return err_set(ERR_PARSE, "'prompt': more than %d replies deep", TREE_DEEP);
    json_array_append_new(so_far, says(is_assistant(node) ? "assistant" : "user", text));
    json_array_foreach((json_t *)(uintptr_t)replies, i, item)
    {
        const json_t *rank = json_object_get(item, "rank");
        if (best && item != best && is_assistant(item) && text_of(item) && *left &&
            json_is_integer(rank) &&
            json_integer_value(rank) > json_integer_value(json_object_get(best, "rank"))) {
            pair(out, json_copy(so_far), text_of(best), text_of(item), node, NULL);
            --*left;
        }
    }
    json_array_foreach((json_t *)(uintptr_t)replies, i, item)
    {
        if (!err)
            err = walk(out, item, so_far, left);
    }
    json_array_remove(so_far, json_array_size(so_far) - 1);
    return err;
}

/* Threads share their beginnings: `so_far` grows and shrinks with the walk. */
enum err format_rated_oasst(json_t *out, const json_t *row, const struct format_rule *rule)
{
    const json_t *root = json_object_get(row, "prompt");
    json_t *so_far;
    size_t left = (size_t)rule->pairs;
    enum err err;

    if (!json_is_object(root))
        return err_set(
            ERR_PARSE,
            "a message without its thread: of OpenAssistant's table of messages whole "
            "files are read, by a trainer or data convert with format=oasst");
    so_far = json_array();
    err = walk(out, root, so_far, &left);
    json_decref(so_far);
    return err;
}
