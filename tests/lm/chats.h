/* chats: one of our chat templates, opened. */

#ifndef TESTS_LM_CHATS_H
#define TESTS_LM_CHATS_H

#include "tests/support/test.h"

#include "lm/text/chat.h"

/* Free it with chat_free. */
static inline struct chat *chats_named(const char *name)
{
    struct chat *chat;

    assert_ok(chat_named(&chat, name, NULL));
    return chat;
}

#endif
