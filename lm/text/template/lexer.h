/* lexer: a template's text to tokens, with transformers' whitespace: trim_blocks, lstrip_blocks,
 * one line break at the end dropped. */

#ifndef LM_TEXT_TEMPLATE_LEXER_H
#define LM_TEXT_TEMPLATE_LEXER_H

#include "lm/text/template/value.h"

enum token_kind {
    TOKEN_END,
    TOKEN_DATA,
    TOKEN_PRINT, /* {{ */
    TOKEN_PRINT_END,
    TOKEN_BLOCK, /* {% */
    TOKEN_BLOCK_END,
    TOKEN_NAME,
    TOKEN_STRING,
    TOKEN_NUMBER, /* INT or FLOAT, in value */
    TOKEN_SIGN    /* an operator: its characters in text */
};

struct token {
    enum token_kind kind;
    int line;
    const char *text; /* DATA, NAME, SIGN */
    size_t n;
    struct value value; /* STRING, NUMBER */
};

struct tokens {
    struct token *token; /* the last is END */
    size_t n, room;
};

/* Fails for what Jinja2 refuses, with its line. */
void lexer_read(struct pool *pool, const char *source, size_t n, struct tokens *out);

#endif
