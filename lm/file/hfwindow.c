/* Three generations of keys say the same thing: a rule by the family (every layer; the upper
 * ones; all but every n-th), then sliding_window_pattern, then layer_types, a word a layer,
 * which wins where it is there. Here it becomes one bit a layer. hfconfig calls this when
 * layers and context are known, and before hfrope, which may shorten the context: a window is
 * compared with the model's own. */

#include "lm/file/hfwindow.h"

#include "lm/file/hfkeys.h"

#include <string.h>

static const char sliding[] = "sliding_attention", full[] = "full_attention";

/* Files of these name a window whether they use it or not. */
static bool asks_use(enum hfkeys_window rule)
{
    return rule == HFWINDOW_FROM || rule == HFWINDOW_BLIND;
}

/* By the family's rule. */
static bool by_rule(const struct shape *shape, int layer, int every, int from)
{
    switch (hfkeys_family[shape->family].window) {
    case HFWINDOW_ALL:
        return true;
    case HFWINDOW_FROM:
        return layer >= from;
    case HFWINDOW_BLIND:
        return !shape_rotates(shape, layer);
    case HFWINDOW_EVERY:
    case HFWINDOW_SOME:
        return (layer + 1) % every != 0;
    default:
        return false;
    }
}

/* A list that is too short has no word for the last layers: refused like a strange one. */
static bool by_word(struct hfreader *reader, const json_t *types, int layer)
{
    const char *word = json_string_value(json_array_get(types, (size_t)layer));

    if (word && !strcmp(word, sliding))
        return true;
    if (!word || strcmp(word, full) != 0)
        hfreader_wrong(reader, "layer_types",
                       "other than sliding_attention and full_attention are not supported");
    return false;
}

/* max_window_layers: 28 is the default of Qwen's classes. layers is not bounded before
 * shape_check, so it is here. */
static void read_layers(struct hfreader *reader, struct shape *shape)
{
    const struct hfkeys_family *family = &hfkeys_family[shape->family];
    const json_t *types = json_object_get(reader->config, "layer_types");
    /* beside the words it means nothing, and may be a word itself (EXAONE 4's LLLG) */
    const int every = hfreader_given(types) ? family->global_every
                                            : hfreader_int(reader, "sliding_window_pattern",
                                                           family->global_every);
    const int from = hfreader_int(reader, "max_window_layers", 28);
    bool any = false;

    if (family->window >= HFWINDOW_EVERY && every < 1) {
        hfreader_wrong(reader, "sliding_window_pattern", "is 0");
        return;
    }
    for (int i = 0; i < shape->layers && i < SHAPE_LAYERS; i++) {
        const bool rule = by_rule(shape, i, every, from);
        const bool local = hfreader_given(types) ? by_word(reader, types, i) : rule;

        /* its class has one kind of layer, and does not read the words */
        if (local != rule && family->window == HFWINDOW_ALL)
            hfreader_wrong(reader, "layer_types",
                           "full_attention beside a sliding_window is not supported");
        if (local)
            shape->local[i / 64] |= (uint64_t)1 << i % 64;
        any = any || local;
    }
    if (!any) /* max_window_layers beyond the last layer: no layer has it */
        shape->window = 0;
}

/* null means none; a missing key means the family's default, which is already there. Qwen's
 * files name a window that they do not use: use_sliding_window decides. */
void hfwindow_read(struct hfreader *reader, struct shape *shape)
{
    const enum hfkeys_window rule = hfkeys_family[shape->family].window;
    const json_t *value = json_object_get(reader->config, "sliding_window");

    if (json_is_null(value))
        shape->window = 0;
    if (hfreader_given(value))
        shape->window = hfreader_int(reader, "sliding_window", 0);
    if (rule == HFWINDOW_NEVER || ((rule == HFWINDOW_FROM || rule == HFWINDOW_BLIND) &&
                                   !hfreader_bool(reader, "use_sliding_window", false)))
        shape->window = 0;
    if (rule == HFWINDOW_EVERY && !shape->window)
        hfreader_wrong(reader, "sliding_window", "is missing");
    else if (rule < HFWINDOW_EVERY && shape->window >= shape->context)
        shape->window = 0; /* never slides: the same model as without */
    if (shape->window)
        read_layers(reader, shape);
}

void hfwindow_write(json_t *config, const struct shape *shape)
{
    const enum hfkeys_window rule = hfkeys_family[shape->family].window;
    json_t *types = json_array();
    int first = shape->layers;

    /* the first local layer: for Qwen all above are, too */
    for (int i = shape->layers - 1; i >= 0; i--)
        if (shape_local(shape, i))
            first = i;
    for (int i = 0; i < shape->layers; i++)
        json_array_append_new(types, json_string(shape_local(shape, i) ? sliding : full));
    if (rule != HFWINDOW_NEVER && (rule != HFWINDOW_BLIND || shape->window))
        json_object_set_new(config, "sliding_window",
                            shape->window ? json_integer(shape->window) : json_null());
    if (asks_use(rule))
        json_object_set_new(config, "use_sliding_window", json_boolean(shape->window));
    if (rule == HFWINDOW_FROM && shape->window)
        json_object_set_new(config, "max_window_layers", json_integer(first));
    /* their classes do not know layer_types, of which transformers' cache would ask for a
     * sliding_window; those without a window would make local layers of it */
    if ((shape->window && rule > HFWINDOW_ALL) || rule == HFWINDOW_SOME)
        json_object_set(config, "layer_types", types);
    json_decref(types);
}
