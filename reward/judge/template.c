/* A template is read line by line into four parts; headings are lines, so a part may hold any
 * text. Reading checks placeholders (a misspelt one would be asked about as it stands), filling
 * replaces them: template_read runs once a judge, template_fill once a question.
 *
 * What is put in comes from a model in training, and a model that finds out that "<|im_end|>"
 * ends the judge's question would be its own judge. So in each text, before it is put, every
 * name of a special token of the judge gets a blank behind its first byte: read by a person it
 * is the same, as a token it is none. The template's own text is the user's and stays as it
 * is. */

#include "reward/judge/template.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "lm/text/encode.h"

#include <stdlib.h>
#include <string.h>

enum template_part { PART_SYSTEM, PART_USER, PART_ASSISTANT, PART_VERDICTS, PARTS };
static const char *const headings[PARTS] = {"[system]", "[user]", "[assistant]", "[verdicts]"};
static const char *const slots[TEMPLATE_SLOTS] = {"prompt", "a",         "b",
                                                  "rubric", "principle", "critique"};

struct template
{
    char *text, *part[PARTS]; /* parts without blanks at their ends; never NULL */
    char word[TEMPLATE_WORDS_MAX][TEMPLATE_WORD];
    int n_word;
};

/* Length of "{word}" at `at`, 0 if it is no placeholder; *slot is -1 for an unknown one. */
static size_t placeholder(const char *at, int *slot)
{
    const size_t n = strspn(at + 1, "abcdefghijklmnopqrstuvwxyz");

    *slot = -1;
    if (*at != '{' || !n || at[n + 1] != '}')
        return 0;
    for (int i = 0; i < TEMPLATE_SLOTS; i++)
        if (strlen(slots[i]) == n && !memcmp(slots[i], at + 1, n))
            *slot = i;
    return n + 2;
}

/* Of a line that is read: {word} of small letters must be one of ours, {1, 2} and {Name} are
 * text. */
static enum err check_placeholders(const char *line)
{
    for (const char *at = strchr(line, '{'); at; at = strchr(at + 1, '{')) {
        int slot;
        const size_t n = placeholder(at, &slot);
        if (n && slot < 0)
            return err_set(ERR_PARSE,
                           "%.*s: no such placeholder; known are {prompt} {a} {b} {rubric} "
                           "{principle} {critique}",
                           (int)n, at);
    }
    return OK;
}

/* Verdicts may stand on one line or on several. Two that are the same would share their
 * probability. */
static enum err take_words(struct template *t, char *line)
{
    char *save = NULL;

    for (char *w = strtok_r(line, " \t\r", &save); w; w = strtok_r(NULL, " \t\r", &save)) {
        if (t->n_word == TEMPLATE_WORDS_MAX || strlen(w) >= TEMPLATE_WORD)
            return err_set(ERR_RANGE, "verdicts: at most %d words of %d bytes",
                           TEMPLATE_WORDS_MAX, TEMPLATE_WORD - 1);
        for (int i = 0; i < t->n_word; i++)
            if (!strcmp(t->word[i], w))
                return err_set(ERR_PARSE, "verdicts: '%s' twice", w);
        memcpy(t->word[t->n_word++], w, strlen(w) + 1);
    }
    return OK;
}

/* The part that a line opens, -1: it is text. Blanks behind a heading are nobody's intention.
 */
static int heading(const char *line)
{
    for (int i = 0; i < PARTS; i++) {
        const size_t n = strlen(headings[i]);
        if (!strncmp(line, headings[i], n) && strspn(line + n, " \t\r") == strlen(line + n))
            return i;
    }
    return -1;
}

static enum err take_line(struct template *t, struct strbuf buf[PARTS],
                          enum template_part *part, char *line)
{
    const int next = heading(line);
    enum err err;

    if (next >= 0) {
        *part = (enum template_part)next;
        return OK;
    }
    if (*part == PART_VERDICTS)
        return take_words(t, line);
    err = check_placeholders(line);
    if (!err) {
        strbuf_put(&buf[*part], line, strlen(line));
        strbuf_put(&buf[*part], "\n", 1);
    }
    return err;
}

/* Blanks at both ends dropped. */
static char *trimmed(struct strbuf *buf)
{
    char *text = buf->text ? buf->text : mem_text("");
    const size_t from = strspn(text, " \t\r\n");
    size_t n = strlen(text);

    while (n > from && strchr(" \t\r\n", text[n - 1]))
        n--;
    memmove(text, text + from, n - from);
    text[n - from] = 0;
    return text;
}

enum err template_read(struct template **out, const char *text, size_t n, const char *name)
{
    struct template *t = mem_new(1, sizeof *t);
    struct strbuf buf[PARTS] = {{0}};
    enum template_part part = PART_USER;
    char *copy, *line;
    long number = 0;
    enum err err = OK;

    *out = NULL;
    if (n > TEMPLATE_BYTES_MAX || memchr(text, 0, n))
        err = err_set(ERR_RANGE, "a template has at most %d bytes and no zero",
                      TEMPLATE_BYTES_MAX);
    t->text = mem_new(n + 1, 1);
    memcpy(t->text, text, n);
    copy = mem_text(t->text);
    for (line = copy; line && !err; number++) {
        char *stop = strchr(line, '\n');
        if (stop)
            *stop = 0;
        err = take_line(t, buf, &part, line);
        line = stop ? stop + 1 : NULL;
    }
    free(copy);
    if (err)
        err = err_add("%s:%ld", name, number);
    for (int i = 0; i < PARTS; i++)
        t->part[i] = trimmed(&buf[i]);
    if (!err && !*t->part[PART_USER])
        err = err_set(ERR_PARSE, "%s: nothing under [user]", name);
    if (err)
        template_free(t);
    else
        *out = t;
    return err;
}

enum err template_file(struct template **out, const char *path)
{
    char *text;
    size_t n;
    enum err err = fs_read(&text, &n, path, TEMPLATE_BYTES_MAX);

    *out = NULL;
    if (err)
        return err;
    err = template_read(out, text, n, path);
    free(text);
    return err;
}

void template_free(struct template *t)
{
    if (!t)
        return;
    free(t->text);
    for (int i = 0; i < PARTS; i++)
        free(t->part[i]);
    free(t);
}

const char *template_text(const struct template *t)
{
    return t->text;
}

bool template_has(const struct template *t, enum template_slot slot)
{
    for (int i = 0; i < PART_VERDICTS; i++)
        for (const char *at = strchr(t->part[i], '{'); at; at = strchr(at + 1, '{')) {
            int found;
            if (placeholder(at, &found) && found == (int)slot)
                return true;
        }
    return false;
}

int template_words(const struct template *t)
{
    return t->n_word;
}

const char *template_word(const struct template *t, int i)
{
    return t->word[i];
}

/* Behind words a verdict is a word more; behind a template's own mark it stands at once. */
const char *template_gap(const struct template *t)
{
    return *t->part[PART_ASSISTANT] ? " " : "";
}

/* Puts `text`, with a blank inside each special token's name. Token after token over the whole
 * text, since breaking one up may leave no other, but a shorter name may hide in a longer. */
static void put_plain(struct strbuf *buf, const char *text, const struct tokenizer *tokenizer)
{
    const size_t all = strlen(text);
    struct strbuf from = {0}, to = {0};

    strbuf_put(&from, text, all);
    for (int id = 0; id < tokenizer_count(tokenizer); id++) {
        size_t n;
        const char *const piece = tokenizer_piece(tokenizer, id, &n);
        char name[128];
        if (!tokenizer_is_special(tokenizer, id) || n < 2 || n >= sizeof name)
            continue;
        memcpy(name, piece, n);
        name[n] = 0;
        if (!strstr(from.text, name))
            continue;
        to.n = 0;
        strbuf_put(&to, "", 0);
        for (const char *at = from.text, *hit; *at; at = hit + 1) {
            hit = strstr(at, name);
            strbuf_put(&to, at, hit ? (size_t)(hit - at) + 1 : strlen(at));
            if (!hit)
                break;
            strbuf_put(&to, " ", 1);
        }
        strbuf_put(&from, "", 0);
        from.n = 0;
        strbuf_put(&from, to.text, to.n);
    }
    strbuf_put(buf, from.text, from.n);
    free(from.text);
    free(to.text);
}

static char *fill(const char *part, const char *const *slot, const struct tokenizer *tokenizer)
{
    struct strbuf buf = {0};

    strbuf_put(&buf, "", 0);
    for (const char *at = part; *at;) {
        int which;
        const size_t n = placeholder(at, &which), plain = 1 + strcspn(at + 1, "{");
        if (n && slot[which])
            put_plain(&buf, slot[which], tokenizer);
        else if (!n)
            strbuf_put(&buf, at, plain);
        at += n ? n : plain;
    }
    return buf.text;
}

/* By the model's own chat template, up to where its answer begins. */
static enum err render(char *const part[PARTS], const struct encode *encode, char **text,
                       size_t *n)
{
    json_t *messages = json_array();
    enum err err;

    if (*part[PART_SYSTEM])
        json_array_append_new(
            messages, json_pack("{s:s,s:s}", "role", "system", "content", part[PART_SYSTEM]));
    json_array_append_new(messages,
                          json_pack("{s:s,s:s}", "role", "user", "content", part[PART_USER]));
    err = encode_text(encode, messages, NULL, true, text, n);
    json_decref(messages);
    return err;
}

enum err template_fill(const struct template *t, const char *const *slot,
                       const struct encode *encode, char **text, size_t *n)
{
    char *part[PARTS], *whole = NULL;
    struct strbuf buf = {0};
    enum err err = OK;

    *text = NULL;
    for (int i = 0; i < PARTS; i++)
        part[i] = fill(t->part[i], slot, encode->tokenizer);
    if (!encode->chat && encode->chat_error)
        err = err_set(ERR_STATE, "%s", encode->chat_error);
    else if (!encode->chat)
        whole = mem_print("%s%s%s\n\n", part[PART_SYSTEM], *part[PART_SYSTEM] ? "\n\n" : "",
                          part[PART_USER]);
    else
        err = render(part, encode, &whole, n);
    if (!err) {
        strbuf_put(&buf, whole, strlen(whole));
        strbuf_put(&buf, part[PART_ASSISTANT], strlen(part[PART_ASSISTANT]));
        *text = buf.text;
        *n = buf.n;
    }
    free(whole);
    for (int i = 0; i < PARTS; i++)
        free(part[i]);
    return err;
}
