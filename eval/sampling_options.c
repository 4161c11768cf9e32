/* How it works: each command's table has these rows among its own, so that an option means the
 * same everywhere; only the usual length of an answer is the command's own. The end tokens are
 * the model's, the end texts the person's. */
#include "eval/sampling_options.h"

const struct conf_key sampling_options_chat_keys[] = {
    SAMPLING_ROWS("512"),
    CONF_TEXT(sampling_options, system, "", "system message"),
    CONF_END,
};

/* One text or a list of them. */
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

enum err sampling_options_make(struct sampling *out, const struct sampling_options *conf,
                               const struct shape *shape, int usual)
{
    *out = (struct sampling){
        .temperature = (float)conf->temperature,
        .top_p = (float)conf->top_p,
        .min_p = (float)conf->min_p,
        .top_k = conf->top_k,
        .max_new = conf->max_new_tokens ? conf->max_new_tokens : usual,
        .n_stop = shape->eos_count,
        .penalties = {.repetition = (float)conf->repetition_penalty,
                      .frequency = (float)conf->frequency_penalty,
                      .presence = (float)conf->presence_penalty},
    };
    for (int i = 0; i < shape->eos_count; i++)
        out->stop[i] = shape->eos[i];
    return stops(out, conf->stop);
}

enum err sampling_options_sampler(struct sample_answers *out, const struct open_model *model,
                                  const struct sampling_options *conf, int usual)
{
    *out = (struct sample_answers){.loaded = model,
                                   .seed = (uint64_t)conf->seed,
                                   .slots = conf->slots,
                                   .ahead = conf->prompt_lookup_num_tokens,
                                   .fit = !conf->max_new_tokens};
    return sampling_options_make(&out->sampling, conf, model_shape(model->model), usual);
}
