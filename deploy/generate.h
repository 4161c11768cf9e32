/* generate: the ready files of deploy/files (Slurm, Kubernetes, systemd, ...) with the figures of a
 * fleet's file in them.
 *
 * A ready file can be used as it is. Above each line that depends on the fleet stands a comment
 * `fleet.yaml: TEXT`: the line below it is TEXT with {NAME}s replaced. */

#ifndef DEPLOY_GENERATE_H
#define DEPLOY_GENERATE_H

#include "base/err.h"

struct generate_file {
    const char *path; /* KIND/NAME */
    const char *text;
};
extern const struct generate_file generate_files[]; /* the last one has no path */

/* What stands for {name}: the last pair has no name. */
struct generate_value {
    const char *name, *value;
};

/* The kinds, separated by commas; free it. */
char *generate_kinds(void);

/* `text` with its lines filled in; free *out. Errors: ERR_RANGE: a {NAME} that has no value. */
enum err generate_fill(char **out, const char *text,
                       const struct generate_value *values) MUST_CHECK;

/* All files of `kind` into the folder `out`, which is made; those that are there already with
 * other contents are replaced. `told` (may be NULL) hears of each. Errors: ERR_PARSE (no such
 * kind), generate_fill's, ERR_IO. */
enum err generate_write(const char *kind, const char *out, const struct generate_value *values,
                        void (*told)(const char *path)) MUST_CHECK;

#endif
