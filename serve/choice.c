/* Tokens become text one by one, so that a stream and a whole answer are made of the same bytes.
 * Special tokens are no text; nor is SentencePiece's blank before the first word. A stop string is
 * known to the engine by the bytes of the tokens, and ends somewhere inside the last of them: the
 * text is cut where it begins, as OpenAI's interface wants it, while ids and log-probabilities
 * stay whole, as `drover generate` tells them. */

#include "serve/choice.h"

#include "base/mem.h"
#include "serve/tool_calls.h"

#include <stdlib.h>
#include <string.h>

static bool is_end(const struct sampling *s, int token)
{
    for (int i = 0; i < s->n_stop; i++)
        if (s->stop[i] == token)
            return true;
    return false;
}

void choice_add(struct choice *c, const struct ask_request *ask,
                const struct tokenizer *tokenizer, const struct generate_token *t)
{
    const char *piece;
    size_t n, lead;

    if (c->n == c->room) {
        c->room = c->room ? 2 * c->room : 32;
        c->ids = mem_grow(c->ids, (size_t)c->room, sizeof *c->ids);
        c->logprob = mem_grow(c->logprob, (size_t)c->room, sizeof *c->logprob);
        c->top = mem_grow(c->top, (size_t)c->room * (size_t)t->tops + 1, sizeof *c->top);
    }
    c->tops = t->tops; /* the same of every token of an answer */
    c->ids[c->n] = t->token;
    c->logprob[c->n] = t->logprob;
    if (t->tops)
        memcpy(c->top + (size_t)c->n * (size_t)c->tops, t->top,
               (size_t)t->tops * sizeof *c->top);
    c->n++;
    if (is_end(&ask->sampling, t->token) || tokenizer_is_special(tokenizer, t->token))
        return;
    piece = tokenizer_piece(tokenizer, t->token, &n);
    if (!piece)
        return; /* a row of the embedding that is no token */
    lead = c->text.n ? 0 : tokenizer_lead(tokenizer, piece, n);
    strbuf_put(&c->text, piece + lead, n - lead);
}

/* Where the first of the stop strings begins in what was not told yet; the text's end if none is
 * there (it may stand across a special token, which is no text). */
static size_t cut(const struct choice *c, const struct sampling *s)
{
    size_t at = c->text.n;

    for (int i = 0; i < s->stop_text_count; i++) {
        const size_t n = strlen(s->stop_text[i]);

        for (size_t k = c->told_bytes; k + n <= c->text.n && k < at; k++)
            if (!memcmp(c->text.text + k, s->stop_text[i], n))
                at = k;
    }
    return at;
}

void choice_end(struct choice *c, const struct ask_request *ask, enum finish finish)
{
    c->done = true;
    c->finish = finish;
    c->bytes =
        finish == FINISH_STOP_TEXT && !ask->keep_stop ? cut(c, &ask->sampling) : c->text.n;
}

/* Bytes at the end of `text` that may be the beginning of `word`. */
static size_t beginning(const struct strbuf *text, const char *word)
{
    size_t n = strlen(word) - 1;

    for (n = n < text->n ? n : text->n; n; n--)
        if (!memcmp(text->text + text->n - n, word, n))
            return n;
    return 0;
}

/* Bytes at the end that may be the beginning of a character. */
static size_t unfinished(const struct strbuf *text)
{
    for (size_t back = 1; back <= 3 && back <= text->n; back++) {
        const unsigned char b = (unsigned char)text->text[text->n - back];

        if ((b & 0xc0) == 0x80)
            continue;
        return b >= (back == 1 ? 0xc0 : back == 2 ? 0xe0 : 0xf0) ? back : 0;
    }
    return 0;
}

size_t choice_ready(const struct choice *c, const struct ask_request *ask)
{
    const struct sampling *s = &ask->sampling;
    size_t held = unfinished(&c->text), ready, call;

    if (c->done)
        return c->bytes;
    for (int i = 0; i < s->stop_text_count && !ask->keep_stop; i++) {
        const size_t n = beginning(&c->text, s->stop_text[i]);

        held = n > held ? n : held;
    }
    ready = c->text.n - held;
    /* A stop string is whole a moment before the engine says that the answer has ended. */
    if (!ask->keep_stop && cut(c, s) < ready)
        ready = cut(c, s);
    if (!ask->tools)
        return ready;
    call = tool_calls_begin(c->text.text ? c->text.text : "", c->text.n);
    held = beginning(&c->text, TOOL_CALLS_OPEN);
    if (c->text.n - held < ready)
        ready = c->text.n - held;
    return call < ready ? call : ready;
}

void choice_free(struct choice *c)
{
    free(c->ids);
    free(c->logprob);
    free(c->top);
    free(c->text.text);
    memset(c, 0, sizeof *c);
}
