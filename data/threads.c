/* How it works: each message becomes a small object of what a tree's reader asks for, found by its
 * id in a map. When all are there (the first threads_next), each with a parent is put among that
 * one's replies; since objects are shared, trees then stand by themselves. What must hold: a
 * message is put below another only if a walk up from it ends at a first message within
 * THREADS_DEEP steps. So no ring of replies is ever tied, which nobody could free or walk, and
 * what is deep is no deeper than its reader goes. */
#include "data/threads.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { THREADS_DEEP = 255 }; /* replies below replies: format_rated reads no more of them */

struct threads {
    size_t n, room, next, astray;
    bool tied;
    json_t *place; /* {message_id: index} */
    struct threads_message {
        json_t *node;
        char *parent; /* NULL: a tree's first */
        long line;
    } * message;
};

struct threads *threads_new(void)
{
    struct threads *t = mem_new(1, sizeof(*t));

    t->place = json_object();
    return t;
}

void threads_free(struct threads *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->n; i++) {
        json_decref(t->message[i].node);
        free(t->message[i].parent);
    }
    free(t->message);
    json_decref(t->place);
    free(t);
}

static const char *text(const json_t *row, const char *name)
{
    return json_string_value(json_object_get(row, name));
}

bool threads_message(const json_t *row)
{
    return text(row, "message_id") && text(row, "message_tree_id") && text(row, "role") &&
           text(row, "text") && !json_is_object(json_object_get(row, "prompt"));
}

/* What of a message a tree's reader looks at: the table's other columns would be most of the
 * memory. */
static json_t *node_of(const json_t *row)
{
    static const char *const read[] = {"message_id", "text", "role", "rank", "deleted", "lang"};
    json_t *node = json_object();

    for (size_t i = 0; i < sizeof(read) / sizeof(read[0]); i++) {
        json_t *value = json_object_get(row, read[i]);
        if (value && !json_is_null(value))
            json_object_set(node, read[i], value);
    }
    json_object_set(node, "message_tree_id", json_object_get(row, "message_tree_id"));
    return node;
}

enum err threads_take(struct threads *t, const json_t *row, long line)
{
    const char *parent = text(row, "parent_id");

    if (!threads_message(row))
        return err_set(ERR_PARSE, "no message of OpenAssistant's table: it has message_id, "
                                  "parent_id, message_tree_id, role and text");
    if (json_object_get(t->place, text(row, "message_id")))
        return err_set(ERR_PARSE, "'message_id': %.60s was there before",
                       text(row, "message_id"));
    if (t->n == t->room) {
        t->room = t->room ? 2 * t->room : 1024;
        t->message = mem_grow(t->message, t->room, sizeof(*t->message));
    }
    json_object_set_new(t->place, text(row, "message_id"), json_integer((json_int_t)t->n));
    t->message[t->n++] =
        (struct threads_message){.node = node_of(row),
                                 .parent = parent && *parent ? mem_text(parent) : NULL,
                                 .line = line};
    return OK;
}

/* Of what a message replies to; NULL: it is not there. */
static const struct threads_message *above(const struct threads *t,
                                           const struct threads_message *m)
{
    const json_t *at = json_object_get(t->place, m->parent);

    return at ? &t->message[json_integer_value(at)] : NULL;
}

static bool ends_at_a_first(const struct threads *t, const struct threads_message *m)
{
    for (int steps = 0; m && m->parent; steps++) {
        if (steps == THREADS_DEEP)
            return false;
        m = above(t, m);
    }
    return m != NULL;
}

/* All walks first: what is tied already would not change them, but a ring must be seen whole. */
static void tie(struct threads *t)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct threads_message *m = &t->message[i];
        json_t *replies, *parent;

        if (!m->parent)
            continue;
        if (!ends_at_a_first(t, m)) {
            t->astray++;
            continue;
        }
        parent = above(t, m)->node;
        replies = json_object_get(parent, "replies");
        if (!replies) {
            replies = json_array();
            json_object_set_new(parent, "replies", replies);
        }
        json_array_append(replies, m->node);
    }
    t->tied = true;
}

json_t *threads_next(struct threads *t, long *line)
{
    if (!t->tied)
        tie(t);
    while (t->next < t->n) {
        const struct threads_message *m = &t->message[t->next++];

        if (m->parent)
            continue;
        *line = m->line;
        return json_pack("{s:O,s:O}", "message_tree_id",
                         json_object_get(m->node, "message_tree_id"), "prompt", m->node);
    }
    return NULL;
}

size_t threads_astray(const struct threads *t)
{
    return t->astray;
}
