#ifndef BASE_PLATFORM_H
#define BASE_PLATFORM_H

#include <stdbool.h>

/* "os/arch[/variant]", normalised as containerd's platforms package does it (aarch64 -> arm64,
 * x86_64 -> amd64, arm64/v8 -> arm64, armhf -> arm/v7, "arm64" alone -> linux/arm64). */
struct platform {
	char os[16];
	char arch[16];
	char variant[8]; /* "" when there is none */
};
#define PLATFORM_TEXT 44 /* enough for platform_text, with the NUL */

bool platform_parse(const char *s, struct platform *ret);
void platform_text(const struct platform *platform, char out[PLATFORM_TEXT]);
/* Takes the next older variant, whose programs run on this one, too: amd64/v3 becomes v2, then amd64 itself, arm/v7 v6, then v5,
 * arm64/v9 arm64 (containerd's order, platforms.Only). False when there is none. */
bool platform_weaker(struct platform *platform);
bool platform_equal(const struct platform *a, const struct platform *b);
/* The platform of this machine; its os is always "linux", because containers are. */
void platform_host(struct platform *ret);

#endif
