/* A fleet has one key file: the pair that every worker uses, and the broker's public key,
 * which is the same. It is read once, checked, handed to libzmq, which copies it, and wiped
 * with the process. */

#include "proto/curve.h"

#include "base/fs.h"
#include "base/mem.h"

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
    if (zmq_curve_keypair(out->public_key, out->secret_key))
        return err_set(ERR_STATE, "libzmq here is built without CURVE");
    memcpy(out->server_key, out->public_key, CURVE_TEXT);
    return OK;
}

/* ZPL, as czmq's zcert writes it (zeromq RFC 4). */
static int text_of(char out[FILE_MAX], const struct curve_keys *keys)
{
    return snprintf(out, FILE_MAX,
                    "#   drover fleet key: who has this file may join the fleet\n"
                    "metadata\n"
                    "    name = \"drover\"\n"
                    "curve\n"
                    "    public-key = \"%s\"\n"
                    "    secret-key = \"%s\"\n"
                    "    server-key = \"%s\"\n",
                    keys->public_key, keys->secret_key, keys->server_key);
}

enum err curve_save(const char *path, const struct curve_keys *keys)
{
    char text[FILE_MAX];
    const int n = text_of(text, keys);
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    enum err err = OK;

    if (fd < 0)
        return err_set(ERR_IO, "%s: %s", path, strerror(errno));
    if (write(fd, text, (size_t)n) != n || fsync(fd))
        err = err_set(ERR_IO, "%s: %s", path, strerror(errno));
    close(fd);
    sodium_memzero(text, sizeof text);
    if (err)
        unlink(path);
    return err;
}

/* The value of `name = "value"`, 40 characters of Z85. */
static bool find(char out[CURVE_TEXT], const char *text, const char *name)
{
    const size_t n = strlen(name);
    uint8_t key[32];

    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += strspn(line, " \t\r\n");
        if (!strncmp(line, name, n)) {
            const char *value = line + n + strspn(line + n, " \t=");
            if (*value++ != '"' || strcspn(value, "\"\n") != CURVE_TEXT - 1)
                return false;
            memcpy(out, value, CURVE_TEXT - 1);
            out[CURVE_TEXT - 1] = 0;
            return zmq_z85_decode(key, out) != NULL;
        }
    }
    return false;
}

static enum err parse(struct curve_keys *out, const char *text, const char *path)
{
    uint8_t secret[32], public[32];
    char derived[CURVE_TEXT];

    if (!find(out->public_key, text, "public-key") ||
        !find(out->secret_key, text, "secret-key"))
        return err_set(ERR_PARSE,
                       "%s: not a key file: public-key and secret-key of 40 characters are "
                       "needed; `drover keys new` makes one",
                       path);
    if (!find(out->server_key, text, "server-key"))
        memcpy(out->server_key, out->public_key, CURVE_TEXT);
    zmq_z85_decode(secret, out->secret_key);
    zmq_z85_decode(public, out->public_key);
    if (!zmq_curve_public(derived, out->secret_key) && strcmp(derived, out->public_key) != 0)
        return err_set(ERR_PARSE, "%s: its secret and public key do not belong together", path);
    sodium_memzero(secret, sizeof secret);
    return OK;
}

enum err curve_load(struct curve_keys *out, const char *path)
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

enum err curve_server(void *socket, const struct curve_keys *keys)
{
    const int one = 1;
    enum { ZAP_ENFORCE_DOMAIN = 93 }; /* hidden by zmq.h of 4.3.4, there at run time */
    enum err err = set(socket, ZMQ_CURVE_SERVER, &one, sizeof one, "ZMQ_CURVE_SERVER");

    if (!err)
        err = set(socket, ZMQ_CURVE_SECRETKEY, keys->secret_key, CURVE_TEXT, "key");
    if (!err)
        err = set(socket, ZMQ_ZAP_DOMAIN, "drover", 6, "ZMQ_ZAP_DOMAIN");
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
                   "%s: others can reach this address, so a key is needed (--key FILE; "
                   "`drover keys new` makes one)",
                   endpoint);
}
