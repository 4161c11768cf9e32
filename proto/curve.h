/* curve: keys, and who may connect.
 *
 * One fleet key for now: the broker is its owner and every worker shows the same one. The file
 * is a czmq certificate (ZPL text, Z85 keys), mode 0600. libzmq lets everybody in when no ZAP
 * handler answers, so the handler comes before any bind and a self test shows that it refuses.
 */

#ifndef PROTO_CURVE_H
#define PROTO_CURVE_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum { CURVE_TEXT = 41 }; /* 40 characters of Z85 and a zero */

struct curve_keys {
    char public_key[CURVE_TEXT], secret_key[CURVE_TEXT];
    char server_key[CURVE_TEXT]; /* the broker's public key; equals public_key in a fleet key */
};

/* A fresh pair. Errors: ERR_STATE if libzmq has no CURVE. */
enum err curve_new(struct curve_keys *out) MUST_CHECK;

/* Writes a new file, mode 0600. Errors: ERR_IO (it exists already, or the system's reason). */
enum err curve_save(const char *path, const struct curve_keys *keys) MUST_CHECK;

/* Errors: ERR_IO; ERR_PARSE; ERR_STATE if others than the owner may read the file. */
enum err curve_load(struct curve_keys *out, const char *path) MUST_CHECK;

void curve_wipe(struct curve_keys *keys);

/* Make a socket one end of CURVE; before bind or connect. */
enum err curve_server(void *socket, const struct curve_keys *keys) MUST_CHECK;
enum err curve_client(void *socket, const struct curve_keys *keys) MUST_CHECK;

/* May a broker listen at `endpoint` without keys? Loopback and ipc only. Errors: ERR_STATE. */
enum err curve_plain_allowed(const char *endpoint) MUST_CHECK;

/* The doorkeeper of a context: the ZAP handler. One a context, opened before any bind. */
struct curve_zap;
enum err curve_zap_open(struct curve_zap **out, void *context) MUST_CHECK;
void curve_zap_close(struct curve_zap *zap); /* NULL is fine */
/* Lets a public key in; refuses it again. Nobody is in at first. */
enum err curve_zap_allow(struct curve_zap *zap, const char *public_key) MUST_CHECK;
void curve_zap_deny(struct curve_zap *zap, const char *public_key);
void *curve_zap_socket(const struct curve_zap *zap);
enum err curve_zap_readable(void *zap, int64_t now_ms) MUST_CHECK; /* for loop_socket */
uint64_t curve_zap_refused(const struct curve_zap *zap);           /* so far */

/* Connects over loopback with an allowed and with a stranger's key, before the real bind.
 * Errors: ERR_STATE if the stranger gets in or the allowed one does not within 5 s. */
enum err curve_zap_self_test(struct curve_zap *zap, void *context,
                             const struct curve_keys *keys) MUST_CHECK;

#endif
