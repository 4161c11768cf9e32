/* handover: how processes of a host speak of artifacts: where one of them listens, and packets
 * that carry pages (SCM_RIGHTS). Who says what, and what is believed, is pages.c's.
 *
 * A run has HANDOVER_SLOTS places. Each is an abstract Unix address (unix(7)), which lives in the
 * network namespace and goes with its process; or, where DROVER_SHARE names a folder, a socket
 * there, for containers that share nothing else: a lock beside it is held as long as its process
 * lives, so one that was left behind is found out and replaced. The kernel says which user the
 * other side is (SO_PEERCRED). No clock, and nothing waits. */

#ifndef PROTO_HANDOVER_H
#define PROTO_HANDOVER_H

#include "proto/noun.h"

enum { HANDOVER_SLOTS = 4, HANDOVER_NAME = 64, HANDOVER_NONCE = 16 };

enum handover_kind {
    /* to who gives */
    HANDOVER_ASK = 1, /* hash or tag, nonce, bytes, artifact, name, here */
    HANDOVER_PUT,     /* hash, bytes, artifact, name, with pages: the sender holds these */
    HANDOVER_LEAVE,   /* the sender lacks or holds no longer what `ticket` named */
    /* from who gives */
    HANDOVER_PAGES, /* bytes, proof, with pages */
    HANDOVER_NEWS,  /* have of bytes, proof: still on its way */
    HANDOVER_NONE,  /* will not come from here */
    HANDOVER_KINDS,
};

/* In the bytes of this machine: both ends are on it. Answers bear the question's ticket. */
struct handover_packet {
    uint32_t magic, kind, ticket, artifact; /* artifact: enum artifact_kind */
    uint64_t bytes, have;
    struct hash hash; /* of the artifact; a tag for another user; in an answer to one a proof */
    uint8_t nonce[HANDOVER_NONCE];
    uint32_t here; /* 1: only if it is here now, nothing is to be pulled for this */
    char name[HANDOVER_NAME];
};

struct handover_who {
    bool ours;    /* our user */
    uint32_t uid; /* as we see it */
    int pid;      /* 0 if it has none here */
};

/* The folder that stands for the host (DROVER_SHARE), or NULL. */
const char *handover_folder(void);

/* Listens at a place. `lock`: -1, or to be kept open as long.
 * Errors: ERR_STATE (taken), ERR_IO (the system will not, or DROVER_HANDOVER=off). */
enum err handover_listen(int *fd, int *lock, const struct id *run, int slot) MUST_CHECK;
void handover_unlisten(int fd, int lock, const struct id *run, int slot);
/* The next who came, or -1. */
int handover_accept(int listening, struct handover_who *who);

/* Is a process stopped (a signal, a debugger), or gone? False: it runs, or that cannot be told. */
bool handover_stopped(int pid);

/* Connects to a place: a descriptor, or -1; *nobody: it is free, as far as one can see. */
int handover_dial(const struct id *run, int slot, struct handover_who *who, bool *nobody);

/* Sends a packet, `pages` with it unless -1. False: it did not go (full, or at its end). */
bool handover_send(int fd, struct handover_packet *packet, int pages);
/* 1: a packet, and in *pages what came with it or -1, the caller's now. 0: none yet. -1: the
 * end, or what is no packet. */
int handover_receive(int fd, struct handover_packet *packet, int *pages);

/* What a user says in place of a hash, to another user: who knows the hash can tell which is
 * meant; whoever else hears it learns nothing, nor can pass it on as his own question. */
struct hash handover_tag(const struct hash *hash, const uint8_t nonce[HANDOVER_NONCE],
                         uint32_t uid);
/* What answers another user: it shows that the hash is known. */
struct hash handover_proof(const struct hash *hash, const uint8_t nonce[HANDOVER_NONCE]);

#endif
