/* The other way round of judgements_read.c: what is not known has no key. A key is written where it
 * is read, and nowhere else. */

#include "ratings/judgements.h"

#include <math.h>

static void text(json_t *row, const char *key, const char *value)
{
    if (value)
        json_object_set_new(row, key, json_string(value));
}

static void number(json_t *row, const char *key, double value)
{
    if (isfinite(value))
        json_object_set_new(row, key, json_real(value));
}

json_t *judgements_write_row(const struct judgements_said *said)
{
    static const char *const sides[] = {
        [SIDE_NONE] = NULL, [SIDE_LEFT] = "left", [SIDE_RIGHT] = "right"};
    json_t *row = json_object();

    text(row, "item", said->item);
    text(row, "annotator", said->annotator);
    text(row, "value", said->value);
    text(row, "a", said->a);
    text(row, "b", said->b);
    text(row, "prompt", said->prompt);
    text(row, "why", said->why);
    text(row, "gold", said->gold);
    text(row, "side", sides[said->side]);
    number(row, "seconds", said->seconds);
    number(row, "length_a", said->length_a);
    number(row, "length_b", said->length_b);
    if (said->time >= 0)
        json_object_set_new(row, "time", json_integer(said->time));
    if (said->undone)
        json_object_set_new(row, "undone", json_true());
    if (said->x)
        json_object_set(row, "x", (json_t *)(uintptr_t)said->x);
    return row;
}
