/* One line after the other, until so many texts are there: each is turned into tokens and put behind the last. A text of one
 * token says nothing of a next one and is no text. */

#include "bench/texts.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *text_of(const json_t *line)
{
    static const char *const keys[] = {"chosen", "text", "prompt"};

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (json_is_string(json_object_get(line, keys[i])))
            return json_string_value(json_object_get(line, keys[i]));
    return NULL;
}

/* There is room for it: texts_read makes that of the longest. */
static enum err add(struct texts *out, const char *line, const struct tokenizer *tokenizer,
                    int longest)
{
    json_t *json = json_loads(line, 0, NULL);
    const char *text = text_of(json);
    int *ids = NULL;
    size_t n = 0;
    enum err err = text ? tokenizer_encode(tokenizer, text, strlen(text), true, &ids, &n) : OK;

    if (!err && n > (size_t)longest)
        n = (size_t)longest;
    if (!err && n < 2)
        out->unread++;
    else if (!err) {
        memcpy(out->token + out->start[out->n], ids, n * sizeof *ids);
        out->start[out->n + 1] = out->start[out->n] + (int)n;
        out->n++;
    }
    free(ids);
    json_decref(json);
    return err;
}

enum err texts_read(struct texts *out, const char *path, const struct tokenizer *tokenizer,
                    int records, int longest)
{
    FILE *file = NULL;
    char *line = NULL;
    size_t room = 0;
    enum err err = OK;

    *out = (struct texts){0};
    if (records < 1 || longest < 2 || records > (1 << 28) / longest)
        return err_set(ERR_RANGE, "%d records of %d tokens: too few or too many", records,
                       longest);
    file = fopen(path, "r");
    if (!file)
        return err_set(ERR_IO, "%s: cannot be read", path);
    out->token = mem_new((size_t)records * (size_t)longest, sizeof *out->token);
    out->start = mem_new((size_t)records + 1, sizeof *out->start);
    while (!err && out->n < records && getline(&line, &room, file) > 0)
        err = add(out, line, tokenizer, longest);
    if (!err && !out->n)
        err = err_set(ERR_RANGE, "%s: no line has a text as chosen, text or prompt", path);
    if (!err && out->unread)
        printf("%ld lines without a text were passed over\n", out->unread);
    free(line);
    fclose(file);
    return err;
}

void texts_fini(struct texts *texts)
{
    free(texts->token);
    free(texts->start);
    *texts = (struct texts){0};
}
