/* How it works: pure functions on strings and lists of messages: where the question ends and
 * the answer begins. A pair without a prompt of its own is split where its two answers begin
 * to differ (split_text: at a character's and a word's border, as TRL's extract_prompt does;
 * split_chat: at a message), and never so that nothing is left to prefer.
 *
 * HH's dialogues are one text with "\n\nHuman:" and "\n\nAssistant:" between the turns; the
 * last turn of the assistant is the answer, whatever stands in it. */
#include "data/dialogue.h"

#include "base/mem.h"
#include "data/calls.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Bytes shared by both, not ending inside a UTF-8 character. */
static size_t common_bytes(const char *a, const char *b)
{
    size_t n = 0;

    while (a[n] && a[n] == b[n])
        n++;
    while (n && ((unsigned char)a[n] & 0xC0) == 0x80)
        n--;
    return n;
}

/* Not inside a word: the blank before the first different word goes with the answers, as TRL
 * leaves it. */
static void split_text(json_t **prompt, json_t **chosen, json_t **rejected)
{
    const char *a = json_string_value(*chosen), *b = json_string_value(*rejected);
    size_t n = common_bytes(a, b);
    json_t *rest[2];

    if (n && (!a[n] || !b[n])) { /* the shorter answer keeps its last character */
        while (n && ((unsigned char)a[--n] & 0xC0) == 0x80)
            ;
    } else if (n && a[n - 1] == ' ') {
        n--;
    }
    *prompt = json_stringn(a, n);
    rest[0] = json_string(a + n);
    rest[1] = json_string(b + n);
    json_decref(*chosen);
    json_decref(*rejected);
    *chosen = rest[0];
    *rejected = rest[1];
}

/* The list without its first n messages, in its place. */
static void split_list(json_t **list, size_t n)
{
    json_t *rest = json_array();

    for (size_t i = n; i < json_array_size(*list); i++)
        json_array_append(rest, json_array_get(*list, i));
    json_decref(*list);
    *list = rest;
}

/* The messages that both begin with, but for the last of the shorter one: something must be
 * left to be preferred. */
static void split_chat(json_t **prompt, json_t **chosen, json_t **rejected)
{
    const size_t a = json_array_size(*chosen), b = json_array_size(*rejected);
    const size_t least = a < b ? a : b;
    size_t n = 0;

    while (n < least && json_equal(json_array_get(*chosen, n), json_array_get(*rejected, n)))
        n++;
    if (n == least && n)
        n--;
    *prompt = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append(*prompt, json_array_get(*chosen, i));
    split_list(chosen, n);
    split_list(rejected, n);
}

enum err dialogue_split(json_t **prompt, json_t **chosen, json_t **rejected)
{
    if (json_equal(*chosen, *rejected))
        return err_set(ERR_PARSE, "'chosen' and 'rejected' are the same");
    if (json_is_array(*chosen))
        split_chat(prompt, chosen, rejected);
    else
        split_text(prompt, chosen, rejected);
    return OK;
}

const char *dialogue_role(const char *from)
{
    static const char *const names[][2] = {
        {"human", "user"},     {"gpt", "assistant"},  {"chatgpt", "assistant"},
        {"bing", "assistant"}, {"bard", "assistant"}, {"observation", "tool"},
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (!strcmp(from, names[i][0]))
            return names[i][1];
    return from;
}

bool dialogue_answers(const json_t *list)
{
    const json_t *first = json_array_get(list, 0);
    const char *role = json_string_value(json_object_get(first, "role"));

    if (!role)
        role = json_string_value(json_object_get(first, "from"));
    return role ? !strcmp(dialogue_role(role), "assistant") : calls_compact(list);
}

json_t *dialogue_asked(const json_t *prompt, const json_t *answer)
{
    if (json_is_string(prompt) && dialogue_answers(answer))
        return json_pack("[{s:s,s:O}]", "role", "user", "content", prompt);
    return json_incref((json_t *)(uintptr_t)prompt);
}

json_t *dialogue_join(const json_t *prompt, const json_t *answer)
{
    json_t *whole;

    if (!prompt)
        return json_incref((json_t *)(uintptr_t)answer);
    if (json_is_array(prompt) && json_is_array(answer)) {
        whole = json_copy((json_t *)(uintptr_t)prompt);
        json_array_extend(whole, (json_t *)(uintptr_t)answer);
        return whole;
    }
    if (json_is_string(prompt) && json_is_string(answer)) {
        char *text = mem_print("%s%s", json_string_value(prompt), json_string_value(answer));
        whole = json_string(text);
        free(text);
        return whole;
    }
    return NULL;
}

/* Not isspace, which asks the locale. */
static bool blank(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* A turn without the blanks around it: the notation puts one behind each colon. */
static void turn(json_t *list, const char *role, const char *from, const char *to)
{
    while (from < to && blank(*from))
        from++;
    while (to > from && blank(to[-1]))
        to--;
    json_array_append_new(
        list, json_pack("{s:s, s:s%}", "role", role, "content", from, (size_t)(to - from)));
}

static const char human[] = "\n\nHuman:", assistant[] = "\n\nAssistant:";

/* The nearest marker at or after `at`, or NULL. */
static const char *marker(const char *at, bool *is_human)
{
    const char *h = strstr(at, human), *a = strstr(at, assistant);

    *is_human = h && (!a || h < a);
    return *is_human ? h : a;
}

enum err dialogue_hh(const char *dialogue, json_t **prompt, json_t **answer)
{
    const char *last = NULL, *at = dialogue;
    bool is_human = false;

    *prompt = *answer = NULL;
    for (const char *p = strstr(dialogue, assistant); p; p = strstr(p + 1, assistant))
        last = p;
    at = marker(dialogue, &is_human);
    if (!last || !at)
        return err_set(ERR_PARSE, "no \"\\n\\nAssistant:\": not an HH dialogue (format: hh)");
    *prompt = json_array();
    while (at < last) {
        const char *text = at + (is_human ? sizeof(human) : sizeof(assistant)) - 1;
        const bool was_human = is_human;
        const char *next = marker(text, &is_human);
        turn(*prompt, was_human ? "user" : "assistant", text, next);
        at = next;
    }
    *answer = json_array();
    turn(*answer, "assistant", last + sizeof(assistant) - 1, last + strlen(last));
    return OK;
}
