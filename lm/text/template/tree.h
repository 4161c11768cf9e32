/* tree: a template as it was read. */

#ifndef LM_TEXT_TEMPLATE_TREE_H
#define LM_TEXT_TEMPLATE_TREE_H

#include "lm/text/template/value.h"

enum node_kind {
    /* Expressions. */
    NODE_CONST, /* value */
    NODE_NAME,  /* name */
    NODE_TUPLE, /* args */
    NODE_LIST,
    NODE_DICT,    /* args: key, value, key, value */
    NODE_CHOICE,  /* b if a else c, c may be NULL */
    NODE_OR,      /* a, b */
    NODE_AND,     /* a, b */
    NODE_NOT,     /* a */
    NODE_COMPARE, /* a, args of NODE_OPERAND */
    NODE_OPERAND, /* op, a */
    NODE_BINARY,  /* op, a, b */
    NODE_CONCAT,  /* args */
    NODE_NEGATIVE,
    NODE_POSITIVE,
    NODE_ATTRIBUTE, /* a.name */
    NODE_ITEM,      /* a[b] */
    NODE_SLICE,     /* a[b:c:d], each may be NULL but a; op: fold.h */
    NODE_CALL,      /* a(args) */
    NODE_FILTER,    /* a|name(args) */
    NODE_TEST,      /* a is name(args) */
    NODE_INPUT,     /* what a filter block holds */
    NODE_KEYWORD,   /* in args: name=a */
    NODE_STAR,      /* in args: *a */
    NODE_STARS,     /* in args: **a */
    NODE_PLACE,     /* a target: name.text, of namespace `a` */
    /* Statements. */
    NODE_DATA,    /* value */
    NODE_PRINT,   /* a */
    NODE_SET,     /* a = b */
    NODE_BLOCK,   /* set a, filters b, body */
    NODE_FOR,     /* for a in b if c: body, other; op: recursive */
    NODE_IF,      /* if a: body, other; next_if: the elif behind it */
    NODE_MACRO,   /* name, args of NODE_KEYWORD (a: the default or NULL), body; op: catches */
    NODE_CALLS,   /* a call block: a is the call, b the macro of its body */
    NODE_FILTERS, /* a filter block: a, body */
    NODE_WITH,    /* args of NODE_SET, body */
    NODE_GENERATION,
    NODE_BREAK,
    NODE_CONTINUE
};

enum { CATCH_ARGS = 1, CATCH_NAMED = 2, CATCH_CALLER = 4 };

/* Operators, of one character or as here. */
enum {
    OP_FLOOR = 256,
    OP_POWER,
    OP_EQUAL,
    OP_OTHER,
    OP_LESS_SAME,
    OP_MORE_SAME,
    OP_IN,
    OP_NOT_IN
};

struct node {
    enum node_kind kind;
    int line, op;
    bool fixed; /* an expression of constants */
    struct value value;
    struct string name;
    struct node *a, *b, *c, *d;
    struct node *args, *body, *other, *next_if;
    struct node *next; /* in args, body, other */
};

#endif
