/* grammar: tokens to a tree, by Jinja2's grammar: parser.c has the statements, expression.c the
 * expressions, postfix.c what stands behind one. A header alone: they call one another. */

#ifndef LM_TEXT_TEMPLATE_GRAMMAR_H
#define LM_TEXT_TEMPLATE_GRAMMAR_H

#include "lm/text/template/lexer.h"
#include "lm/text/template/tree.h"

struct parser {
    struct pool *pool;
    const struct token *token; /* the one at hand */
    int depth;
    int loops; /* loops around, in which break may stand */
    int soft;  /* inside of an if, where an unknown filter is an error when it is met */
    struct node *unknown; /* the first filter or test that is an error at once */
    int catches;          /* CATCH_* of the macro around */
    bool marks;           /* {% generation %} was seen */
};

/* The whole template's statements; NULL for none. Fails for what Jinja2 refuses. */
struct node *parser_read(struct parser *parser);

/* For parser.c, expression.c and postfix.c. A node at the token at hand; one of two parts, at
 * the line of the first; one of the token, which is taken. */
struct node *parser_node(struct parser *parser, enum node_kind kind);
struct node *parser_two(struct parser *parser, enum node_kind kind, struct node *a,
                        struct node *b);
struct node *parser_taken(struct parser *parser, enum node_kind kind);
bool parser_name(const struct parser *parser, const char *name); /* the token at hand is it */
bool parser_sign(const struct parser *parser, const char *sign);
bool parser_take(struct parser *parser, const char *word); /* a name or a sign, if it is it */
void parser_need(struct parser *parser, const char *word);
_Noreturn void parser_unexpected(struct parser *parser);
void parser_deeper(struct parser *parser);

/* One expression; `choice`: it may be `x if y else z`. */
struct node *expression_read(struct parser *parser, bool choice);

/* One, or several with commas: a tuple. `stop` (a name) ends it, too; NULL: none. `empty`: ()
 * is one. */
struct node *expression_tuple(struct parser *parser, bool choice, const char *stop, bool empty);

/* What may stand left of `=`, before `in`. `spaces`: ns.name may. */
struct node *expression_target(struct parser *parser, const char *stop, bool spaces);

/* A chain of filters on `input`; `first`: the '|' before the first one is not there. */
struct node *expression_filters(struct parser *parser, struct node *input, bool first);

struct node *postfix_read(struct parser *parser, struct node *of);
struct node *postfix_call(struct parser *parser, struct node *of);

/* From "(" to behind ")": the first of the arguments, NULL for none. */
struct node *postfix_arguments(struct parser *parser);

#endif
