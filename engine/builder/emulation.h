#ifndef ENGINE_BUILDER_EMULATION_H
#define ENGINE_BUILDER_EMULATION_H

#include <stddef.h>

#include "base/platform.h"

/* The platforms whose programs this kernel runs: its own, and those that binfmt_misc has an emulator for. */
#define EMULATION_DIR "/proc/sys/fs/binfmt_misc"
#define EMULATION_MAX 16

/* Fills `ret` with the platforms, the machine's own first; returns how many (at least 1). An
 * emulator counts when it is enabled and opened beforehand (flag F: it need not be in the container). */
size_t emulation_platforms(const char *dir, struct platform ret[EMULATION_MAX]);

#endif
