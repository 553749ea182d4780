#ifndef ENGINE_BUILDER_EMULATION_H
#define ENGINE_BUILDER_EMULATION_H

#include <stddef.h>

#include "base/platform.h"

/* The platforms whose programs this kernel can run: its own, and those that binfmt_misc has an emulator for. */
#define EMULATION_DIR "/proc/sys/fs/binfmt_misc"
#define EMULATION_MAX 16

/* Fills `ret` with the platforms, the machine's own first; returns their number (at least 1). An emulator counts if
 * it is enabled and preloaded (flag F: so it need not exist in the container). */
size_t emulation_platforms(const char *dir, struct platform ret[EMULATION_MAX]);

#endif
