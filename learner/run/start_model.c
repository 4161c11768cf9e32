/* Opened without its weights first: tokenizer, template and shape are enough to read the data
 * and to plan, and a run that is refused has then loaded nothing. The end token of the
 * configuration replaces the model's first one, so that every reader of the card sees the same.
 * The day that a template may say is kept in run.json: a run that goes on tomorrow must read the
 * same tokens. */
#include "learner/run/start_model.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "lm/file/chat_choice.h"
#include "lm/text/reading.h"

#include <stdlib.h>
#include <string.h>

/* run.json holds the configuration, which may quote long templates. */
enum { RUN_MAX = 16 << 20 };

static const char kwargs[] = "chat_template_kwargs", day_key[] = "date_string";

/* The end token: named in the configuration, or the model's first. *text NULL: none. */
static enum err take_eos(struct model_files *card, const char *name, char **text)
{
    int id = card->shape.eos_count ? card->shape.eos[0] : -1;
    enum err err;

    *text = NULL;
    /* The card is made anew: bundles written from it must name this token, too. */
    if (name) {
        id = tokenizer_id(card->tokenizer, name);
        if (id < 0)
            return err_set(ERR_RANGE, "eos_token: the tokenizer has no '%s'", name);
        err = chat_choice_end(card, id);
        if (err)
            return err;
    }
    *text = reading_end(card->tokenizer, id);
    return OK;
}

/* A name that the template does not ask for would be read by nobody, and the user would believe
 * that it was. The day is also strftime_now's. */
static enum err check_names(const struct chat *chat, const json_t *given)
{
    const json_t *value;
    const char *name;

    json_object_foreach(
        (json_t *)(uintptr_t)given, name,
        value) if (!chat_asks(chat, name) &&
                   !(chat_dated(chat) &&
                     !strcmp(
                         name,
                         day_key))) return err_set(ERR_RANGE,
                                                   "%s: '%s' is not read by this chat template",
                                                   kwargs, name);
    return OK;
}

/* A template file of the user's replaces the model's before the end token is settled, which
 * a template may name. */
enum err start_model_open(struct model_files **out, const struct keys *keys,
                          enum model_files_want want, int longest, char **eos)
{
    enum precision compute;
    enum err err = precision_named(&compute, keys->compute);

    *out = NULL;
    if (!err)
        err = model_files_open_as(out, keys->model_name_or_path, want, compute);
    *eos = NULL;
    if (!err && keys->chat_template && keys->chat_template_path)
        err = err_set(ERR_RANGE, "chat_template and chat_template_path: give one of the two");
    else if (!err && keys->chat_template)
        err = chat_choice_text(*out, keys->chat_template);
    else if (!err && keys->chat_template_path)
        err = chat_choice(*out, keys->chat_template_path);
    if (!err)
        err = check_names((*out)->chat, keys->chat_template_kwargs);
    if (!err)
        err = model_files_reach(*out, longest);
    if (!err)
        err = take_eos(*out, keys->eos_token, eos);
    return err;
}

enum err start_model_kwargs(const struct keys *keys)
{
    const json_t *given = keys->chat_template_kwargs, *value;
    const char *name;

    if (given && !json_is_object(given))
        return err_set(ERR_PARSE, "%s: expected a map such as {date_string: 26 Jul 2024}",
                       kwargs);
    json_object_foreach((json_t *)(uintptr_t)given, name, value)
    {
        if (!strcmp(name, day_key) && !json_is_string(value))
            return err_set(ERR_PARSE, "%s: %s: expected a text", kwargs, day_key);
    }
    return OK;
}

/* A folder that is about to be overwritten has nothing to say any more. */
void start_model_kept_day(json_t *config, const struct keys *keys)
{
    char *path = mem_print("%s/run.json", keys->output_dir), *text = NULL;
    json_t *run = NULL, *was;
    size_t n;

    if (!keys->overwrite_output_dir && !json_object_get(config, kwargs) && fs_exists(path) &&
        !fs_read(&text, &n, path, RUN_MAX))
        run = json_loadb(text, n, 0, NULL);
    was = json_object_get(json_object_get(run, "config"), kwargs);
    if (was)
        json_object_set(config, kwargs, was);
    json_decref(run);
    free(text);
    free(path);
}

/* Said once in the log, since it is a choice that nobody asked for. */
const json_t *start_model_day(json_t *config, const struct model_files *card)
{
    json_t *given = json_object_get(config, kwargs);
    char day[CHAT_DATE_ROOM];

    if (!json_object_get(given, day_key) && chat_dated(card->chat)) {
        given = given ? json_copy(given) : json_object(); /* the keys' own stays as it is */
        json_object_set_new(given, day_key, json_string(chat_date(day, clock_wall_ms())));
        json_object_set_new(config, kwargs, given);
        log_info("template",
                 "today=\"%s\" the chat template says the date: this run keeps it "
                 "(chat_template_kwargs: {date_string: ...} names another)",
                 day);
    }
    return given;
}
