/* prepare: from a configuration to a corpus: the start model's card, records, token ids. */

#ifndef LEARNER_OFFLINE_PREPARE_H
#define LEARNER_OFFLINE_PREPARE_H

#include "learner/offline/offline.h"

/* What a method is, to the part that all offline methods share. */
struct prepare {
    const struct conf_key *const *tables;
    const struct objective *objective;
    const void *objective_conf;
    enum head head;
    enum err (*encode)(struct corpus **out, const struct dataset *set,
                       const struct corpus_rule *rule, const char *what);
    const struct reference_conf *reference; /* NULL: the method reads none */
    void (*judge)(const struct offline *self, const struct meter *exact, json_t *line);
    void (*see)(void *self, const struct corpus *corpus, const struct objective_in *in,
                const uint32_t *record, size_t n); /* offline.h */
    void *self;
};

/* Reads the model's card and the data, then offline_run. `rule` holds the method's own wishes
 * (text_field, completion_only, assistant_only); the rest is filled in. `conf` begins with a
 * struct keys. Errors: any, in words for the user. */
enum err prepare_run(const struct prepare *prepare, const void *conf,
                     struct corpus_rule *rule) MUST_CHECK;

#endif
