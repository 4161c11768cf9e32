/* machine: a template while it runs: its variables, its output, calls and their arguments; what
 * run.c, evaluate.c, call.c, each.c and globals.c are to one another. A header alone, since each
 * of them needs the others: an expression calls a macro, whose body has expressions. */

#ifndef LM_TEXT_TEMPLATE_MACHINE_H
#define LM_TEXT_TEMPLATE_MACHINE_H

#include "lm/text/template/tree.h"

struct tm;

/* Names that a block set; what is not here is looked for in `up`. */
struct scope {
    struct dict name;
    struct scope *up;
};

struct run {
    struct pool *pool;
    const struct dict *variables;
    const struct tm *now; /* NULL: strftime_now is an error */
    struct scope *scope;
    struct text_writer *out, top; /* where output goes; where it goes in the end */
    struct value input;           /* of NODE_INPUT */
    int steps, depth, calls;
    size_t *span; /* start in bytes, length in characters */
    size_t spans, span_room;
};

/* What a call gave: by position, then by name. */
struct args {
    struct value *item;
    size_t n;
    struct string *name; /* of the named ones: item[n + i] */
    size_t named;
};

enum { ARGS_MAX = 8 };

/* A function that templates can call: `params` are its parameters' names with commas, of which
 * the first `need` must be given; the others are KIND_MISSING when they are not. "*": whatever
 * was given comes in `all`. */
struct builtin {
    const char *name, *params;
    int need;
    struct value (*call)(struct run *run, struct value self, const struct value *arg,
                         const struct args *all);
};

struct callable {
    const struct node *macro; /* or a builtin: */
    struct scope *scope;      /* where it was defined */
    const struct builtin *builtin;
    struct value self;
};

struct each_loop {
    const struct node *node;
    struct list *list;
    struct scope *outer;    /* where the loop stands */
    size_t at;              /* of the next item to look at */
    int64_t index0, length; /* length -1: unknown */
    struct value current, before, after, changed;
    int depth0;
};

/* Counts a step; fails beyond JINJA_STEPS_MAX. */
void run_step(struct run *run, const struct node *node);
/* One call, block or value deeper; `run->depth--` undoes it. */
void run_deeper(struct run *run);
_Noreturn void run_fail(struct run *run, const char *fmt, ...) PRINTF(2, 3);
_Noreturn void run_fail_undefined(struct run *run, struct value value);

/* Statements; the kind of the jump that ended them: NODE_BREAK, NODE_CONTINUE, or NODE_DATA. */
enum node_kind run_body(struct run *run, const struct node *first);
/* What the statements write, in a scope of their own. */
struct value run_captured(struct run *run, const struct node *first);
void run_assign(struct run *run, const struct node *target, struct value value);

/* Names. */
struct scope *run_scope(struct run *run, struct scope *up);
void run_set(struct run *run, struct scope *scope, const struct string *name,
             struct value value);
struct value run_name(struct run *run, const struct string *name);

struct value evaluate_node(struct run *run, const struct node *node);

/* a.name and a[key], as Jinja2's sandbox looks them up. */
struct value evaluate_attribute(struct run *run, struct value of, const struct string *name);
struct value evaluate_item(struct run *run, struct value of, struct value key);

/* Evaluates the arguments of a call. `caller` (may be MISSING) is added by its name. */
struct args call_args(struct run *run, const struct node *args, struct value caller);

struct value call_value(struct run *run, struct value callee, const struct args *args);
struct value call_builtin(struct run *run, const struct builtin *builtin, struct value self,
                          const struct args *args);

/* The row of this name; NULL: none. */
const struct builtin *call_find(const struct builtin *row, size_t rows,
                                const struct string *name);

/* A builtin as a value, bound to `self`. */
struct value call_bound(struct run *run, const struct builtin *builtin, struct value self);

/* Arguments of a builtin, checked. MISSING gives `other`. */
int64_t call_int(struct run *run, struct value value, int64_t other);
bool call_flag(struct value value, bool other);
const struct string *call_string(struct run *run, struct value value);

/* Runs the body for each item, or `other` when there is none. */
enum node_kind each_run(struct run *run, const struct node *node, struct list *list,
                        int depth0);

/* loop.name; false: it has none. */
bool each_attribute(struct run *run, struct each_loop *loop, const struct string *name,
                    struct value *out);

/* loop(items) of a recursive one. */
struct value each_again(struct run *run, struct each_loop *loop, struct value items);

/* Items in all. */
int64_t each_length(struct run *run, struct each_loop *loop);

/* False: there is none of this name. */
bool globals_find(struct run *run, const struct string *name, struct value *out);

#endif
