/* Training changes weights, and perhaps pad, end and template; what else a model's folder says
 * of its tokenizer is as true afterwards, and readers that go by those files (llama.cpp's
 * converter, a slow tokenizer) find them. folder writes its own files first; these fill up what
 * it has not. A model card (README.md) stays behind: it tells of another model's training. */

#include "lm/file/travel.h"

#include "base/fs.h"
#include "base/mem.h"
#include "lm/file/hfconfig.h"

#include <stdlib.h>
#include <string.h>

enum { TRAVELLER_BYTES = 128 << 20, CONFIG_BYTES = 4 << 20 };

static const char *const travellers[] = {
    "tokenizer.model", "vocab.json", "merges.txt", "added_tokens.json", "LICENSE",
    "LICENSE.txt",     "LICENSE.md", "NOTICE",     "NOTICE.txt",        "USE_POLICY.md",
};

/* By value, not by link: the hub's cache, where a start model often lies, may be cleared. */
static enum err copy(const char *to, const char *from)
{
    char *bytes;
    size_t n;
    enum err err = fs_read(&bytes, &n, from, TRAVELLER_BYTES);

    if (!err)
        err = fs_write(to, bytes, n);
    free(bytes);
    return err;
}

/* A missing one is no error, and what folder has written itself stays. */
enum err travel_files(const char *to, const char *start)
{
    enum err err = OK;

    for (size_t i = 0; start && !err && i < sizeof travellers / sizeof *travellers; i++) {
        char *old = mem_print("%s/%s", start, travellers[i]);
        char *new = mem_print("%s/%s", to, travellers[i]);

        if (fs_exists(old) && !fs_is_dir(old) && !fs_exists(new))
            err = copy(new, old);
        free(old);
        free(new);
    }
    return err;
}

bool travel_goes(const char *name)
{
    for (size_t i = 0; i < sizeof travellers / sizeof *travellers; i++)
        if (!strcmp(name, travellers[i]))
            return true;
    return false;
}

/* A number without a limit (model_max_length) is longer than an integer: then all of the file's
 * are read as reals, and those that are whole become integers again. */
static json_t *parse(const char *text, size_t n, const char *path)
{
    json_t *json = NULL, *value;
    const char *key;

    if (!hfconfig_parse(&json, text, n, path, 0))
        return json;
    if (hfconfig_parse(&json, text, n, path, JSON_DECODE_INT_AS_REAL))
        return NULL;
    json_object_foreach(json, key, value)
    {
        const double real = json_real_value(value);

        if (json_is_real(value) && real > -1e15 && real < 1e15 && real == (double)(long)real)
            json_object_set_new(json, key, json_integer((json_int_t)real));
    }
    return json;
}

/* A file that does not read gave its error when the model was opened; here it is as none. */
json_t *travel_json(const char *start, const char *name)
{
    char *path = start ? mem_print("%s/%s", start, name) : NULL, *text = NULL;
    json_t *json = NULL;
    size_t n = 0;

    if (path && fs_exists(path) && !fs_read(&text, &n, path, CONFIG_BYTES))
        json = parse(text, n, path);
    free(text);
    free(path);
    return json ? json : json_object();
}

void travel_token(json_t *to, const char *key, const char *text)
{
    const json_t *is = json_object_get(to, key);
    const char *says =
        json_string_value(json_is_object(is) ? json_object_get(is, "content") : is);

    if (!says || strcmp(says, text) != 0)
        json_object_set_new(to, key, json_string(text));
}
