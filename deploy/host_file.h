/* host_file: what a host's supervisor is told, by the head over ssh or by the person who starts it:
 * which fleet, where its broker is, and the host's own entry. host.json in the host's folder; no
 * secret is in it.
 *
 * The folder, 0700: host.json, keys/NAME.key, logs/, supervisor.log. */

#ifndef DEPLOY_HOST_FILE_H
#define DEPLOY_HOST_FILE_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>

enum { HOST_FILE_ID = 13, HOST_FILE_MAX = 256 << 10 };

struct host_file {
    char *host;       /* what the machine is called */
    char *broker;     /* tcp://HOST:PORT */
    char *broker_key; /* its public key, Z85 */
    json_t *entry;    /* keys of plan_read_host */
    int linger_s;     /* without a broker for so long, and it ends; 0: it stays */
};

/* Errors: ERR_IO, ERR_PARSE. */
enum err host_file_read(struct host_file *out, const char *folder) MUST_CHECK;
enum err host_file_write(const struct host_file *file, const char *folder) MUST_CHECK;
/* Does the folder hold the very same? */
bool host_file_same(const struct host_file *file, const char *folder);
/* This host has left: nobody starts it again. */
void host_file_remove(const char *folder);
bool host_file_there(const char *folder);
void host_file_free(struct host_file *file);

/* ~/.local/state/drover/FLEET/HOST (XDG_STATE_HOME), made. Free it. `fleet`, `host`: letters,
 * digits, . _ -. Errors: ERR_IO, ERR_RANGE. */
enum err host_file_folder(char **out, const char *fleet, const char *host) MUST_CHECK;
/* A short name for what `text` says. */
void host_file_id(char out[HOST_FILE_ID], const char *text);

#endif
