/* curve: keys, and who may connect.
 *
 * Each process has a pair of its own and knows the broker's public key; the broker's secret is
 * nowhere but in its keys folder (keyring.h). A key file is a czmq certificate (ZPL text, Z85
 * keys), mode 0600. libzmq lets everybody in when no ZAP handler answers, so the handler comes
 * before any bind and a self test shows that it refuses. */

#ifndef PROTO_CURVE_H
#define PROTO_CURVE_H

#include "base/err.h"
#include "proto/noun.h"

#include <stdbool.h>
#include <stdint.h>

enum { CURVE_TEXT = 41, CURVE_NAME = 64 }; /* 40 characters of Z85 and a zero */

struct curve_keys {
    char public_key[CURVE_TEXT], secret_key[CURVE_TEXT];
    char server_key[CURVE_TEXT]; /* the broker's public key */
    char next_key[CURVE_TEXT];   /* the one that follows it while keys are rotated; else "" */
    enum role role;              /* that the key has; ROLE_NONE: the broker's own, or unsaid */
    char name[CURVE_NAME];       /* under which the keys folder has it; "" */
    int64_t from_s; /* of a broker's pair: from when on it counts, in seconds of the clock */
};

/* A fresh pair with nobody's role; server_key is its own public key. Errors: ERR_STATE if libzmq
 * has no CURVE. */
enum err curve_new(struct curve_keys *out) MUST_CHECK;

/* Writes a new file, mode 0600. Errors: ERR_IO (it exists already, or the system's reason). */
enum err curve_save(const char *path, const struct curve_keys *keys) MUST_CHECK;
/* The same over an old one, whole or not at all. Errors: ERR_IO. */
enum err curve_replace(const char *path, const struct curve_keys *keys) MUST_CHECK;

/* A worker's file. Errors: ERR_IO; ERR_PARSE; ERR_STATE if others than the owner may read it, or
 * if its secret is the broker's: such a key could pose as the broker. */
enum err curve_load(struct curve_keys *out, const char *path) MUST_CHECK;
/* The same of the broker's own file: here the secret must be the broker's. */
enum err curve_load_broker(struct curve_keys *out, const char *path) MUST_CHECK;

/* Z85 of a public key, and back. Errors: ERR_PARSE. */
void curve_text(char out[CURVE_TEXT], const struct hash *key);
enum err curve_key(struct hash *out, const char *text) MUST_CHECK;

void curve_wipe(struct curve_keys *keys);

/* Make a socket one end of CURVE; before bind or connect. What the socket's doorkeeper is asked
 * about is named by `domain`: CURVE_FLEET, or another word. */
#define CURVE_FLEET "drover"
#define CURVE_BOARD "dashboard"
enum err curve_server(void *socket, const struct curve_keys *keys,
                      const char *domain) MUST_CHECK;
enum err curve_client(void *socket, const struct curve_keys *keys) MUST_CHECK;

/* May a broker listen at `endpoint` without keys? Loopback and ipc only. Errors: ERR_STATE. */
enum err curve_plain_allowed(const char *endpoint) MUST_CHECK;

/* The doorkeeper of a context: the ZAP handler. One a context, opened before any bind. */
struct curve_zap;
enum err curve_zap_open(struct curve_zap **out, void *context) MUST_CHECK;
void curve_zap_close(struct curve_zap *zap); /* NULL is fine */
/* Lets a public key in, everywhere; refuses it again. Nobody is in at first. */
enum err curve_zap_allow(struct curve_zap *zap, const char *public_key) MUST_CHECK;
void curve_zap_deny(struct curve_zap *zap, const char *public_key);
/* Who decides about keys that are not on that list: may this one come in at `domain`? */
typedef bool curve_zap_fn(void *self, const struct hash *key, const char *domain);
void curve_zap_ask(struct curve_zap *zap, curve_zap_fn *may, void *self);
void *curve_zap_socket(const struct curve_zap *zap);
enum err curve_zap_readable(void *zap, int64_t now_ms) MUST_CHECK; /* for loop_socket */
uint64_t curve_zap_refused(const struct curve_zap *zap);           /* so far */

/* Connects over loopback with a key that is let in for it and with a stranger's, before the real
 * bind. Errors: ERR_STATE if the stranger gets in or the other does not within 5 s. */
enum err curve_zap_self_test(struct curve_zap *zap, void *context,
                             const struct curve_keys *keys) MUST_CHECK;

#endif
