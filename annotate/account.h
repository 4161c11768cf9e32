/* account: coming in, going, and what the page is told about who is in. Each answers one route. */

#ifndef ANNOTATE_ACCOUNT_H
#define ANNOTATE_ACCOUNT_H

struct desk_request;

/* self: struct caller (caller.h), of all functions of this kind. */
void account_enter(void *self, struct desk_request *request);   /* {"token"} */
void account_invited(void *self, struct desk_request *request); /* {"invite"}: is it good? */
void account_join(void *self,
                  struct desk_request *request); /* {"invite", "name"[, "password"]} */
void account_login(void *self, struct desk_request *request);    /* {"name", "password"} */
void account_logout(void *self, struct desk_request *request);   /* {} */
void account_password(void *self, struct desk_request *request); /* {"password"} */
void account_me(void *self, struct desk_request *request);
void account_pause(void *self, struct desk_request *request); /* {"paused"} */

#endif
