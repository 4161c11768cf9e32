/* A key file is read once, checked, handed to libzmq, which copies it, and wiped with the
 * process. What it says besides the keys (name, role) is for people and for the words of errors:
 * what a key may do the broker looks up in its folder.
 *
 * Until every worker had a key of its own a fleet had one file for all, whose secret was the
 * broker's: such a file is known by its two equal public keys, and refused. */

#include "proto/curve.h"

#include "base/fs.h"
#include "base/mem.h"
#include "proto/role.h"
#include "proto/zpl.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

enum { FILE_MAX = 4096 };

enum err curve_new(struct curve_keys *out)
{
    memset(out, 0, sizeof *out);
    if (zmq_curve_keypair(out->public_key, out->secret_key))
        return err_set(ERR_STATE, "libzmq here is built without CURVE");
    memcpy(out->server_key, out->public_key, CURVE_TEXT);
    return OK;
}

/* ZPL, as czmq's zcert writes it (zeromq RFC 4). */
static char *text_of(size_t *n, const struct curve_keys *keys)
{
    const bool is_broker = !strcmp(keys->public_key, keys->server_key);
    struct strbuf text = {NULL, 0, 0};

    strbuf_print(&text, "#   drover: %s\nmetadata\n",
                 is_broker ? "the broker's own key: it stays where it is"
                           : "the key of one process; whoever has it is that process");
    zpl_put(&text, "name", keys->name);
    zpl_put(&text, "role", is_broker ? "broker" : role_name(keys->role));
    if (keys->from_s)
        zpl_put_number(&text, "from", keys->from_s);
    strbuf_print(&text, "curve\n");
    zpl_put(&text, "public-key", keys->public_key);
    zpl_put(&text, "secret-key", keys->secret_key);
    zpl_put(&text, "server-key", keys->server_key);
    if (*keys->next_key)
        zpl_put(&text, "next-key", keys->next_key);
    *n = text.n;
    return text.text;
}

enum err curve_save(const char *path, const struct curve_keys *keys)
{
    size_t n;
    char *text = text_of(&n, keys);
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    enum err err = OK;

    if (fd < 0)
        err = err_set(ERR_IO, "%s: %s", path, strerror(errno));
    else if (write(fd, text, n) != (ssize_t)n || fsync(fd))
        err = err_set(ERR_IO, "%s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    sodium_memzero(text, n);
    free(text);
    if (err && fd >= 0)
        unlink(path);
    return err;
}

/* Beside the old one, then over it: a worker that is ended within finds one or the other. */
enum err curve_replace(const char *path, const struct curve_keys *keys)
{
    char *new = mem_print("%s.new", path);
    enum err err;

    unlink(new); /* of one that was ended within */
    err = curve_save(new, keys);
    if (!err)
        err = fs_rename(new, path);
    if (err)
        unlink(new);
    free(new);
    return err;
}

/* 40 characters of Z85. */
static bool find(char out[CURVE_TEXT], const char *text, const char *name)
{
    uint8_t key[32];

    return zpl_text(out, CURVE_TEXT, text, name) && strlen(out) == CURVE_TEXT - 1 &&
           zmq_z85_decode(key, out);
}

static enum err parse(struct curve_keys *out, const char *text, const char *path)
{
    char derived[CURVE_TEXT], role[32];

    memset(out, 0, sizeof *out);
    if (!find(out->public_key, text, "public-key") ||
        !find(out->secret_key, text, "secret-key"))
        return err_set(ERR_PARSE,
                       "%s: not a key file: public-key and secret-key of 40 characters are "
                       "needed; `drover keys` makes one",
                       path);
    if (!find(out->server_key, text, "server-key"))
        return err_set(ERR_PARSE, "%s: no server-key: the broker's public key is missing",
                       path);
    if (!find(out->next_key, text, "next-key"))
        *out->next_key = 0;
    if (!zmq_curve_public(derived, out->secret_key) && strcmp(derived, out->public_key) != 0)
        return err_set(ERR_PARSE, "%s: its secret and public key do not belong together", path);
    zpl_text(out->name, sizeof out->name, text, "name");
    out->from_s = zpl_number(text, "from", 0);
    if (zpl_text(role, sizeof role, text, "role") && role_find(&out->role, role))
        out->role = ROLE_NONE;
    return OK;
}

/* Not a word of a file that others can read is believed to be secret. */
static enum err load(struct curve_keys *out, const char *path)
{
    struct stat status;
    char *text;
    size_t n;
    enum err err;

    if (stat(path, &status))
        return err_set(ERR_IO, "%s: %s", path, strerror(errno));
    if (status.st_mode & 077)
        return err_set(ERR_STATE, "%s: others may read this secret; chmod 600 %s", path, path);
    err = fs_read(&text, &n, path, FILE_MAX);
    if (err)
        return err;
    err = parse(out, text, path);
    sodium_memzero(text, n);
    free(text);
    return err;
}

enum err curve_load(struct curve_keys *out, const char *path)
{
    enum err err = load(out, path);

    if (!err && !strcmp(out->public_key, out->server_key)) {
        curve_wipe(out);
        err = err_set(ERR_STATE,
                      "%s: this is the broker's own secret, with which one can pose as the "
                      "broker; each worker has a key of its own: `drover keys new FOLDER` and "
                      "`drover keys add FOLDER NAME role=actor` make them, `drover-broker "
                      "--keys FOLDER` knows them",
                      path);
    }
    return err;
}

/* The other way round: a worker's key in the broker's place would lock all workers out. */
enum err curve_load_broker(struct curve_keys *out, const char *path)
{
    enum err err = load(out, path);

    if (!err && strcmp(out->public_key, out->server_key) != 0) {
        curve_wipe(out);
        err = err_set(ERR_STATE, "%s: this is a worker's key, not the broker's own", path);
    }
    return err;
}

void curve_wipe(struct curve_keys *keys)
{
    sodium_memzero(keys, sizeof *keys);
}

static enum err set(void *socket, int option, const void *value, size_t n, const char *name)
{
    if (zmq_setsockopt(socket, option, value, n))
        return err_set(ERR_IO, "%s: %s", name, zmq_strerror(errno));
    return OK;
}

enum err curve_server(void *socket, const struct curve_keys *keys, const char *domain)
{
    const int one = 1;
    enum { ZAP_ENFORCE_DOMAIN = 93 }; /* hidden by zmq.h of 4.3.4, there at run time */
    enum err err = set(socket, ZMQ_CURVE_SERVER, &one, sizeof one, "ZMQ_CURVE_SERVER");

    if (!err)
        err = set(socket, ZMQ_CURVE_SECRETKEY, keys->secret_key, CURVE_TEXT, "key");
    if (!err)
        err = set(socket, ZMQ_ZAP_DOMAIN, domain, strlen(domain), "ZMQ_ZAP_DOMAIN");
    if (!err)
        err = set(socket, ZAP_ENFORCE_DOMAIN, &one, sizeof one, "ZMQ_ZAP_ENFORCE_DOMAIN");
    return err;
}

enum err curve_client(void *socket, const struct curve_keys *keys)
{
    enum err err = set(socket, ZMQ_CURVE_SERVERKEY, keys->server_key, CURVE_TEXT, "server key");

    if (!err)
        err = set(socket, ZMQ_CURVE_PUBLICKEY, keys->public_key, CURVE_TEXT, "public key");
    if (!err)
        err = set(socket, ZMQ_CURVE_SECRETKEY, keys->secret_key, CURVE_TEXT, "secret key");
    return err;
}

enum err curve_plain_allowed(const char *endpoint)
{
    static const char *const local[] = {
        "tcp://127.", "tcp://localhost:", "tcp://[::1]:", "ipc://", "inproc://"};

    for (size_t i = 0; i < sizeof local / sizeof *local; i++)
        if (!strncmp(endpoint, local[i], strlen(local[i])))
            return OK;
    return err_set(ERR_STATE,
                   "%s: others can reach this address, so keys are needed (--keys FOLDER; "
                   "`drover keys new FOLDER` makes them)",
                   endpoint);
}

void curve_text(char out[CURVE_TEXT], const struct hash *key)
{
    zmq_z85_encode(out, key->byte, HASH_BYTES);
}

enum err curve_key(struct hash *out, const char *text)
{
    if (strlen(text) != CURVE_TEXT - 1 || !zmq_z85_decode(out->byte, text))
        return err_set(ERR_PARSE, "'%.50s' is not a public key", text);
    return OK;
}
