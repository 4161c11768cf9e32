/* parts: what the machine is made of beside itself: operators, printing, formatting, filters, tests
 * and methods, each in the file that its names begin with. A header alone: they call one another. */

#ifndef LM_TEXT_TEMPLATE_PARTS_H
#define LM_TEXT_TEMPLATE_PARTS_H

#include "lm/text/template/machine.h"

/* op: '+', '-', '*', '/', '%', OP_FLOOR, OP_POWER. */
struct value arithmetic(struct run *run, int op, struct value a, struct value b);
struct value arithmetic_sign(struct run *run, bool minus, struct value a);

/* of[start:stop:step]; NONE stands for what is left out. */
struct value arithmetic_slice(struct run *run, struct value of, struct value start,
                              struct value stop, struct value step);
/* Whether Python would do it, but for a step of 0; so it will be with what is undefined, whose
 * use is an error of another kind. */
bool arithmetic_sliceable(struct value of, struct value start, struct value stop,
                          struct value step);

void print_str(struct run *run, struct text_writer *writer, struct value value);
void print_repr(struct run *run, struct text_writer *writer, struct value value);
struct value print_string(struct run *run, struct value value); /* str(value) */

/* repr of a float. */
void print_float(struct pool *pool, struct text_writer *writer, double real);

struct print_json {
    bool ascii, sorted;
    const struct string *indent; /* NULL: on one line */
    struct string between, behind_key;
};
void print_json(struct run *run, struct text_writer *writer, struct value value,
                const struct print_json *how);

/* fmt % values, fmt.format(…): of a text. */
struct value format_percent(struct run *run, struct value fmt, struct value values);
struct value format_braces(struct run *run, struct value fmt, const struct args *args);

/* The text of a value, safe: escaped where it was not. */
struct value markup_escape(struct run *run, struct value value);

/* What was made of `of` is as safe as `of`: a text, or the texts of a new list. */
struct value markup_kept(struct value value, struct value of);

bool filter_known(const struct string *name);

/* Fails for one that Jinja2 has not, or that is not done here. */
struct value filter_call(struct run *run, const struct string *name, struct value input,
                         const struct args *args);

const struct builtin *filter_list_row(const struct string *name);
const struct builtin *filter_text_row(const struct string *name);
const struct builtin *filter_sort_row(const struct string *name);

/* The items of what a filter goes over; fails for what has none. */
struct list *filter_list_items(struct run *run, struct value value);

/* item.a.0.b as `attribute` says (a text or an integer); NONE and MISSING: the item itself. An
 * undefined one becomes `other`, unless that is MISSING or NONE. */
struct value filter_list_attribute(struct run *run, struct value item, struct value attribute,
                                   struct value other);

bool test_known(const struct string *name);
bool test_call(struct run *run, const struct string *name, struct value input,
               const struct args *args);

/* of.name, where that is no key: a loop's, a namespace's and a group's own, a number's parts, a
 * method. False: there is none, or none that the sandbox allows. Fails for one that Python has
 * and that is not done here. */
bool attribute_find(struct run *run, struct value of, const struct string *name,
                    struct value *out);

/* of.name as a bound method; false: there is none, or none that the sandbox allows. Fails for
 * one that Python has and that is not done here. */
bool method_find(struct run *run, struct value of, const struct string *name,
                 struct value *out);

/* Used by filters, too. text.strip(chars) at the sides 'l', 'r' or 'b'oth. */
struct value method_text_strip(struct run *run, const struct string *text, struct value chars,
                               char side);
struct value method_text_replace(struct run *run, const struct string *text,
                                 const struct string *old, const struct string *new,
                                 int64_t count);

/* text.splitlines(keep) */
struct value method_split_lines(struct run *run, const struct string *text, bool keep);

/* text.split(arg[0], arg[1]), or rsplit. */
struct value method_split(struct run *run, const struct string *text, const struct value *arg,
                          bool right);

/* For the files method*.c. Where `part` first (last) is in [at, end) of the text, n + 1 for
 * nowhere; adds [from, to) of it to a list; the strings' tables. */
size_t method_text_where(struct run *run, const struct string *text, size_t at, size_t end,
                         const struct string *part, bool last);
void method_text_part(struct run *run, struct list *list, const struct string *text,
                      size_t from, size_t to);
const struct builtin *method_text_row(struct run *run, const struct string *name);
const struct builtin *method_case_row(const struct string *name);

#endif
