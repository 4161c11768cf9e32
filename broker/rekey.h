/* rekey: the broker's ports take a new key while all else goes on. */

#ifndef BROKER_REKEY_H
#define BROKER_REKEY_H

#include <stdbool.h>
#include <stdint.h>

struct curve_keys;

enum { REKEY_PORTS = 3, REKEY_WORDS = 256 };

struct rekey {
    struct rekey_port {
        void *socket;
        const char *endpoint; /* as bound */
        int listen_fd;        /* that it took over, or -1 */
        bool bound;           /* not let go yet */
        bool pending, told;   /* nobody can come in by it; that was logged */
    } port[REKEY_PORTS];
    int n;
    const struct curve_keys *keys; /* the owner's, as long as any port is pending */
    int64_t since_ms;
    char words[REKEY_WORDS]; /* of what is pending, for people; "" if nothing is */
};

/* One more port, of a socket that is bound; all is borrowed. */
void rekey_add(struct rekey *rekey, void *socket, const char *endpoint, int listen_fd);
/* All of them let go of their connections; rekey_tick has them listen again, with `keys`. */
void rekey_begin(struct rekey *rekey, const struct curve_keys *keys, int64_t now_ms);
/* One try a port, without waiting. False: some are pending still, `words` says which and why. */
bool rekey_tick(struct rekey *rekey, int64_t now_ms);

#endif
