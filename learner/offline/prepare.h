/* prepare: an offline method as a row, and its way from a command line to a corpus: keys, the
 * start model's card, records, token ids. */

#ifndef LEARNER_OFFLINE_PREPARE_H
#define LEARNER_OFFLINE_PREPARE_H

#include "learner/offline/offline.h"

/* What a method's check makes of its keys. What it points at lies in the method's struct. */
struct prepare {
    const struct objective *objective;
    const void *objective_conf;
    enum head head;
    enum err (*encode)(struct corpus **out, const struct dataset *set,
                       const struct corpus_rule *rule, const char *what);
    struct corpus_rule rule; /* the method's own wishes (text_field, completion_only, ...); the
                                rest is filled in */
    const struct reference_conf *reference; /* NULL: the method reads none */
    void (*judge)(const struct offline *self, const struct meter *exact, json_t *line);
    void (*see)(void *self, const struct corpus *corpus, const struct objective_in *in,
                const uint32_t *record, size_t n); /* offline.h */
    void *self;
    bool coupled;                     /* offline.h */
    enum corpus_packing packing_test; /* rule.packing of the held-out records */
};

struct prepare_method {
    const struct conf_key *const *tables;
    size_t
        size; /* of the method's struct: a struct keys, its own keys, what check puts there */
    /* `method` has been read. Errors: any, in words for the user. */
    enum err (*check)(void *method, struct prepare *out);
    void (*close)(void *method); /* frees what the run has put there; NULL: nothing */
};

/* Reads what follows the method's name on the command line, the model's card and the data, then
 * offline_run. Errors: any, in words for the user. */
enum err prepare_main(const struct prepare_method *method, int argc, char **argv) MUST_CHECK;

#endif
