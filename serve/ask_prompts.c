/* A request's prompts as token ids: messages by the model's template, as `drover generate` renders
 * them; text as it encodes text (BOS where the tokenizer wants one); ids as they are, so that what
 * one answer told goes into the next request without a detour through text.
 *
 * Content in parts ([{"type": "text", …}]) becomes one text, its parts on lines of their own, as
 * vLLM does for templates that expect a text. What is not text is refused. */

#include "serve/ask.h"

#include "base/mem.h"
#include "base/strbuf.h"

#include <stdlib.h>
#include <string.h>

static enum err joined(json_t **out, struct fields *f, const json_t *parts)
{
    struct strbuf text = {NULL, 0, 0};
    const json_t *part;
    size_t i;
    enum err err = OK;

    json_array_foreach(parts, i, part)
    {
        const char *type = json_string_value(json_object_get(part, "type"));
        const json_t *words = json_object_get(part, "text");

        if (!json_is_string(words) || (type && strcmp(type, "text") != 0)) {
            err = fields_fault(f, "messages", ERR_RANGE, "content of type '%s': text alone",
                               type ? type : "?");
            break;
        }
        if (i)
            strbuf_put(&text, "\n", 1);
        strbuf_put(&text, json_string_value(words), json_string_length(words));
    }
    *out = err ? NULL : json_stringn(text.text ? text.text : "", text.n);
    free(text.text);
    return err;
}

/* A list of messages in which each content is a text or nothing. */
static enum err plain(json_t **out, struct fields *f, const json_t *messages)
{
    const json_t *message;
    size_t i;

    *out = json_array();
    json_array_foreach(messages, i, message)
    {
        const json_t *content = json_object_get(message, "content");
        json_t *copy, *text;

        if (!json_is_object(message))
            return fields_fault(f, "messages", ERR_PARSE, "message %zu is not an object", i);
        copy = json_copy((json_t *)(uintptr_t)message);
        json_array_append_new(*out, copy);
        if (!json_is_array(content))
            continue;
        if (joined(&text, f, content))
            return ERR_RANGE;
        json_object_set_new(copy, "content", text);
    }
    return OK;
}

/* "none" leaves the tools out of the prompt: a model that does not see them calls none. */
static enum err read_tools(struct ask_request *a, struct fields *f)
{
    const json_t *tools = fields_get(f, "tools"), *choice = fields_get(f, "tool_choice");
    const char *word = json_string_value(choice);

    if (tools && !json_is_array(tools))
        return fields_fault(f, "tools", ERR_PARSE, "expected a list");
    if (choice && (!word || (strcmp(word, "auto") != 0 && strcmp(word, "none") != 0)))
        return fields_fault(f, "tool_choice", ERR_RANGE,
                            "\"auto\" or \"none\": a call cannot be forced here");
    if (json_array_size(tools) && !(word && !strcmp(word, "none")))
        a->tools = json_incref((json_t *)(uintptr_t)tools);
    return OK;
}

/* The request's variables for the template over the model's own (today's date). One that the
 * template does not ask for has no effect, and says so. */
static enum err read_kwargs(json_t **out, struct ask_request *a, struct fields *f,
                            const struct encode *encode)
{
    const json_t *given = fields_get(f, "chat_template_kwargs");
    const char *name;
    json_t *value;

    *out = encode->kwargs ? json_copy((json_t *)(uintptr_t)encode->kwargs) : json_object();
    if (given && !json_is_object(given))
        return fields_fault(f, "chat_template_kwargs", ERR_PARSE, "expected an object");
    json_object_foreach((json_t *)(uintptr_t)given, name, value)
    {
        json_object_set(*out, name, value);
        if (encode->chat && !chat_asks(encode->chat, name) && json_array_size(a->warnings) < 16)
            json_array_append_new(
                a->warnings,
                json_sprintf("chat_template_kwargs: the template does not read '%.64s'", name));
    }
    return OK;
}

static enum err read_messages(struct ask_request *a, struct fields *f,
                              const struct ask_model *model)
{
    const json_t *messages = fields_get(f, "messages");
    struct encode encode = model->loaded->encode;
    json_t *list = NULL, *kwargs = NULL;
    struct encoded e = {NULL, 0, 0};
    enum err err;

    if (!json_array_size(messages))
        return fields_fault(f, "messages", ERR_PARSE, "expected a list of messages");
    err = read_tools(a, f);
    if (!err)
        err = plain(&list, f, messages);
    if (!err)
        err = read_kwargs(&kwargs, a, f, &encode);
    if (!err) {
        encode.kwargs = kwargs;
        f->wrong = "messages";
        err = encode_prompt(&encode, list, a->tools, &e);
    }
    json_decref(list);
    json_decref(kwargs);
    if (err)
        return err;
    a->prompt = mem_new(1, sizeof *a->prompt);
    a->prompt[0] = (struct ask_prompt){e.ids, e.n};
    a->prompts = 1;
    return OK;
}

/* ids [n] of a list; ownership of the memory is the prompt's at once, also on an error. */
static enum err take_ids(struct ask_prompt *to, struct fields *f, const json_t *list, int vocab)
{
    const json_t *id;
    size_t i;

    to->ids = mem_new(json_array_size(list) + 1, sizeof *to->ids);
    json_array_foreach(list, i, id)
    {
        const json_int_t value = json_integer_value(id);

        if (!json_is_integer(id) || value < 0 || value >= vocab)
            return fields_fault(f, "prompt", ERR_RANGE, "token %zu is no id in 0..%d", i,
                                vocab - 1);
        to->ids[i] = (int)value;
    }
    to->n = (int)json_array_size(list);
    return OK;
}

static enum err take(struct ask_prompt *to, struct fields *f, const json_t *value,
                     const struct ask_model *model)
{
    struct encoded e = {NULL, 0, 0};

    if (json_is_array(value))
        return take_ids(to, f, value, model->loaded->files->shape.vocab);
    if (!json_is_string(value))
        return fields_fault(f, "prompt", ERR_PARSE,
                            "expected a text, a list of texts, token ids or lists of these");
    f->wrong = "prompt";
    if (encode_prompt(&model->loaded->encode, value, NULL, &e))
        return ERR_RANGE;
    *to = (struct ask_prompt){e.ids, e.n};
    return OK;
}

enum err ask_prompts(struct ask_request *a, struct fields *f, const struct ask_model *model)
{
    const json_t *prompt = fields_get(f, "prompt");
    const bool many = json_is_array(prompt) && !json_is_integer(json_array_get(prompt, 0));
    const size_t n = many ? json_array_size(prompt) : prompt != NULL;
    enum err err = OK;

    if (a->chat)
        return read_messages(a, f, model);
    if (!n || n > ASK_PROMPTS_MAX)
        return fields_fault(f, "prompt", ERR_RANGE, "1 to %d prompts", ASK_PROMPTS_MAX);
    a->prompt = mem_new(n, sizeof *a->prompt);
    for (a->prompts = 0; a->prompts < (int)n && !err;) {
        const json_t *one = many ? json_array_get(prompt, (size_t)a->prompts) : prompt;

        /* counted first: what it took is then freed whatever comes of it */
        a->prompts++;
        err = take(&a->prompt[a->prompts - 1], f, one, model);
    }
    return err;
}
