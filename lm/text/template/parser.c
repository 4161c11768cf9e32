/* How it works: statements by their first name, bodies up to the name that ends them. What
 * Jinja2's compiler refuses is refused here: break outside of a loop, an unknown filter outside
 * of an if.
 * A body of its own (of a macro, a captured block) is outside of the loop around it: break would
 * have to leave the block's text behind. */
#include "lm/text/template/grammar.h"
#include "lm/text/template/limits.h"

#include <string.h>

struct node *parser_node(struct parser *parser, enum node_kind kind)
{
    struct node *node = pool_take(parser->pool, sizeof *node);

    node->kind = kind;
    node->line = parser->token->line;
    return node;
}

struct node *parser_two(struct parser *parser, enum node_kind kind, struct node *a,
                        struct node *b)
{
    struct node *node = parser_node(parser, kind);

    node->a = a;
    node->b = b;
    node->line = a->line;
    return node;
}

struct node *parser_taken(struct parser *parser, enum node_kind kind)
{
    struct node *node = parser_node(parser, kind);

    node->name = (struct string){parser->token->text, parser->token->n};
    node->value = parser->token->value;
    parser->token++;
    return node;
}

static bool is(const struct token *token, enum token_kind kind, const char *text)
{
    return token->kind == kind && token->n == strlen(text) &&
           !memcmp(token->text, text, token->n);
}

bool parser_name(const struct parser *parser, const char *name)
{
    parser->pool->line = parser->token->line;
    return is(parser->token, TOKEN_NAME, name);
}

bool parser_sign(const struct parser *parser, const char *sign)
{
    parser->pool->line = parser->token->line;
    return is(parser->token, TOKEN_SIGN, sign);
}

bool parser_take(struct parser *parser, const char *word)
{
    if (!parser_name(parser, word) && !parser_sign(parser, word))
        return false;
    parser->token++;
    return true;
}

_Noreturn void parser_unexpected(struct parser *parser)
{
    const struct token *token = parser->token;

    if (token->kind == TOKEN_END)
        pool_fail(parser->pool, ERR_PARSE, "unexpected end of template");
    pool_fail(parser->pool, ERR_PARSE, "unexpected \"%.*s\"",
              (int)(token->n < 40 ? token->n : 40), token->text);
}

void parser_need(struct parser *parser, const char *word)
{
    if (parser_take(parser, word))
        return;
    if (parser->token->kind == TOKEN_END)
        pool_fail(parser->pool, ERR_PARSE, "expected \"%s\", got the end of the template",
                  word);
    pool_fail(parser->pool, ERR_PARSE, "expected \"%s\", got \"%.*s\"", word,
              (int)(parser->token->n < 40 ? parser->token->n : 40), parser->token->text);
}

void parser_deeper(struct parser *parser)
{
    if (++parser->depth > JINJA_DEPTH_MAX)
        pool_fail(parser->pool, ERR_RANGE, "nested deeper than %d", JINJA_DEPTH_MAX);
}

static void need_end(struct parser *p)
{
    if (p->token->kind != TOKEN_BLOCK_END)
        parser_unexpected(p);
    p->token++;
}

static struct node *statements(struct parser *p, const char *const *ends);

/* A body behind the head of a statement; the name that ended it is at hand. */
static struct node *body(struct parser *p, const char *a, const char *b, const char *c)
{
    const char *const ends[] = {a, b, c, NULL};
    struct node *first;

    parser_take(p, ":"); /* as in Python */
    need_end(p);
    parser_deeper(p);
    first = statements(p, ends);
    p->depth--;
    if (p->token->kind == TOKEN_END)
        pool_fail(p->pool, ERR_PARSE, "the template ends where a {%% %s %%} is missing",
                  c ? c : a);
    return first;
}

/* A body that is no part of the loop or of the if around. */
static struct node *own_body(struct parser *p, const char *end, int loops)
{
    const int soft = p->soft, outer = p->loops;
    struct node *first;

    p->soft = 0;
    p->loops = loops;
    first = body(p, end, NULL, NULL);
    p->token++;
    p->soft = soft;
    p->loops = outer;
    return first;
}

/* set target = value, or a block whose text is the value. */
static struct node *set(struct parser *p)
{
    struct node *node = parser_node(p, NODE_SET);

    node->a = expression_target(p, NULL, true);
    if (parser_take(p, "=")) {
        node->b = expression_tuple(p, true, NULL, false);
        return node;
    }
    node->kind = NODE_BLOCK;
    node->b = expression_filters(p, parser_node(p, NODE_INPUT), false);
    node->body = own_body(p, "endset", 0);
    return node;
}

/* The name `loop` is the loop's own, also deep in a tuple of targets. */
static bool has_loop(const struct node *target)
{
    if (target->kind == NODE_NAME)
        return target->name.n == 4 && !memcmp(target->name.text, "loop", 4);
    for (const struct node *one = target->args; one; one = one->next)
        if (has_loop(one))
            return true;
    return false;
}

/* The filter and the body are of this loop, the items and the else of what is around it. */
static struct node *loop(struct parser *p)
{
    struct node *node = parser_node(p, NODE_FOR);
    const int soft = p->soft, loops = p->loops;

    node->a = expression_target(p, "in", false);
    if (has_loop(node->a))
        pool_fail(p->pool, ERR_PARSE,
                  "can't assign to special loop variable in for-loop target");
    parser_need(p, "in");
    node->b = expression_tuple(p, false, "recursive", false);
    p->soft = 0;
    if (parser_take(p, "if"))
        node->c = expression_read(p, true);
    node->op = parser_take(p, "recursive");
    p->loops = node->op ? 1 : loops + 1;
    node->body = body(p, "endfor", "else", NULL);
    p->loops = node->op ? 0 : loops;
    if (parser_take(p, "else"))
        node->other = body(p, "endfor", NULL, NULL);
    p->token++;
    p->loops = loops;
    p->soft = soft;
    return node;
}

/* Its elifs hang on one another, its else on the first: no chain of them is a nesting. */
static struct node *condition(struct parser *p)
{
    struct node *first = parser_node(p, NODE_IF), *node = first;

    p->soft++;
    for (;;) {
        node->a = expression_tuple(p, false, NULL, false);
        node->body = body(p, "elif", "else", "endif");
        if (!parser_take(p, "elif"))
            break;
        node->next_if = parser_node(p, NODE_IF);
        node = node->next_if;
    }
    if (parser_take(p, "else"))
        first->other = body(p, "endif", NULL, NULL);
    p->token++;
    p->soft--;
    return first;
}

/* (name, name=default) */
static void signature(struct parser *p, struct node *macro)
{
    struct node **end = &macro->args;
    bool defaults = false;

    parser_need(p, "(");
    while (!parser_sign(p, ")")) {
        if (macro->args)
            parser_need(p, ",");
        if (p->token->kind != TOKEN_NAME)
            parser_unexpected(p);
        *end = parser_node(p, NODE_KEYWORD);
        (*end)->name = (struct string){p->token->text, p->token->n};
        p->token++;
        if (parser_take(p, "="))
            (*end)->a = expression_read(p, true);
        else if (defaults)
            pool_fail(p->pool, ERR_PARSE, "non-default argument follows default argument");
        defaults = (*end)->a != NULL;
        end = &(*end)->next;
    }
    p->token++;
}

static void macro_body(struct parser *p, struct node *macro, const char *end)
{
    const int outer = p->catches;

    p->catches = 0;
    macro->body = own_body(p, end, 0);
    macro->op = p->catches;
    /* A name that a macro inside uses is one of this one, too. */
    p->catches |= outer;
}

/* The macro's name is bound when the statement runs, not before. */
static struct node *macro(struct parser *p)
{
    struct node *node = parser_node(p, NODE_MACRO);

    if (p->token->kind != TOKEN_NAME)
        parser_unexpected(p);
    node->name = (struct string){p->token->text, p->token->n};
    p->token++;
    signature(p, node);
    macro_body(p, node, "endmacro");
    return node;
}

/* The block is a macro without a name, which the callee gets as `caller`. */
static struct node *call_block(struct parser *p)
{
    struct node *node = parser_node(p, NODE_CALLS);

    node->b = parser_node(p, NODE_MACRO);
    node->b->name = (struct string){"", 0}; /* it has none */
    if (parser_sign(p, "("))
        signature(p, node->b);
    node->a = expression_read(p, true);
    if (node->a->kind != NODE_CALL)
        pool_fail(p->pool, ERR_PARSE, "expected call");
    macro_body(p, node->b, "endcall");
    return node;
}

/* Its text goes through the filters, from left to right, when it is whole. */
static struct node *filter_block(struct parser *p)
{
    struct node *node = parser_node(p, NODE_FILTERS);

    node->a = expression_filters(p, parser_node(p, NODE_INPUT), true);
    node->body = own_body(p, "endfilter", 0);
    return node;
}

/* Targets and values by pairs; the body has a scope of its own. */
static struct node *with(struct parser *p)
{
    struct node *node = parser_node(p, NODE_WITH), **end = &node->args;

    while (p->token->kind != TOKEN_BLOCK_END) {
        if (node->args)
            parser_need(p, ",");
        *end = parser_node(p, NODE_SET);
        (*end)->a = expression_target(p, NULL, false);
        parser_need(p, "=");
        (*end)->b = expression_read(p, true);
        end = &(*end)->next;
    }
    node->body = own_body(p, "endwith", p->loops);
    return node;
}

static struct node *generation(struct parser *p)
{
    struct node *node = parser_node(p, NODE_GENERATION);

    p->marks = true;
    node->body = own_body(p, "endgeneration", 0);
    return node;
}

/* Where Python would refuse to compile it. */
static struct node *jump(struct parser *p, enum node_kind kind)
{
    struct node *node = parser_node(p, kind);

    if (!p->loops)
        pool_fail(p->pool, ERR_PARSE,
                  "break or continue outside of a loop, or in a block whose text is kept");
    return node;
}

/* Several values, written one behind the other. */
static struct node *print(struct parser *p)
{
    struct node *first = NULL, **end = &first;

    while (p->token->kind != TOKEN_BLOCK_END) {
        if (first)
            parser_need(p, ",");
        *end = parser_node(p, NODE_PRINT);
        (*end)->a = expression_read(p, true);
        end = &(*end)->next;
    }
    return first;
}

/* Behind "{%"; its end is left. */
static struct node *statement(struct parser *p)
{
    static const struct {
        const char *name;
        struct node *(*read)(struct parser *);
    } row[] = {{"set", set},         {"for", loop},
               {"if", condition},    {"macro", macro},
               {"call", call_block}, {"filter", filter_block},
               {"with", with},       {"generation", generation},
               {"print", print}};
    static const char *const refused[] = {"block",  "extends", "include",
                                          "import", "from",    "autoescape"};

    if (p->token->kind != TOKEN_NAME)
        pool_fail(p->pool, ERR_PARSE, "tag name expected");
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        if (parser_take(p, row[i].name))
            return row[i].read(p);
    if (parser_take(p, "break"))
        return jump(p, NODE_BREAK);
    if (parser_take(p, "continue"))
        return jump(p, NODE_CONTINUE);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (parser_name(p, refused[i]))
            pool_fail(p->pool, ERR_RANGE, "{%% %s %%} is not done here", refused[i]);
    pool_fail(p->pool, ERR_PARSE, "unknown tag \"%.*s\"",
              (int)(p->token->n < 40 ? p->token->n : 40), p->token->text);
}

static bool ended(const struct parser *p, const char *const *ends)
{
    for (; ends && *ends; ends++)
        if (parser_name(p, *ends))
            return true;
    return false;
}

/* Data, prints and blocks up to one of `ends`, whose name is then at hand. */
static struct node *statements(struct parser *p, const char *const *ends)
{
    struct node *first = NULL, **end = &first;

    while (p->token->kind != TOKEN_END) {
        const enum token_kind kind = p->token->kind;

        *end = parser_node(p, kind == TOKEN_DATA ? NODE_DATA : NODE_PRINT);
        if (kind == TOKEN_DATA) {
            (*end)->value = value_string(p->pool, p->token->text, p->token->n);
            p->token++;
        } else if (kind == TOKEN_PRINT) {
            p->token++;
            (*end)->a = expression_tuple(p, true, NULL, false);
            if (p->token->kind != TOKEN_PRINT_END)
                parser_unexpected(p);
            p->token++;
        } else {
            p->token++;
            *end = NULL;
            if (ended(p, ends))
                return first;
            *end = statement(p);
            need_end(p);
        }
        while (*end)
            end = &(*end)->next;
    }
    return first;
}

struct node *parser_read(struct parser *parser)
{
    struct node *first = statements(parser, NULL), *unknown = parser->unknown;

    if (unknown) {
        parser->pool->line = unknown->line;
        pool_fail(parser->pool, ERR_PARSE, "no %s named '%.*s'",
                  unknown->kind == NODE_FILTER ? "filter" : "test", (int)unknown->name.n,
                  unknown->name.text);
    }
    return first;
}
