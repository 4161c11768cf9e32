/* prepare: an offline method as a row, and its way from a command line to a corpus: keys, the
 * start model's card, records, token ids. */

#ifndef LEARNER_OFFLINE_PREPARE_H
#define LEARNER_OFFLINE_PREPARE_H

#include "learner/offline/offline_job.h"
#include "learner/run/method.h"

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
    void (*judge)(const struct offline_job *self, const struct metrics *exact, json_t *line);
    void (*see)(void *self, const struct corpus *corpus, const struct objective_in *in,
                const uint32_t *record, size_t n); /* offline.h */
    void *self;
    bool coupled;                     /* offline.h */
    enum corpus_packing packing_test; /* rule.packing of the held-out records */
};

/* Reads what follows the method's name on the command line, the model's card and the data, then
 * offline_run. Errors: any, in words for the user. */
enum err prepare_main(const struct method *method, int argc, char **argv) MUST_CHECK;

#endif
