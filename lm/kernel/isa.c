/* Which table of kernels runs: the build says which exist, the CPU which of them work, the environment
 * or a test which is taken. The choice is made once, at the first kernel or at isa_check, and read
 * without a lock from then on: a race would only make the same choice twice. */

#include "lm/kernel/isa.h"

#include "lm/kernel/isa_list.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static const struct isa *_Atomic chosen;

/* The build says which tables exist, the CPU which of them run. */
#ifdef ISA_X86
static const struct isa *wide(int index)
{
    if (index == 1)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &isa_avx2
                                                                               : NULL;
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                   __builtin_cpu_supports("fma")
               ? &isa_avx512
               : NULL;
}
#else
static const struct isa *wide(int index)
{
    (void)index;
    return NULL;
}
#endif

const struct isa *isa_at(int index)
{
    return index == 0 ? &isa_scalar : wide(index);
}

/* By the name that a person wrote: an unknown one and one that this CPU lacks are two mistakes. */
static enum err find(const struct isa **out, const char *name)
{
    static const char *const names[] = {"scalar", "avx2", "avx512"};

    for (int i = 0; i < 3; i++) {
        if (strcmp(name, names[i]) != 0)
            continue;
        *out = isa_at(i);
        return *out ? OK
                    : err_set(ERR_RANGE, "instruction set %s: this CPU does not have it", name);
    }
    return err_set(ERR_RANGE, "instruction set \"%s\": not one of scalar, avx2, avx512", name);
}

/* The widest. On CPUs that clock down for AVX-512 it is still the faster for products. */
static const struct isa *best(void)
{
    for (int i = 2; i > 0; i--)
        if (isa_at(i))
            return isa_at(i);
    return &isa_scalar;
}

enum err isa_check(void)
{
    const char *forced = getenv("DROVER_ISA");
    const struct isa *found = NULL;
    /* volatile: or the compiler would answer for its own machine. */
    volatile float tiny = 0x1p-149f, one = 1.0f, ulp = 0x1p-24f;

    if (tiny * one == 0.0f || one + ulp != 1.0f || one + 3.0f * ulp != 1.0f + 0x1p-22f)
        return err_set(ERR_RANGE, "floating point: denormals are flushed, or rounding is not "
                                  "to nearest; results would differ from other machines");
    if (chosen || !forced || !*forced) /* a later change of the environment changes nothing */
        return OK;
    if (find(&found, forced))
        return err_add("DROVER_ISA");
    chosen = found;
    return OK;
}

const struct isa *isa_current(void)
{
    if (!chosen && (isa_check() || !chosen))
        chosen = best();
    return chosen;
}

enum err isa_force(const char *name)
{
    const struct isa *found = NULL;
    const enum err err = find(&found, name);

    if (!err)
        chosen = found;
    return err;
}
