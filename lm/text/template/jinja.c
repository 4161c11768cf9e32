/* How it works: a template is its tree, in a pool of its own, beside its tokens (what it
 * mentions is looked for there). A run has another pool for all that it computes; the result is
 * copied out of it in the end. Both leave early by a jump to here.
 * A run's variables are JSON, borrowed: strings are not copied, only lists and dictionaries are
 * made anew. */
#include "lm/text/template/jinja.h"

#include "base/mem.h"
#include "lm/text/template/fold.h"
#include "lm/text/template/grammar.h"
#include "lm/text/template/letters.h"
#include "lm/text/template/lexer.h"
#include "lm/text/template/machine.h"
#include "lm/text/utf8.h"

#include <stdlib.h>
#include <string.h>

struct jinja {
    struct pool pool;
    struct tokens tokens;
    struct node *body;
    bool marks;
};

/* In a function of its own: what changes between setjmp and a jump to it must live elsewhere. */
static enum err read_source(struct jinja *jinja, const char *source, size_t n)
{
    struct parser parser = {.pool = &jinja->pool};

    if (setjmp(jinja->pool.out))
        return jinja->pool.err;
    lexer_read(&jinja->pool, source, n, &jinja->tokens);
    parser.token = jinja->tokens.token;
    jinja->body = parser_read(&parser);
    fold_slices(jinja->body);
    jinja->marks = parser.marks;
    return OK;
}

enum err jinja_open(struct jinja **out, const char *source, size_t n)
{
    struct jinja *jinja;
    enum err err;

    *out = NULL;
    if (n > JINJA_SOURCE_MAX)
        return err_set(ERR_RANGE, "a chat template of %zu bytes, at most %d", n,
                       JINJA_SOURCE_MAX);
    if (!utf8_valid(source, n))
        return err_set(ERR_PARSE, "the chat template is not UTF-8");
    jinja = mem_new(1, sizeof *jinja);
    pool_init(&jinja->pool, JINJA_MEMORY_MAX);
    err = read_source(jinja, source, n);
    if (err) {
        jinja_free(jinja);
        return err;
    }
    *out = jinja;
    return OK;
}

void jinja_free(struct jinja *jinja)
{
    if (!jinja)
        return;
    pool_free(&jinja->pool);
    free(jinja);
}

bool jinja_mentions(const struct jinja *jinja, const char *name)
{
    for (size_t i = 0; i < jinja->tokens.n; i++) {
        const struct token *token = &jinja->tokens.token[i];

        if (token->kind == TOKEN_STRING
                ? value_is(token->value, name)
                : token->kind == TOKEN_NAME && token->n == strlen(name) &&
                      !memcmp(token->text, name, token->n))
            return true;
    }
    return false;
}

bool jinja_marks(const struct jinja *jinja)
{
    return jinja->marks;
}

/* The messages, each with a mark for whether its content was looked at; NULL: there are none. */
static struct list *watched(struct run *run)
{
    const struct value *messages = value_named(run->pool, run->variables, "messages");
    struct list *list = messages && messages->kind == KIND_LIST ? messages->as.list : NULL;

    for (size_t i = 0; list && i < list->n; i++)
        if (list->item[i].kind == KIND_DICT)
            list->item[i].as.dict->read = pool_take(run->pool, 1);
    return list;
}

static long first_unread(struct run *run, const struct list *messages)
{
    for (size_t i = 0; messages && i < messages->n; i++) {
        const struct value message = messages->item[i];
        const struct value *content = message.kind == KIND_DICT
                                          ? value_named(run->pool, message.as.dict, "content")
                                          : NULL;

        if (content && content->kind == KIND_STRING && content->as.string->n &&
            !*message.as.dict->read)
            return (long)i;
    }
    return -1;
}

static void run_all(struct run *run, const struct jinja *jinja, const json_t *variables,
                    struct jinja_text *out)
{
    struct list *messages;

    run->pool->line = 1;
    run->variables = value_json(run->pool, variables).as.dict;
    messages = watched(run);
    run->out = &run->top;
    run->scope = run_scope(run, NULL);
    (void)run_body(run, jinja->body);
    out->unread = first_unread(run, messages);
}

enum err jinja_run(const struct jinja *jinja, const json_t *variables, const struct tm *now,
                   struct jinja_text *out)
{
    struct pool *pool = mem_new(1, sizeof *pool);
    struct run *run = mem_new(1, sizeof *run);
    enum err err = OK;

    memset(out, 0, sizeof *out);
    pool_init(pool, JINJA_MEMORY_MAX);
    run->pool = pool;
    run->now = now;
    if (!json_is_object(variables)) {
        err = err_set(ERR_PARSE, "a chat template's variables are no object");
    } else if (setjmp(pool->out)) {
        err = pool->err;
    } else {
        run_all(run, jinja, variables, out);
        out->n = run->top.n;
        out->text = mem_new(out->n + 1, 1);
        if (out->n)
            memcpy(out->text, run->top.text, out->n);
        out->spans = run->spans;
        out->span = mem_new(2 * run->spans + 1, sizeof *out->span);
        /* A block within another one, or in a macro, begins where nothing of it has been
         * written yet, and its length is counted off there, as transformers does it. */
        for (size_t i = 0; i < run->spans; i++) {
            const size_t at = run->span[2 * i], length = run->span[2 * i + 1];

            out->span[2 * i] = at;
            out->span[2 * i + 1] = at + letters_offset(out->text + at, out->n - at, length);
        }
    }
    pool_free(pool);
    free(pool);
    free(run);
    return err;
}

void jinja_text_free(struct jinja_text *text)
{
    free(text->text);
    free(text->span);
    memset(text, 0, sizeof *text);
}
