#include "cli/sampling.h"

#define SHARED(tokens) \
    CONF_TEXT(sampling_conf, model, "", "Hugging Face folder, .gguf file or run folder"), \
        CONF_REAL(sampling_conf, temperature, "1", 0, 100, "0 is greedy"), \
        CONF_REAL(sampling_conf, top_p, "1", 0, 1, "smallest set of tokens with this mass"), \
        CONF_INT(sampling_conf, top_k, "0", 0, 1e6, "most likely tokens only; 0: all"), \
        CONF_REAL(sampling_conf, min_p, "0", 0, 1, \
                  "tokens at least this share of the likeliest"), \
        CONF_INT(sampling_conf, max_new_tokens, tokens, 1, 1e6, "longest answer"), \
        CONF_REAL(sampling_conf, seed, "42", 0, 9e15, "same seed, same answers"), \
        CONF_TREE(sampling_conf, stop, "strings that end an answer")

const struct conf_key sampling_keys[] = {
    SHARED("128"),
    CONF_INT(sampling_conf, slots, "32", 1, 64, "sequences decoded at once"),
    CONF_END,
};
const struct conf_key sampling_chat_keys[] = {
    SHARED("512"),
    CONF_TEXT(sampling_conf, system, "", "system message"),
    CONF_END,
};

static enum err stops(struct sampling *out, const json_t *stop)
{
    const size_t n = json_is_array(stop) ? json_array_size(stop) : stop != NULL;

    if (n > sizeof out->stop_text / sizeof *out->stop_text)
        return err_set(ERR_RANGE, "stop: at most %zu strings",
                       sizeof out->stop_text / sizeof *out->stop_text);
    for (size_t i = 0; i < n; i++) {
        const json_t *one = json_is_array(stop) ? json_array_get(stop, i) : stop;
        if (!json_string_length(one))
            return err_set(ERR_PARSE, "stop: expected strings that are not empty");
        out->stop_text[out->stop_text_count++] = json_string_value(one);
    }
    return OK;
}

enum err sampling_make(struct sampling *out, const struct sampling_conf *conf,
                       const struct shape *shape)
{
    *out = (struct sampling){
        .temperature = (float)conf->temperature,
        .top_p = (float)conf->top_p,
        .min_p = (float)conf->min_p,
        .top_k = conf->top_k,
        .max_new = conf->max_new_tokens,
        .stop_count = shape->eos_count,
    };
    for (int i = 0; i < shape->eos_count; i++)
        out->stop[i] = shape->eos[i];
    return stops(out, conf->stop);
}
