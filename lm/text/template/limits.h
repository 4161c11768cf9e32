/* limits: what a chat template may take. A header alone: all files of the room go by it. */

#ifndef LM_TEXT_TEMPLATE_LIMITS_H
#define LM_TEXT_TEMPLATE_LIMITS_H

enum {
    JINJA_SOURCE_MAX = 1 << 20, /* bytes of a template */
    JINJA_OUTPUT_MAX = 1 << 26, /* bytes that it writes */
    JINJA_MEMORY_MAX = 1 << 28, /* bytes of values and texts while it runs */
    JINJA_STEPS_MAX = 1000000,  /* statements and operations */
    JINJA_DEPTH_MAX = 64,       /* blocks, parentheses, calls, values in one another */
    JINJA_WORK_MAX = 1 << 30,   /* bytes looked at: some seconds */
    JINJA_WORK_VALUE = 16       /* as many as looking at one value costs */
};

#endif
