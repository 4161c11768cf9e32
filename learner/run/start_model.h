/* card: the start model as a run means it: its card with the template and the end token that
 * the configuration names. */

#ifndef LEARNER_RUN_START_MODEL_H
#define LEARNER_RUN_START_MODEL_H

#include "learner/run/keys.h"
#include "lm/file/model_files.h"

/* *out is the caller's (model_files_free). *eos is the end token's text (free it), NULL when
 * there is none. Errors: any, in words for the user.
 * longest: tokens of a sequence, at most (model_files_reach). */
enum err start_model_open(struct model_files **out, const struct keys *keys,
                          enum model_files_want want, int longest, char **eos) MUST_CHECK;

/* What can be said of chat_template_kwargs before there is a template; start_model_open asks the
 * template for the names. Errors: ERR_PARSE. */
enum err start_model_kwargs(const struct keys *keys) MUST_CHECK;

/* A template may say today's date (chat_dated): a run keeps that of its first start, as
 * chat_template_kwargs in its configuration, so that it reads the same tokens when it goes on
 * on another day. start_model_kept_day puts what output_dir's run.json holds into the resolved keys
 * `config`, unless they name one; start_model_day, today's if the template needs one and there is
 * none yet. It returns all that chat_template_kwargs of `config` has then, which `config` owns;
 * NULL: nothing. */
void start_model_kept_day(json_t *config, const struct keys *keys);
const json_t *start_model_day(json_t *config, const struct model_files *card);

#endif
