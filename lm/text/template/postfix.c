/* How it works: a loop over '.', '[' and '(' behind an expression. */
#include "lm/text/template/grammar.h"

/* One of [a], [a:b:c]; `of` is what stands before the bracket. */
static struct node *subscribed(struct parser *p, struct node *of)
{
    struct node *node = parser_two(p, NODE_ITEM, of, NULL),
                **part[3] = {&node->b, &node->c, &node->d};
    int i = 0;

    if (!parser_sign(p, ":"))
        node->b = expression_read(p, true);
    while (i < 2 && parser_take(p, ":")) {
        node->kind = NODE_SLICE;
        i++;
        if (!parser_sign(p, ":") && !parser_sign(p, "]") && !parser_sign(p, ","))
            *part[i] = expression_read(p, true);
    }
    return node;
}

/* .name, .0, [key], [from:to] */
static struct node *subscript(struct parser *p, struct node *of)
{
    struct node *node, *tuple, **end;

    if (parser_take(p, ".")) {
        node = parser_two(p, NODE_ATTRIBUTE, of, NULL);
        if (p->token->kind == TOKEN_NAME) {
            node->name = (struct string){p->token->text, p->token->n};
            p->token++;
            return node;
        }
        if (p->token->kind != TOKEN_NUMBER || p->token->value.kind != KIND_INT)
            pool_fail(p->pool, ERR_PARSE, "expected name or number");
        node->kind = NODE_ITEM;
        node->b = parser_taken(p, NODE_CONST);
        return node;
    }
    parser_need(p, "[");
    if (parser_sign(p, "]")) { /* x[] is x[()] */
        p->token++;
        return parser_two(p, NODE_ITEM, of, parser_node(p, NODE_TUPLE));
    }
    node = subscribed(p, of);
    if (parser_sign(p, ",")) {
        tuple = parser_node(p, NODE_TUPLE);
        end = &tuple->args;
        while (node->kind == NODE_ITEM) {
            *end = node->b;
            end = &node->b->next;
            if (!parser_take(p, ","))
                break;
            node = subscribed(p, of);
        }
        if (node->kind == NODE_SLICE)
            pool_fail(p->pool, ERR_RANGE, "slices in several dimensions are not done here");
        node = parser_two(p, NODE_ITEM, of, tuple);
    }
    parser_need(p, "]");
    return node;
}

/* Behind "(": arguments, in Python's order of kinds. */
struct node *postfix_arguments(struct parser *p)
{
    struct node *args = NULL, **end = &args;
    int stage = 0; /* 0 positional, 1 keywords, 2 behind *a, 3 behind **a */

    parser_need(p, "(");
    while (!parser_sign(p, ")")) {
        struct node *one;
        bool ok;

        if (args) {
            parser_need(p, ",");
            if (parser_sign(p, ")"))
                break;
        }
        if (parser_take(p, "*")) {
            ok = stage < 2;
            one = parser_node(p, NODE_STAR);
            stage = 2;
        } else if (parser_take(p, "**")) {
            ok = stage < 3;
            one = parser_node(p, NODE_STARS);
            stage = 3;
        } else if (p->token->kind == TOKEN_NAME && p->token[1].kind == TOKEN_SIGN &&
                   p->token[1].n == 1 && p->token[1].text[0] == '=') {
            ok = stage < 3;
            one = parser_taken(p, NODE_KEYWORD);
            p->token++;
            stage = stage < 1 ? 1 : stage;
        } else {
            *end = expression_read(p, true);
            end = &(*end)->next;
            if (stage)
                pool_fail(p->pool, ERR_PARSE, "invalid syntax for function call expression");
            continue;
        }
        if (!ok)
            pool_fail(p->pool, ERR_PARSE, "invalid syntax for function call expression");
        one->a = expression_read(p, true);
        *end = one;
        end = &one->next;
    }
    p->token++;
    return args;
}

struct node *postfix_call(struct parser *p, struct node *of)
{
    struct node *node = parser_two(p, NODE_CALL, of, NULL);

    node->line = p->token->line;
    node->args = postfix_arguments(p);
    return node;
}

struct node *postfix_read(struct parser *p, struct node *node)
{
    for (;;)
        if (parser_sign(p, ".") || parser_sign(p, "["))
            node = subscript(p, node);
        else if (parser_sign(p, "("))
            node = postfix_call(p, node);
        else
            return node;
}
