/* jinja: chat templates, which are programs in Jinja2's language, run as transformers runs them.
 *
 * What is there: expressions, filters, tests, the methods of strings, lists and dictionaries,
 * loops, macros, call and filter blocks, namespaces, {% generation %}, trim_blocks and
 * lstrip_blocks, transformers' own tojson, raise_exception and strftime_now. What Jinja2 has
 * and no chat template needs (blocks, imports, autoescape) is refused by name.
 *
 * Templates come from strangers: nothing in one reaches outside its variables, and JINJA_*
 * bounds what it may take. Integers have 64 bits and are an error beyond. */

#ifndef LM_TEXT_TEMPLATE_JINJA_H
#define LM_TEXT_TEMPLATE_JINJA_H

#include "base/err.h"
#include "lm/text/template/limits.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct jinja; /* a template that was read */

/* A clock on the wall, for strftime_now: what localtime gave for the run's start. */
struct tm;

/* What a template wrote. `span`: start and end bytes of its {% generation %} blocks, pairs in
 * the order in which they ended. `unread`: the first item of the variable `messages` with a
 * content that is a text, not empty, and that the program never looked at; -1: none. */
struct jinja_text {
    char *text; /* n bytes and a zero */
    size_t n;
    size_t *span;
    size_t spans;
    long unread;
};

/* Errors, with the template's line: ERR_PARSE (not Jinja, or not UTF-8), ERR_RANGE (too long,
 * or a part that is not done here). */
enum err jinja_open(struct jinja **out, const char *source, size_t n) MUST_CHECK;
void jinja_free(struct jinja *jinja); /* NULL is fine */

/* Whether the program has this name, as a variable, an attribute or a text that is no longer
 * than it ("tools", "tool_calls"). */
bool jinja_mentions(const struct jinja *jinja, const char *name);

/* Whether it has {% generation %}. */
bool jinja_marks(const struct jinja *jinja);

/* Runs it with the members of `variables`, an object, which stays as it is; `now` may be NULL,
 * which makes strftime_now an error. *out is freed with jinja_text_free. Errors, with the
 * template's line: ERR_PARSE (what Python would raise, raise_exception's words among them),
 * ERR_RANGE (a bound, or a part that is not done here). */
enum err jinja_run(const struct jinja *jinja, const json_t *variables, const struct tm *now,
                   struct jinja_text *out) MUST_CHECK;
void jinja_text_free(struct jinja_text *text);

#endif
