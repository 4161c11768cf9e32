/* How it works: recursive descent with a function for each level of Jinja2's precedence, which
 * is Python's but for '~', between '+' and '*', and unary minus, which binds before '**'. Chains
 * of the same level are read in loops, but their trees lean to the left and count as depth
 * where they are computed.
 * What a choice (x if y else z) holds is known only behind it, so an unknown filter in it is
 * taken back when the `if` is met. */
#include "lm/text/template/grammar.h"
#include "lm/text/template/parts.h"

#include <string.h>

/* 'a' 'b' is one string. */
static struct node *strings(struct parser *p)
{
    struct node *node = parser_taken(p, NODE_CONST);
    struct text_writer writer = {.text = NULL};

    if (p->token->kind != TOKEN_STRING)
        return node;
    value_write(p->pool, &writer, node->value.as.string->text, node->value.as.string->n);
    for (; p->token->kind == TOKEN_STRING; p->token++)
        value_write(p->pool, &writer, p->token->value.as.string->text,
                    p->token->value.as.string->n);
    node->value = value_written(p->pool, &writer);
    return node;
}

static bool constant(const struct string *name, struct value *out)
{
    static const struct {
        const char *name;
        struct value value;
    } row[] = {{"true", {.kind = KIND_BOOL, .as.flag = true}},
               {"True", {.kind = KIND_BOOL, .as.flag = true}},
               {"false", {.kind = KIND_BOOL}},
               {"False", {.kind = KIND_BOOL}},
               {"none", {.kind = KIND_NONE}},
               {"None", {.kind = KIND_NONE}}};

    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        if (name->n == strlen(row[i].name) && !memcmp(name->text, row[i].name, name->n)) {
            *out = row[i].value;
            return true;
        }
    return false;
}

/* What a macro's body catches is known by the names in it. */
static void catches(struct parser *p)
{
    if (parser_name(p, "varargs"))
        p->catches |= CATCH_ARGS;
    else if (parser_name(p, "kwargs"))
        p->catches |= CATCH_NAMED;
    else if (parser_name(p, "caller"))
        p->catches |= CATCH_CALLER;
}

/* Items with commas up to `close`, one behind the last allowed. */
static struct node *bracketed(struct parser *p, enum node_kind kind, const char *close)
{
    struct node *node = parser_node(p, kind), **end = &node->args;
    bool first = true;

    p->token++;
    while (!parser_sign(p, close)) {
        if (!first)
            parser_need(p, ",");
        first = false;
        if (parser_sign(p, close))
            break;
        *end = expression_read(p, true);
        end = &(*end)->next;
        if (kind == NODE_DICT) {
            parser_need(p, ":");
            *end = expression_read(p, true);
            end = &(*end)->next;
        }
    }
    p->token++;
    return node;
}

static struct node *primary(struct parser *p)
{
    struct node *node;

    if (p->token->kind == TOKEN_NAME) {
        catches(p);
        node = parser_taken(p, NODE_NAME);
        if (constant(&node->name, &node->value))
            node->kind = NODE_CONST;
        return node;
    }
    if (p->token->kind == TOKEN_STRING)
        return strings(p);
    if (p->token->kind == TOKEN_NUMBER)
        return parser_taken(p, NODE_CONST);
    if (parser_take(p, "(")) {
        node = expression_tuple(p, true, NULL, true);
        parser_need(p, ")");
        return node;
    }
    if (parser_sign(p, "["))
        return bracketed(p, NODE_LIST, "]");
    if (parser_sign(p, "{"))
        return bracketed(p, NODE_DICT, "}");
    parser_unexpected(p);
}

/* name, or name.name */
static struct string dotted(struct parser *p)
{
    struct text_writer writer = {.text = NULL};

    for (;;) {
        if (p->token->kind != TOKEN_NAME)
            parser_unexpected(p);
        value_write(p->pool, &writer, p->token->text, p->token->n);
        p->token++;
        if (!parser_take(p, "."))
            break;
        value_write(p->pool, &writer, ".", 1);
    }
    return (struct string){writer.text, writer.n};
}

struct node *expression_filters(struct parser *p, struct node *input, bool first)
{
    while (first || parser_take(p, "|")) {
        struct node *node = parser_node(p, NODE_FILTER);

        first = false;
        node->a = input;
        node->name = dotted(p);
        if (!p->soft && !p->unknown && !filter_known(&node->name))
            p->unknown = node;
        if (parser_sign(p, "("))
            node->args = postfix_arguments(p);
        input = node;
    }
    return input;
}

/* Behind "is". */
static struct node *test(struct parser *p, struct node *of)
{
    struct node *node = parser_two(p, NODE_TEST, of, NULL);
    const bool negated = parser_take(p, "not");

    node->name = dotted(p);
    if (!p->soft && !p->unknown && !test_known(&node->name))
        p->unknown = node;
    if (parser_sign(p, "(")) {
        node->args = postfix_arguments(p);
    } else if (p->token->kind == TOKEN_NUMBER || p->token->kind == TOKEN_STRING ||
               parser_sign(p, "[") || parser_sign(p, "{") ||
               (p->token->kind == TOKEN_NAME && !parser_name(p, "else") &&
                !parser_name(p, "or") && !parser_name(p, "and"))) {
        if (parser_name(p, "is"))
            pool_fail(p->pool, ERR_PARSE, "You cannot chain multiple tests with is");
        node->args = postfix_read(p, primary(p));
    }
    return negated ? parser_two(p, NODE_NOT, node, NULL) : node;
}

static struct node *filtered(struct parser *p, struct node *node)
{
    for (;;)
        if (parser_sign(p, "|"))
            node = expression_filters(p, node, false);
        else if (parser_take(p, "is"))
            node = test(p, node);
        else if (parser_sign(p, "("))
            node = postfix_call(p, node);
        else
            return node;
}

static struct node *unary(struct parser *p, bool filters)
{
    const bool minus = parser_sign(p, "-"), plus = parser_sign(p, "+");
    struct node *node;

    parser_deeper(p);
    if (minus || plus) {
        node = parser_node(p, minus ? NODE_NEGATIVE : NODE_POSITIVE);
        p->token++;
        node->a = unary(p, false);
    } else {
        node = primary(p);
    }
    node = postfix_read(p, node);
    p->depth--;
    return filters ? filtered(p, node) : node;
}

static int binary_sign(const struct parser *p, const char *const *sign, const int *op)
{
    for (int i = 0; sign[i]; i++)
        if (parser_sign(p, sign[i]))
            return op[i];
    return 0;
}

static struct node *chain(struct parser *p, struct node *(*part)(struct parser *),
                          const char *const *sign, const int *op)
{
    struct node *left = part(p);
    int which;

    while ((which = binary_sign(p, sign, op)) != 0) {
        p->token++;
        left = parser_two(p, NODE_BINARY, left, part(p));
        left->op = which;
    }
    return left;
}

static struct node *unary_filtered(struct parser *p)
{
    return unary(p, true);
}

static struct node *power(struct parser *p)
{
    static const char *const sign[] = {"**", NULL};
    static const int op[] = {OP_POWER};

    return chain(p, unary_filtered, sign, op);
}

static struct node *product(struct parser *p)
{
    static const char *const sign[] = {"*", "/", "//", "%", NULL};
    static const int op[] = {'*', '/', OP_FLOOR, '%'};

    return chain(p, power, sign, op);
}

static struct node *concat(struct parser *p)
{
    struct node *first = product(p), *node, **end;

    if (!parser_sign(p, "~"))
        return first;
    node = parser_node(p, NODE_CONCAT);
    node->args = first;
    end = &first->next;
    while (parser_take(p, "~")) {
        *end = product(p);
        end = &(*end)->next;
    }
    return node;
}

static struct node *sum(struct parser *p)
{
    static const char *const sign[] = {"+", "-", NULL};
    static const int op[] = {'+', '-'};

    return chain(p, concat, sign, op);
}

/* Taken, if it is one; 0 if not. */
static int comparison(struct parser *p)
{
    static const char *const sign[] = {"==", "!=", "<", "<=", ">", ">=", NULL};
    static const int op[] = {OP_EQUAL, OP_OTHER, '<', OP_LESS_SAME, '>', OP_MORE_SAME};
    const int which = binary_sign(p, sign, op);

    if (which)
        p->token++;
    else if (parser_take(p, "in"))
        return OP_IN;
    else if (parser_name(p, "not") && p->token[1].kind == TOKEN_NAME && p->token[1].n == 2 &&
             !memcmp(p->token[1].text, "in", 2)) {
        p->token += 2;
        return OP_NOT_IN;
    }
    return which;
}

static struct node *compare(struct parser *p)
{
    struct node *first = sum(p), *node = NULL, **end = NULL;
    int op;

    while ((op = comparison(p)) != 0) {
        if (!node) {
            node = parser_two(p, NODE_COMPARE, first, NULL);
            end = &node->args;
        }
        *end = parser_node(p, NODE_OPERAND);
        (*end)->op = op;
        (*end)->a = sum(p);
        end = &(*end)->next;
    }
    return node ? node : first;
}

static struct node *negation(struct parser *p)
{
    struct node *node;

    if (!parser_name(p, "not"))
        return compare(p);
    node = parser_node(p, NODE_NOT);
    p->token++;
    parser_deeper(p);
    node->a = negation(p);
    p->depth--;
    return node;
}

static struct node *both(struct parser *p)
{
    struct node *left = negation(p);

    while (parser_take(p, "and"))
        left = parser_two(p, NODE_AND, left, negation(p));
    return left;
}

static struct node *either(struct parser *p)
{
    struct node *left = both(p);

    while (parser_take(p, "or"))
        left = parser_two(p, NODE_OR, left, both(p));
    return left;
}

/* a if b else c. The filters in it are met only when it is computed. */
static struct node *choice_of(struct parser *p)
{
    struct node *const unknown = p->unknown, *node = either(p);

    while (parser_take(p, "if")) {
        struct node *choice = parser_two(p, NODE_CHOICE, either(p), node);

        if (parser_take(p, "else")) {
            parser_deeper(p);
            choice->c = choice_of(p);
            p->depth--;
        }
        p->unknown = unknown;
        node = choice;
    }
    return node;
}

struct node *expression_read(struct parser *p, bool choice)
{
    struct node *node;

    parser_deeper(p);
    node = choice ? choice_of(p) : either(p);
    p->depth--;
    return node;
}

static bool tuple_end(const struct parser *p, const char *stop)
{
    return p->token->kind == TOKEN_PRINT_END || p->token->kind == TOKEN_BLOCK_END ||
           parser_sign(p, ")") || (stop && parser_name(p, stop));
}

/* Expressions or, for `target`, what can be assigned to. */
static struct node *listed(struct parser *p, struct node *(*part)(struct parser *, bool),
                           bool how, const char *stop, bool empty)
{
    struct node *first = NULL, **end = &first, *tuple;
    bool several = false;

    while (!tuple_end(p, stop)) {
        *end = part(p, how);
        end = &(*end)->next;
        if (!parser_take(p, ","))
            break;
        several = true;
    }
    if (!several && first)
        return first;
    if (!several && !empty)
        pool_fail(p->pool, ERR_PARSE, "expected an expression");
    tuple = parser_node(p, NODE_TUPLE);
    tuple->args = first;
    return tuple;
}

struct node *expression_tuple(struct parser *p, bool choice, const char *stop, bool empty)
{
    return listed(p, expression_read, choice, stop, empty);
}

static struct node *place(struct parser *p, bool spaces)
{
    struct node *node, *name;

    if (parser_take(p, "(")) {
        parser_deeper(p);
        node = listed(p, place, spaces, NULL, true);
        p->depth--;
        parser_need(p, ")");
        return node;
    }
    if (p->token->kind != TOKEN_NAME)
        pool_fail(p->pool, ERR_PARSE, "can't assign to this");
    node = parser_taken(p, NODE_NAME);
    if (constant(&node->name, &node->value))
        pool_fail(p->pool, ERR_PARSE, "can't assign to 'const'");
    if (!spaces || !parser_take(p, "."))
        return node;
    if (p->token->kind != TOKEN_NAME)
        parser_unexpected(p);
    name = parser_taken(p, NODE_PLACE);
    name->a = node;
    return name;
}

struct node *expression_target(struct parser *p, const char *stop, bool spaces)
{
    return listed(p, place, spaces, stop, false);
}
