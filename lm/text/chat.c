/* How it works: the template is read once; to render is to put the variables together that
 * transformers gives it, and to run it. What stands behind an answer is found by rendering a
 * short conversation when the template is opened. Spans come from the template's own marks, or
 * from rendering the conversation up to each of the assistant's turns. */

#define _GNU_SOURCE /* timegm */

#include "lm/text/chat.h"

#include "base/mem.h"
#include "lm/text/chat_known.h"
#include "lm/text/chat_message.h"
#include "lm/text/chat_template.h"
#include "lm/text/template/jinja.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct chat {
    struct jinja *jinja;
    char *source, *opening, *end, *tail;
    const char *name;
    json_t *tokens; /* an object */
    size_t early;   /* bytes that a turn's span begins before its words */
};

static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/* English names whatever the locale: strftime would speak the user's. */
char *chat_date(char out[CHAT_DATE_ROOM], int64_t wall_ms)
{
    const time_t seconds = (time_t)(wall_ms / 1000);
    struct tm day;

    if (localtime_r(&seconds, &day))
        snprintf(out, CHAT_DATE_ROOM, "%02d %s %d", day.tm_mday, months[day.tm_mon],
                 1900 + day.tm_year);
    else
        snprintf(out, CHAT_DATE_ROOM, "%s", CHAT_DATE);
    return out;
}

/* What chat_date wrote; false: it is something else. */
static bool day_of(struct tm *out, const char *text)
{
    char name[4];
    int day, year, used = 0;

    memset(out, 0, sizeof *out);
    if (sscanf(text, "%2d %3s %4d%n", &day, name, &year, &used) != 3 || text[used])
        return false;
    for (int i = 0; i < 12; i++)
        if (!strcmp(name, months[i])) {
            out->tm_mday = day;
            out->tm_mon = i;
            out->tm_year = year - 1900;
            out->tm_hour = 12;        /* far from where another zone has another day */
            return timegm(out) != -1; /* which fills in the day of the week and of the year */
        }
    return false;
}

/* The variables of a template; `messages` is shared. */
static json_t *variables(const struct chat *chat, const json_t *messages, const json_t *tools,
                         const json_t *kwargs, bool generation)
{
    json_t *all = json_object();
    const bool some = json_array_size(tools) > 0;

    json_object_update(all, chat->tokens);
    json_object_set(all, "messages", (json_t *)(uintptr_t)messages);
    json_object_set_new(all, "tools",
                        some ? json_incref((json_t *)(uintptr_t)tools) : json_null());
    json_object_set_new(all, "documents", json_null());
    json_object_set_new(all, "add_generation_prompt", json_boolean(generation));
    if (json_is_object(kwargs))
        json_object_update(all, (json_t *)(uintptr_t)kwargs);
    return all;
}

/* Of messages as the template gets them. */
static enum err run(const struct chat *chat, const json_t *messages, const json_t *tools,
                    const json_t *kwargs, bool generation, struct jinja_text *out)
{
    json_t *all = variables(chat, messages, tools, kwargs, generation);
    const char *date = json_string_value(json_object_get(kwargs, "date_string"));
    struct tm day;
    const bool known = day_of(&day, date ? date : CHAT_DATE);
    const enum err err = jinja_run(chat->jinja, all, known ? &day : NULL, out);

    json_decref(all);
    return err;
}

/* What the template would leave out. */
static enum err check(const struct chat *chat, const json_t *messages, const json_t *tools)
{
    if (tools && !json_is_array(tools) && !json_is_null(tools))
        return err_set(ERR_PARSE, "tools: not a list");
    if (json_array_size(tools) && !jinja_mentions(chat->jinja, "tools"))
        return err_set(ERR_RANGE, "this chat template has no place for tools (drover data "
                                  "convert calls=text writes them as text)");
    if (chat_message_calls(messages) && !jinja_mentions(chat->jinja, "tool_calls"))
        return err_set(ERR_RANGE, "this chat template has no place for tool_calls (drover data "
                                  "convert calls=text writes them as text)");
    return OK;
}

/* A message with calls may have words that a template leaves out on purpose. */
static enum err check_read(const json_t *messages, long unread)
{
    const json_t *message = unread < 0 ? NULL : json_array_get(messages, (size_t)unread);

    if (!message || json_array_size(json_object_get(message, "tool_calls")))
        return OK;
    return err_set(ERR_RANGE,
                   "message %ld: this chat template leaves out what the role '%.40s' "
                   "says",
                   unread, json_string_value(json_object_get(message, "role")));
}

static enum err prepare(const struct chat *chat, const json_t *messages, const json_t *tools,
                        json_t **list)
{
    enum err err;

    *list = NULL;
    if (!chat)
        return err_set(ERR_STATE, "no chat template");
    err = chat_message_list(list, messages);
    if (!err)
        err = check(chat, *list, tools);
    return err;
}

enum err chat_render(const struct chat *chat, const json_t *messages, const json_t *tools,
                     const json_t *kwargs, bool generation, char **text, size_t *n)
{
    struct jinja_text out;
    json_t *list;
    enum err err = prepare(chat, messages, tools, &list);

    *text = NULL;
    *n = 0;
    if (!err)
        err = run(chat, list, tools, kwargs, generation, &out);
    if (!err) {
        err = check_read(list, out.unread);
        if (err) {
            jinja_text_free(&out);
        } else {
            *text = out.text;
            *n = out.n;
            free(out.span);
        }
    }
    json_decref(list);
    return err;
}

/* Of a conversation that the assistant begins, the turn starts where its opening ends. */
static enum err behind_opening(const struct chat *chat, const struct jinja_text *with,
                               size_t *span)
{
    const char *at = chat->opening ? strstr(with->text, chat->opening) : NULL;

    if (!at)
        return err_set(ERR_RANGE, "message 0: this chat template does not open the assistant's "
                                  "turns as its generation prompt does");
    span[0] = (size_t)(at - with->text) + strlen(chat->opening);
    return OK;
}

/* [start, end) of turn i: what it adds to the ones before and the opening. `whole`: all of it
 * rendered. */
static enum err span_of(const struct chat *chat, const json_t *messages, size_t i,
                        const json_t *tools, const json_t *kwargs,
                        const struct jinja_text *whole, size_t *span)
{
    struct jinja_text before = {.text = NULL}, with = {.text = NULL};
    json_t *head = json_array();
    enum err err = OK;

    for (size_t k = 0; k < i; k++)
        json_array_append(head, json_array_get(messages, k));
    if (i) /* before the first message templates raise, or write less than they do with one */
        err = run(chat, head, tools, kwargs, true, &before);
    json_array_append(head, json_array_get(messages, i));
    if (!err)
        err = run(chat, head, tools, kwargs, false, &with);
    json_decref(head);
    if (!err && (before.n > with.n || with.n > whole->n || before.n < chat->early ||
                 (before.n && memcmp(before.text, with.text, before.n)) ||
                 (with.n && memcmp(with.text, whole->text, with.n))))
        err = err_set(ERR_RANGE,
                      "message %zu: this chat template writes other text when more messages "
                      "follow, so what the assistant says cannot be told apart: give it "
                      "{%% generation %%} marks, or learn completions",
                      i);
    if (!err) {
        span[0] = before.n;
        span[1] = with.n;
        if (!i)
            err = behind_opening(chat, &with, span);
        span[0] -= chat->early;
    }
    jinja_text_free(&before);
    jinja_text_free(&with);
    return err;
}

static enum err added(const struct chat *chat, const json_t *messages, const json_t *tools,
                      const json_t *kwargs, struct jinja_text *whole)
{
    const json_t *item;
    enum err err = OK;
    size_t i;

    free(whole->span);
    whole->span = mem_new(2 * json_array_size(messages) + 1, sizeof *whole->span);
    whole->spans = 0;
    json_array_foreach((json_t *)(uintptr_t)messages, i, item)
    {
        const char *role = json_string_value(json_object_get(item, "role"));

        if (err || strcmp(role, "assistant"))
            continue;
        err = span_of(chat, messages, i, tools, kwargs, whole, whole->span + 2 * whole->spans);
        whole->spans += !err;
    }
    return err;
}

enum err chat_spans(const struct chat *chat, const json_t *messages, const json_t *tools,
                    const json_t *kwargs, size_t **span, size_t *spans)
{
    struct jinja_text whole = {.text = NULL};
    json_t *list;
    enum err err = prepare(chat, messages, tools, &list);

    *span = NULL;
    *spans = 0;
    if (!err)
        err = run(chat, list, tools, kwargs, false, &whole);
    if (!err && !jinja_marks(chat->jinja))
        err = added(chat, list, tools, kwargs, &whole);
    if (!err) {
        *span = whole.span;
        *spans = whole.spans;
        whole.span = NULL;
    }
    jinja_text_free(&whole);
    json_decref(list);
    return err;
}

/* What is written before an answer's words. */
static void find_opening(struct chat *chat)
{
    json_t *messages = json_pack("[{s:s,s:s}]", "role", "user", "content", "Why?");
    struct jinja_text without, with;

    if (!run(chat, messages, NULL, NULL, false, &without)) {
        if (!run(chat, messages, NULL, NULL, true, &with)) {
            if (with.n > without.n && !memcmp(with.text, without.text, without.n))
                chat->opening = mem_text(with.text + without.n);
            jinja_text_free(&with);
        }
        jinja_text_free(&without);
    }
    json_decref(messages);
}

/* What is written behind them: the end token, and blanks. */
static void find_end(struct chat *chat)
{
    static const char words[] = "Zebra7";
    json_t *messages = json_pack("[{s:s,s:s},{s:s,s:s}]", "role", "user", "content", "Why?",
                                 "role", "assistant", "content", words);
    struct jinja_text out;
    const char *behind = NULL;
    size_t n;

    chat->tail = mem_text("");
    if (!run(chat, messages, NULL, NULL, false, &out)) {
        for (char *at = out.text; (at = strstr(at, words)) != NULL; at++)
            behind = at + strlen(words);
        n = behind ? strlen(behind) : 0;
        while (n && strchr(" \n\t", behind[n - 1]))
            n--;
        if (behind) {
            free(chat->tail);
            chat->tail = mem_text(behind + n);
            chat->end = n ? mem_print("%.*s", (int)n, behind) : NULL;
        }
        jinja_text_free(&out);
    }
    json_decref(messages);
}

enum err chat_open(struct chat **out, const char *template_text, const json_t *tokens)
{
    struct jinja *jinja;
    struct chat *chat;
    struct hash sum;
    enum err err;

    *out = NULL;
    if (!template_text || !*template_text)
        return OK;
    err = jinja_open(&jinja, template_text, strlen(template_text));
    if (err)
        return err;
    sum = chat_known_hash(template_text);
    chat = mem_new(1, sizeof *chat);
    chat->jinja = jinja;
    chat->source = mem_text(template_text);
    chat->tokens = tokens ? json_deep_copy(tokens) : json_object();
    chat->name = chat_known(&sum);
    chat->early = chat->name && !strcmp(chat->name, "qwen2.5");
    find_opening(chat);
    find_end(chat);
    *out = chat;
    return OK;
}

void chat_free(struct chat *chat)
{
    if (!chat)
        return;
    jinja_free(chat->jinja);
    json_decref(chat->tokens);
    free(chat->source);
    free(chat->opening);
    free(chat->end);
    free(chat->tail);
    free(chat);
}

enum err chat_named(struct chat **out, const char *name, const json_t *tokens)
{
    const char *text = chat_template(name);

    *out = NULL;
    if (!text)
        return err_set(ERR_RANGE, "chat template \"%.32s\": not one of " CHAT_TEMPLATE_NAMES,
                       name);
    return chat_open(out, text, tokens);
}

const char *chat_name(const struct chat *chat)
{
    return chat->name ? chat->name : "template";
}

const char *chat_source(const struct chat *chat)
{
    return chat ? chat->source : NULL;
}

bool chat_dated(const struct chat *chat)
{
    return chat && jinja_mentions(chat->jinja, "strftime_now");
}

bool chat_marks(const struct chat *chat)
{
    return chat && jinja_marks(chat->jinja);
}

bool chat_asks(const struct chat *chat, const char *name)
{
    return chat && jinja_mentions(chat->jinja, name);
}

const char *chat_tail(const struct chat *chat)
{
    return chat ? chat->tail : "";
}

const char *chat_end(const struct chat *chat)
{
    return chat ? chat->end : NULL;
}
